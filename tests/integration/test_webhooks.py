"""Webhooks over real Kafka and HTTP: signed, and again after failures and deaths, but never inside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from base64 import b64encode
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from aiokafka import AIOKafkaProducer

from ops.codes import Locker
from ops.webhooks import channel
from ops.webhooks.delivery import Delivery
from ops.webhooks.registry import registry
from schemas.envelope import encode
from schemas.outputs import TOPIC_OF
from streams import admin
from streams.settings import CodeSettings, KafkaSettings, Settings, WebhookSettings
from tests.house.tree import ROOT
from tests.integration.endpoint import endpoint
from tests.integration.processes import Command
from tests.integration.rig import PATIENCE_S, until
from tests.schemas.test_outputs import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from ops.embedded.stack import Stack

pytestmark = pytest.mark.timeout(180)

KEYS = f"2026:{b64encode(bytes(range(32))).decode()}"
PARTITIONS = 2
SAMPLES: dict[str, Any] = {event.type: event for event in OUTPUTS}
HASTE = WebhookSettings(inside=True, timeout_s=2, tries=6, pause_s=0.05, pause_max_s=0.5)
ID, SECRET = re.compile(r"[0-9a-f-]{36}"), re.compile(r"whsec_\S+")


class Site:
    """An app with its topics: `cx webhooks` as commands, and who writes outputs."""

    def __init__(self, bootstrap: str, unique: str, folder: Path, producer: AIOKafkaProducer) -> None:
        self.settings = Settings(
            app=unique,
            partitions=PARTITIONS,
            data=folder,
            kafka=KafkaSettings(bootstrap=bootstrap, session_timeout_s=1, heartbeat_s=0.2),
            codes=CodeSettings.model_validate({"keys": KEYS}),
            webhooks=HASTE,
        )
        self.producer = producer
        self.number = 0
        self.variables = {
            "APP": unique,
            "PARTITIONS": str(PARTITIONS),
            "DATA": str(folder),
            "KAFKA__BOOTSTRAP": bootstrap,
            "KAFKA__SESSION_TIMEOUT_S": "1",
            "KAFKA__HEARTBEAT_S": "0.2",
            "CODES__KEYS": KEYS,
            "WEBHOOKS__INSIDE": "true",
            "WEBHOOKS__PAUSE_S": "0.05",
            "WEBHOOKS__PAUSE_MAX_S": "0.5",
            "WEBHOOKS__TIMEOUT_S": "2",
        }

    async def cx(self, *arguments: str, code: int = 0, **variables: str) -> str:
        own = {f"CX_{name}": text for name, text in (self.variables | variables).items()}
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "cli", "webhooks", *arguments],
            cwd=ROOT, env=os.environ | own, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    async def add(self, url: str, *arguments: str) -> tuple[str, str]:
        told = await self.cx("add", url, *arguments)
        return ID.findall(told)[0], SECRET.findall(told)[0]

    async def write(self, count: int, kind: str = "reward.issued") -> list[str]:
        """Write outputs in a transaction, and others in one that fails; return the ids of the former."""
        names = list[str]()
        for fails in (True, False):
            await self.producer.begin_transaction()
            names.clear()
            for number in range(count):
                name = str(uuid5(NAMESPACE_OID, f"{self.settings.app}-{self.number + number}-{fails}"))
                event = SAMPLES[kind].model_copy(update={"id": name, "subject": f"kh-{number % 7}"})
                await self.producer.send(TOPIC_OF[kind], encode(event), event.subject.encode())
                names.append(name)
            await self.producer.flush()
            await (self.producer.abort_transaction() if fails else self.producer.commit_transaction())
        self.number += count
        return names

    async def write_until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await self.write(1)
                await asyncio.sleep(0.2)

    async def until_stored(self, *, waiting: int, disabled: int = 0) -> None:
        """Wait until so many deliveries are to be tried again, and so many subscriptions are disabled."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                subscriptions, retries = await self.stored()
                off = sum(one.disabled is not None for one in subscriptions.values())
                if (len(retries), off) == (waiting, disabled):
                    return
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def delivering(self, settings: WebhookSettings = HASTE) -> AsyncIterator[asyncio.Task[None]]:
        own = self.settings.model_copy(update={"webhooks": settings})
        task = asyncio.create_task(Delivery(own, Locker(own.codes)).run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def stored(self) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
        """Return what is in both topics: subscriptions and retries."""
        async with registry(self.settings.kafka) as known:
            return known.subscriptions, known.retries


@pytest.fixture
async def site(own_stack: Stack, unique: str, tmp_path: Path) -> AsyncIterator[Site]:
    producer = AIOKafkaProducer(bootstrap_servers=own_stack.bootstrap, transactional_id=unique)
    await producer.start()
    found = Site(own_stack.bootstrap, unique, tmp_path, producer)
    await admin.create(found.settings)
    yield found
    await producer.stop()
    async with registry(found.settings.kafka) as known:  # the topics are those of all tests here
        for name in list(known.subscriptions):
            await known.remove(name)
        for subscription, event in list(known.retries):
            await known.remove_retry(subscription, event)


async def test_what_happens_from_then_on_is_delivered_signed_and_once(site: Site) -> None:
    await site.write(5)
    with endpoint() as there:
        _, secret = await site.add(there.url + "hook?a=1", "--type", "reward.issued")
        there.secrets = [secret]
        names = await site.write(12)  # before anybody delivers
        async with site.delivering():
            await until(lambda: len(there.taken) >= 12)
            names += await site.write(12)
            await site.write(3, "tier.upgraded")
            await until(lambda: len(there.taken) >= 24)
            await asyncio.sleep(0.5)  # so that a second delivery would show

    assert there.taken == dict.fromkeys(names, 1)
    assert set(there.signed) == {(True,)}
    assert set(there.paths) == {"/hook?a=1"}
    assert {body["type"] for body in there.bodies.values()} == {"reward.issued"}
    assert all(body["id"] == name for name, body in there.bodies.items())


async def test_what_fails_is_tried_again_without_holding_others_up_and_in_the_end_given_up(site: Site) -> None:
    with endpoint() as there:
        there.of = lambda name, number: 200 if name[0] in "01234567" or (name[0] in "89ab" and number == 3) else 500
        await site.add(there.url, "--type", "reward.issued")
        async with site.delivering():
            names = await site.write(40)
            await until(lambda: len(there.asked) == 40)
            hopeless = [name for name in names if name[0] in "cdef"]
            await until(lambda: sum(there.taken.values()) == 40 - len(hopeless))
            await until(lambda: all(there.asked[name] == HASTE.tries for name in hopeless))
            await site.until_stored(waiting=0)

    assert hopeless
    for name in names:
        assert there.asked[name] == (1 if name[0] in "01234567" else 3 if name[0] in "89ab" else HASTE.tries)


async def test_retries_outlive_the_process_whenever_it_is_killed(site: Site) -> None:
    with endpoint() as there, ExitStack() as stack:
        there.of = lambda _, number: 200 if number > 2 else 503
        await site.add(there.url, "--type", "reward.issued")
        names = await site.write(15)
        for seen in (1, 12, 24):
            running = stack.enter_context(Command("webhooks", "run", **site.variables))
            await there.until_asked(seen)
            names += await site.write(5)
            running.process.kill()
            assert await asyncio.to_thread(running.process.wait) == -signal.SIGKILL
        last = stack.enter_context(Command("webhooks", "run", **site.variables))
        await until(lambda: len(there.taken) >= len(names))
        await site.until_stored(waiting=0)
        last.process.terminate()
        assert await asyncio.to_thread(last.process.wait) == 0
        printed = "\n".join(last.lines)

    assert set(there.taken) == set(names), "nothing is lost, and nothing of failed transactions delivered"
    # Who died with deliveries under way makes them again, under the same id: those at once, for each death.
    assert there.taken.total() - len(names) <= 3 * HASTE.at_once
    assert there.url not in printed


async def test_410_disables_and_a_removed_one_hears_nothing_more(site: Site) -> None:
    with endpoint() as gone, endpoint() as removed:
        gone.of = lambda _, __: 410
        removed.of = lambda _, __: 500
        first, _ = await site.add(gone.url, "--type", "reward.issued")
        second, _ = await site.add(removed.url, "--type", "reward.issued")
        async with site.delivering(HASTE.model_copy(update={"pause_s": 60.0, "pause_max_s": 60.0})):
            await site.write(1)
            await site.until_stored(waiting=1, disabled=1)
            listed = await site.cx("list")
            assert f"{first}  gone" in listed
            assert f"{second}  1 to be tried again" in listed
            await site.cx("remove", second[:8])
            await site.write(3)
            await asyncio.sleep(1.5)
        assert (gone.asked.total(), removed.asked.total()) == (1, 1)
        subscriptions, retries = await site.stored()
        assert set(subscriptions) == {first}
        assert not retries
        async with site.delivering():
            await site.write(2)
            await asyncio.sleep(1.5)
        assert gone.asked.total() == 1


async def test_a_new_secret_and_the_old_one_hold_for_a_while(site: Site) -> None:
    with endpoint() as there:
        name, old = await site.add(there.url, "--type", "reward.issued")
        async with site.delivering():
            there.secrets = [old]
            await site.write(1)
            await until(lambda: there.signed)
            new = SECRET.findall(await site.cx("rotate", name[:8]))[0]
            there.secrets = [old, new]
            await site.write_until(lambda: there.signed[-1] == (True, True))
            newest = SECRET.findall(await site.cx("rotate", name, "--overlap", "0"))[0]
            there.secrets = [old, new, newest]
            await site.write_until(lambda: there.signed[-1] == (False, False, True))
    raw = json.dumps([one.model_dump(mode="json") for one in (await site.stored())[0].values()])
    assert not any(secret.removeprefix("whsec_") in raw for secret in (old, new, newest))


async def test_redirects_and_slow_answers_are_failures_and_nobody_is_sent_elsewhere(site: Site) -> None:
    with endpoint() as there:
        there.plan.extend([302, 307, 301])
        await site.add(there.url + "here", "--type", "reward.issued")
        async with site.delivering(HASTE.model_copy(update={"timeout_s": 0.5})):
            (name,) = await site.write(1)
            await until(lambda: there.taken[name] == 1)
            assert (there.asked[name], set(there.paths)) == (4, {"/here"})
            there.slow_s = 1.0
            (slow,) = await site.write(1)
            await until(lambda: there.asked[slow] >= 2)
            there.slow_s = 0.0
            await site.until_stored(waiting=0)


async def test_within_our_own_network_nothing_is_delivered_unless_a_setting_says_so(site: Site) -> None:
    with endpoint() as there:
        refused = await site.cx("add", there.url, code=2, WEBHOOKS__INSIDE="false")
        assert "https" in refused
        https = there.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
        await site.cx("add", https, "--type", "reward.issued", WEBHOOKS__INSIDE="false")
        await site.add(there.url, "--type", "reward.issued")  # by somebody whose settings are others
        async with site.delivering(HASTE.model_copy(update={"inside": False, "pause_s": 60.0, "pause_max_s": 60.0})):
            await site.write(1)
            await site.until_stored(waiting=2)
        assert there.connected == 0, "not even to see who is there"


async def test_one_delivers_and_another_stands_by(site: Site) -> None:
    with endpoint() as there:
        await site.add(there.url, "--type", "reward.issued")
        async with site.delivering():
            names = await site.write(5)
            await until(lambda: len(there.taken) >= 5)
            async with site.delivering():
                names += await site.write(10)
                await until(lambda: len(there.taken) >= 15)
                await asyncio.sleep(1)
        async with site.delivering():
            names += await site.write(5)
            await until(lambda: len(there.taken) >= 20)
    # A place may change hands while a batch is under way; who gave it up is cancelled, and those are made again.
    assert set(there.taken) == set(names)
    assert there.taken.total() <= len(names) + HASTE.at_once


async def test_an_endpoint_with_many_failures_is_sent_nothing_new(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "RETRIES_MAX", 10)
    with endpoint() as there:
        there.of = lambda _, __: 500
        await site.add(there.url, "--type", "reward.issued")
        async with site.delivering(HASTE.model_copy(update={"pause_s": 1.0, "tries": 50, "pause_max_s": 1.0})):
            names = await site.write(60)
            await until(lambda: len(there.asked) >= 10)
            await asyncio.sleep(1.5)
            assert len(there.asked) < 10 + HASTE.at_once
            there.of = lambda _, __: 200
            await until(lambda: len(there.taken) == 60)
    assert set(there.taken) == set(names)


async def test_what_cannot_be_added_or_found_is_told_in_a_line(site: Site) -> None:
    assert "no event has it: no.such" in await site.cx("add", "https://shop.example/", "--type", "no.such", code=2)
    assert "there is no webhook of this id" in await site.cx("remove", "0" * 8, code=1)
    assert "CX_CODES__KEYS" in await site.cx("add", "https://shop.example/", code=78, CODES__KEYS="")
    assert "CX_CODES__KEYS" in await site.cx("run", code=78, CODES__KEYS="")
