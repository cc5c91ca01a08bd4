"""A notification service to begin with: `python examples/notification_service.py --file told.sqlite`.

It reads `cx.rewards` and `cx.tier-changes` read committed, in a group of its own, and tells each customer each thing
once, in Vietnamese or English, unless the event says `notify: false`. It may be killed at any instant:

1. What was read becomes messages in a file of SQLite, one an event, whose id is there only once; only
   then is it committed to Kafka. Who dies in between reads it again and finds it there.
2. A message is marked as being told, given to the gateway under the event's id, and marked as told. Who dies in between
   does not know whether the gateway has it, and gives it again: **the gateway makes one of the two, by their key**.

The gateway of this example is a table that does so. A real one for SMS or push mostly takes such a key as well
(`Idempotency-Key`, `client_ref`), and keeps it for some hours or days: be back before that. SMTP knows none: there
nobody can have both "surely" and "once". `--unsure hold` then leaves what may have been told for a person to look at,
`--unsure again`, the default, tells it again.

One file belongs to one service of a group. Where several share the work, put the table into a database of all.
Settings of Kafka are those of cxstream, such as `CX_KAFKA__BOOTSTRAP`; without any it is that of `cx up` here. It ends
on Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from zoneinfo import ZoneInfo

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError

from cli.here import settings_here
from cli.screen.money import money
from schemas.errors import Reason, Unreadable
from schemas.outputs import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aiokafka import ConsumerRecord, TopicPartition

    from cli.screen.money import Lang
    from schemas.outputs import OutputEvent

log = logging.getLogger("notifications")

TOPICS = ("cx.rewards", "cx.tier-changes")
POLL_MS = 200
PAUSE_S = 5.0  # after a gateway has failed
BATCH_MAX = 100

# A type without a template is told to nobody; a newer cxstream may have more of them. Behind a colon: the reason.
TEMPLATES = {
    "vi": {
        "reward.offered": "Bạn được chọn một món quà: {choices}.{until}",
        "reward.issued": "Quà của bạn: {brand}, trị giá {amount}.{until}",
        "reward.unavailable": "Rất tiếc, món quà dành cho bạn hiện không còn.",
        "reward.unavailable:waitlisted": "Món quà của bạn tạm hết. Chúng tôi sẽ báo bạn khi có hàng.",
        "reward.expiring": "Quà của bạn sắp hết hạn.{until}",
        "reward.expired": "Quà của bạn đã hết hạn.",
        "reward.revoked": "Quà chưa dùng của bạn đã được thu hồi.",
        "tier.upgraded": "Chúc mừng! Bạn đã lên hạng {to}.",
        "tier.downgraded": "Hạng thành viên của bạn nay là {to}.",
        "tier.corrected": "Chúng tôi đã điều chỉnh: hạng thành viên của bạn là {to}.",
        "until": " Hạn dùng: {day:%d/%m/%Y}.",
    },
    "en": {
        "reward.offered": "You may choose a gift: {choices}.{until}",
        "reward.issued": "Your gift: {brand}, worth {amount}.{until}",
        "reward.unavailable": "We are sorry: there is no gift left for this reward.",
        "reward.unavailable:waitlisted": "Your gift has run out for the moment. We tell you when it is there.",
        "reward.expiring": "Your gift runs out soon.{until}",
        "reward.expired": "Your gift has run out.",
        "reward.revoked": "Your unused gift was taken back.",
        "tier.upgraded": "Congratulations! You are now {to}.",
        "tier.downgraded": "Your tier is now {to}.",
        "tier.corrected": "We have put it right: your tier is {to}.",
        "until": " Until {day:%d %B %Y}.",
    },
}
LANGUAGE = "vi"  # of a customer whose language nobody knows

Mark = Literal["new", "telling", "told", "silent", "unsure"]


@dataclass(frozen=True, slots=True)
class Message:
    """What a customer is told, under the id of the event that says so; who they are, the gateway knows by their id."""

    id: str
    customer: str
    text: str
    mark: Mark = "new"


class NotTakenError(Exception):
    """The gateway has surely not taken a message, as where it cannot be reached."""


class Gateway(Protocol):
    """Whoever brings messages to people; called in a thread of its own, since heartbeats must go on meanwhile."""

    def send(self, message: Message) -> None:
        """Bring *message* to its customer, once for each id.

        Raises:
            NotTakenError: it did not; try again.
            TimeoutError: nobody knows.
        """


class Table:
    """A gateway to try with: a table in which each key is there once. How often it was asked is counted."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS sent (key TEXT PRIMARY KEY, customer TEXT, text TEXT, asked INTEGER)"
        )

    def send(self, message: Message) -> None:
        """Take *message*, unless it is there."""
        self._file.execute(
            "INSERT INTO sent VALUES (?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET asked = asked + 1",
            (message.id, message.customer, message.text),
        )


