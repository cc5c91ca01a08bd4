"""When a token is taken: by its secret, until it ends, and the one of before for as long as was said."""

from datetime import UTC, datetime, timedelta

import pytest

from serving.tokens import Token, digest_of

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
