"""When a token is taken: by its secret, until it ends, and the one of before for as long as was said."""

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta

import pytest

from serving.profiles import Breaker, RedisAwayError
from serving.tokens import Token, digest_of, made
from tests.serving.api import AWAY, calling, service

END = datetime(2026, 3, 1, tzinfo=UTC)
TOKEN = Token(
    id="a",
    name="till",
    digest=digest_of("new"),
    scopes=("cx:read",),
    created=END - timedelta(days=90),
    expires=END,
    before=digest_of("old"),
    before_until=END - timedelta(days=1),
)
JUST = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("secret", "now", "fits"),
    [
        ("new", END - JUST, True),
        ("new", END, False),
        ("old", END - timedelta(days=1) - JUST, True),
        ("old", END - timedelta(days=1), False),
        ("other", END - timedelta(days=2), False),
        ("", END - timedelta(days=2), False),
    ],
)
def test_a_token_is_taken_until_its_end(secret: str, now: datetime, *, fits: bool) -> None:
    assert TOKEN.fits(secret, now) is fits


def test_without_a_rotation_there_is_nothing_of_before() -> None:
    plain = TOKEN.model_copy(update={"before": None, "before_until": None})

    assert not plain.fits("old", END - timedelta(days=2))
    assert not plain.fits("", END - timedelta(days=2))


async def test_what_was_seen_long_ago_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    served = service(AWAY)
    tokens, now = served.access.tokens, datetime.now(UTC)
    token, sent = made("till", ("cx:read",), now=now, expires=now + timedelta(hours=1))
    tokens.remember(token)
    assert await tokens.known(sent, now) == token
    monkeypatch.setattr("serving.tokens.STALE_S", 0.0)
    with pytest.raises(RedisAwayError):
        await tokens.known(sent, now)
    await served.profiles.redis.close()


@pytest.mark.parametrize("sent", ["", "cx", "cx__", "cx_0123456789ab", "cx_0123456789ab_", "cy_0123456789ab_x"])
async def test_what_is_no_token_is_looked_up_nowhere(sent: str) -> None:
    assert await service(AWAY).access.tokens.known(sent, datetime.now(UTC)) is None


async def test_a_call_with_a_known_token_waits_for_redis_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the profile: where Redis hangs, a till has the base tier after that one wait."""
    monkeypatch.setattr("serving.limits.SYNC_S", 3_600.0)
    served, asked = service(AWAY), list[float | None]()

    async def ask(answer: Coroutine[object, object, object], patience_s: float | None = None) -> object:
        answer.close()
        asked.append(patience_s)
        raise RedisAwayError

    async with calling(served) as api:
        monkeypatch.setattr(Breaker, "ask", staticmethod(ask))
        assert (await api.get("/v1/customers/lan")).json()["degraded"] is True
    assert asked == [None]