class Messages:
    """What is to be told and what was, in a file that outlives us; each call is one transaction, on disk at its end."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL,"
            " customer TEXT NOT NULL, text TEXT NOT NULL, mark TEXT NOT NULL)"
        )
        self._file.execute("CREATE INDEX IF NOT EXISTS waiting ON messages (number) WHERE mark IN ('new', 'telling')")

    def take(self, messages: Iterable[Message]) -> None:
        """Keep *messages*, but for those that are known."""
        self._file.execute("BEGIN IMMEDIATE")
        self._file.executemany(
            "INSERT OR IGNORE INTO messages (id, customer, text, mark) VALUES (?, ?, ?, ?)",
            [(message.id, message.customer, message.text, message.mark) for message in messages],
        )
        self._file.execute("COMMIT")

    def waiting(self) -> list[Message]:
        """Return what is to be told, in the order in which it came."""
        found = self._file.execute(
            "SELECT id, customer, text, mark FROM messages WHERE mark IN ('new', 'telling') ORDER BY number LIMIT ?",
            (BATCH_MAX,),
        )
        return [Message(*row) for row in found]

    def hold(self) -> int:
        """Leave what may have been told to a person; return how many these are."""
        return self._file.execute("UPDATE messages SET mark = 'unsure' WHERE mark = 'telling'").rowcount

    def mark(self, message: Message, mark: Mark) -> None:
        """Write down how far *message* is."""
        self._file.execute("UPDATE messages SET mark = ? WHERE id = ?", (mark, message.id))


def message_of(event: OutputEvent, zone: ZoneInfo) -> Message | None:
    """Return what *event* has to tell its customer; None if it is nothing that one tells."""
    data: Any = event.data
    lang: Lang = "vi" if (data.locale or LANGUAGE).startswith("vi") else "en"
    words = TEMPLATES[lang]
    template = words.get(f"{event.type}:{getattr(data, 'reason', '')}") or words.get(event.type)
    if template is None:
        return None
    until: datetime | None = getattr(data, "valid_until", None) or getattr(data, "choose_until", None)
    choices = [f"{gift.brand} {money(gift.face_value, gift.currency, lang)}" for gift in getattr(data, "choices", ())]
    text = template.format(
        choices=", ".join(choices),
        brand=getattr(data, "brand", ""),
        amount=money(data.face_value, data.currency, lang) if event.type == "reward.issued" else "",
        to=getattr(data, "to_tier", ""),
        until=words["until"].format(day=until.astimezone(zone)) if until else "",
    )
    return Message(event.id, event.subject, text, "new" if data.notify else "silent")


class Teller:
    """Tells what waits; *hold* leaves to a person what may have been told."""

    def __init__(self, messages: Messages, gateway: Gateway, *, hold: bool) -> None:
        self._messages, self._gateway, self._hold = messages, gateway, hold

    async def tell(self) -> bool:
        """Tell some of what waits; return whether there was any."""
        waiting = self._messages.waiting()
        for message in waiting:
            self._messages.mark(message, "telling")
            mark: Mark = "told"
            try:
                await asyncio.to_thread(self._gateway.send, message)
            except (NotTakenError, TimeoutError) as error:
                log.warning("gateway has not taken a message", extra={"error": type(error).__name__})
                mark = "unsure" if self._hold and isinstance(error, TimeoutError) else "new"
            self._messages.mark(message, mark)
            if mark == "new":
                await asyncio.sleep(PAUSE_S)  # those behind wait, so that nobody hears the later before the sooner
                break
        return bool(waiting)


class Service:
    """Reads what happens, keeps it as messages, and has them told."""

    def __init__(self, options: argparse.Namespace, messages: Messages, teller: Teller) -> None:
        self._messages, self._teller, self._zone = messages, teller, options.zone
        self._begun: set[TopicPartition] = set()
        self._consumer = AIOKafkaConsumer(
            *TOPICS,
            group_id=options.group,
            group_instance_id=options.group,  # who comes back goes on at once, instead of when its session has run out
            isolation_level="read_committed",  # what a failed transaction left behind never was
            enable_auto_commit=False,
            auto_offset_reset=options.start,
            **settings_here().kafka.client_options(),
        )

    async def run(self) -> None:
        """Work until cancelled."""
        await self._consumer.start()
        try:
            while True:
                busy = await self._teller.tell()
                batches = await self._consumer.getmany(timeout_ms=0 if busy else POLL_MS, max_records=BATCH_MAX)
                await self._keep([record for records in batches.values() for record in records])
        finally:
            await self._consumer.stop()

    async def _keep(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        if records:
            self._messages.take(filter(None, map(self._message, records)))
        assigned = self._consumer.assignment()
        if records or assigned - self._begun:  # the beginning as well: `latest` must not be a later one after a crash
            try:
                await self._consumer.commit({place: await self._consumer.position(place) for place in assigned})
            except (CommitFailedError, IllegalStateError):
                log.info("partitions are dealt anew")  # read again, and known
                return
            self._begun = assigned

    def _message(self, record: ConsumerRecord[bytes, bytes]) -> Message | None:
        try:
            event = read(record.topic, record.value, record.headers)
        except Unreadable as refusal:
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            level = logging.INFO if refusal.reason is Reason.UNKNOWN_TYPE else logging.ERROR  # of a newer cxstream
            log.log(level, "left out", extra=place | {"reason": refusal.reason})
            return None
        return message_of(event, self._zone)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--file", type=Path, default=Path("told.sqlite"), help="what is to be told, and what was")
    parser.add_argument("--sent", type=Path, default=Path("sent.sqlite"), help="the gateway's own file")
    parser.add_argument("--group", default="notifications", help="the Kafka group; one service, one file, one group")
    parser.add_argument("--start", choices=("earliest", "latest"), default="earliest", help="where to begin at first")
    parser.add_argument("--unsure", choices=("again", "hold"), default="again", help="what may have been told")
    parser.add_argument("--zone", type=ZoneInfo, default=ZoneInfo("Asia/Ho_Chi_Minh"), help="of the days in messages")
    return parser.parse_args(arguments)


async def main(options: argparse.Namespace) -> None:
    """Run one service until it is asked to stop."""
    logging.basicConfig(level=logging.INFO)
    messages, hold = Messages(options.file), options.unsure == "hold"
    if hold and (count := messages.hold()):
        log.warning("%d messages may have been told and are left to you", count)
    teller = Teller(messages, Table(options.sent), hold=hold)
    task = asyncio.create_task(Service(options, messages, teller).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


if __name__ == "__main__":
    asyncio.run(main(options_of()))
