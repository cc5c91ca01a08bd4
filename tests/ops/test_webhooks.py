"""Webhooks without a network: signatures as somebody else checks them, addresses, pauses."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta, tzinfo
from ipaddress import ip_address
from typing import Any, Self

import httpcore
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ops.codes import Locker, NoKeyError, SealError
from ops.webhooks import signing
from ops.webhooks.addresses import AddressError, Guard, check_url, is_outside
from ops.webhooks.channel import pause_s
from ops.webhooks.registry import NoSubscriptionError, Registry
from schemas.webhooks import Subscription
from streams.settings import CodeSettings, WebhookSettings
from tests.schemas.samples import OTHER_UUID, UUID

KEY = b64encode(bytes(range(32))).decode()
LOCKER = Locker(CodeSettings.model_validate({"keys": f"2026:{KEY}"}))
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
BODY = '{"id":"e1","name":"Đặng"}'.encode()


class Stopped(datetime):
    """A clock for the verifier, which takes nothing that is older than five minutes."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(NOW.timestamp(), tz)


@pytest.fixture(autouse=True)
def _at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Stopped)


def subscription(*secrets: tuple[str, datetime | None], name: str = UUID) -> Subscription:
    kept = [signing.sealed(LOCKER, name, secret).model_copy(update={"until": until}) for secret, until in secrets]
    return Subscription(id=name, url="https://example.com/", secrets=tuple(kept), created=NOW)


def told(to: Subscription, at: datetime = NOW) -> dict[str, str]:
    return signing.headers(signing.opened(LOCKER, to, at), "e1", at, BODY)


def test_a_delivery_is_verified_by_the_standards_own_package() -> None:
    secret = signing.new_secret()

    assert Webhook(secret).verify(BODY, told(subscription((secret, None)))) == json.loads(BODY)


@pytest.mark.parametrize("change", ["body", "id", "timestamp", "secret"])
def test_what_was_changed_on_its_way_is_refused(change: str) -> None:
    secret = signing.new_secret()
    headers, body = told(subscription((secret, None))), BODY
    if change == "body":
        body = BODY + b" "
    elif change == "id":
        headers["webhook-id"] = "e2"
    elif change == "timestamp":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    else:
        secret = signing.new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_after_a_rotation_old_and_new_secret_hold_until_the_old_ones_end() -> None:
    old, new = signing.new_secret(), signing.new_secret()
    to = subscription((new, None), (old, NOW + timedelta(seconds=2)))

    for secret in (old, new):
        Webhook(secret).verify(BODY, told(to))
    after = told(to, NOW + timedelta(seconds=2))
    Webhook(new).verify(BODY, after)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(BODY, after)


def test_secrets_are_long_differ_and_are_stored_only_sealed() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    stored = subscription((one, None)).model_dump_json()

    assert one != other
    assert one.startswith("whsec_")
    assert one.removeprefix("whsec_") not in stored
    with pytest.raises(SealError):
        signing.opened(LOCKER, subscription((one, None)).model_copy(update={"id": OTHER_UUID}), NOW)
    with pytest.raises(NoKeyError):
        signing.sealed(Locker(CodeSettings()), UUID, one)


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("172.32.0.1", True),
        ("192.168.1.1", False),
        ("169.254.169.254", False),  # where clouds keep a machine's credentials
        ("100.64.0.1", False),
        ("100.128.0.1", True),
        ("0.0.0.0", False),  # noqa: S104  # nobody listens
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("198.18.0.1", False),
        ("192.0.0.9", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
    ],
)
def test_only_addresses_of_the_public_internet_are_outside(address: str, outside: bool) -> None:  # noqa: FBT001  # a column
    assert is_outside(ip_address(address)) is outside


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "::1", "0", "2130706433", "0x7f.1", "127.1", "169.254.169.254"]
)
async def test_a_name_is_judged_by_where_it_leads_however_it_is_written(host: str) -> None:
    with pytest.raises((AddressError, httpcore.ConnectError)):
        await Guard(inside=False).connect_tcp(host, 443)


async def test_a_name_that_leads_outside_first_and_inside_then_is_connected_to_as_it_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [[(2, 1, 6, "", ("10.0.0.1", 443)), (2, 1, 6, "", ("93.184.216.34", 443))], []]
    connected = list[str]()

    class Resolver:
        async def getaddrinfo(self, *_: object, **__: object) -> list[Any]:
            return answers.pop(0)

    async def connect(_: object, host: str, *__: object) -> None:
        connected.append(host)

    monkeypatch.setattr("ops.webhooks.addresses.asyncio.get_running_loop", Resolver)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    await Guard(inside=False).connect_tcp("rebinds.example", 443)

    assert connected == ["93.184.216.34"], "never a name, which would be asked for again"


@pytest.mark.parametrize(
    ("url", "inside", "good"),
    [
        ("https://shop.example/hooks?a=1", False, True),
        ("https://shop.example:8443/", False, True),
        ("http://shop.example/", False, False),
        ("http://shop.example/", True, True),
        ("ftp://shop.example/", True, False),
        ("file:///etc/passwd", True, False),
        ("https://", False, False),
        ("https:///path", False, False),
        ("https://me:secret@shop.example/", False, False),
        ("https://shop.example/#part", False, False),
        ("https://shop.example:0/", False, False),
        ("https://shop.example:99999/", False, False),
        ("https://shop.example/a b\r\nx: y", False, False),
        ("https://shop.example/é", False, False),
        ("https://shop.example/" + "x" * 1_003, False, True),
        ("https://shop.example/" + "x" * 1_004, False, False),
        ("not a url", True, False),
    ],
)
def test_an_address_has_to_be_one_of_a_web_server_and_no_more(url: str, inside: bool, good: bool) -> None:  # noqa: FBT001  # columns
    if good:
        check_url(url, inside=inside)
        return
    with pytest.raises(AddressError) as refusal:
        check_url(url, inside=inside)
    assert "secret" not in str(refusal.value)


def test_pauses_grow_fivefold_up_to_half_a_day_and_last_for_more_than_a_day() -> None:
    own = WebhookSettings()
    longest = [pause_s(own, number, lambda _, most: most) for number in range(1, own.tries)]

    assert longest == [5, 25, 125, 625, 3_125, 15_625, 43_200, 43_200]
    assert sum(longest) > 86_400
    assert pause_s(own, 1, lambda least, _: least) == 3.75


def test_a_subscription_is_found_by_the_beginning_of_its_id_where_there_is_one() -> None:
    known = Registry(None, None)
    assert UUID[0] != OTHER_UUID[0]
    for name in (UUID, OTHER_UUID, UUID[:-1] + "0"):
        known.subscriptions[name] = subscription(("whsec_AAAA", None), name=name)

    assert known.find(OTHER_UUID[:3].upper()).id == OTHER_UUID
    assert known.find(UUID).id == UUID
    for name in ("", UUID[:3], "zz"):
        with pytest.raises(NoSubscriptionError):
            known.find(name)
