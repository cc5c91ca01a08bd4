"""Gift codes under lock and key: opened only by their key and for their gift, known again, and masked."""

from __future__ import annotations

from base64 import b64encode

import pytest
from pydantic import ValidationError

from ops.codes import Locker, NoKeyError, SealError, mask
from streams.settings import CodeSettings

OLD, NEW, IDENTITY = (b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))


def locker(keys: str = f"2026:{NEW},2025:{OLD}", identity: str = IDENTITY) -> Locker:
    return Locker(CodeSettings.model_validate({"keys": keys, "identity": identity}))


def test_what_is_sealed_is_opened_again_and_looks_different_each_time() -> None:
    sealed = [locker().seal("shop", "coffee", "SECRET-1") for _ in range(2)]

    assert sealed[0] != sealed[1]
    assert b"SECRET" not in sealed[0]
    assert {locker().open("shop", "coffee", "2026", one) for one in sealed} == {"SECRET-1"}


def test_a_new_key_in_front_is_for_new_codes_and_the_old_one_still_opens_its_own() -> None:
    before = locker(f"2025:{OLD}")
    assert (before.key_id, locker().key_id) == ("2025", "2026")

    assert locker().open("shop", "coffee", "2025", before.seal("shop", "coffee", "SECRET-1")) == "SECRET-1"
    with pytest.raises(NoKeyError, match="no key 2026"):
        before.open("shop", "coffee", "2026", locker().seal("shop", "coffee", "SECRET-1"))


@pytest.mark.parametrize(
    ("programme", "gift", "key_id", "change"),
    [
        ("other", "coffee", "2026", bytes),
        ("shop", "cake", "2026", bytes),
        ("shop", "coffee", "2025", bytes),
        ("shop", "coffee", "2026", lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("shop", "coffee", "2026", lambda sealed: sealed[:5]),
    ],
)
def test_another_gift_key_or_byte_breaks_the_seal(programme: str, gift: str, key_id: str, change: object) -> None:
    sealed = locker().seal("shop", "coffee", "SECRET-1")
    assert callable(change)

    with pytest.raises(SealError) as refusal:
        locker().open(programme, gift, key_id, change(sealed))
    assert "SECRET" not in str(refusal.value)


def test_a_code_is_known_again_whatever_key_sealed_it_but_not_without_the_key_of_identity() -> None:
    known = locker().code_id("shop", "SECRET-1")

    assert locker(f"2025:{OLD}").code_id("shop", "SECRET-1") == known
    others = [locker().code_id("shop", "SECRET-2"), locker().code_id("other", "SECRET-1")]
    assert known not in [*others, locker(identity=OLD).code_id("shop", "SECRET-1")]


def test_without_keys_nothing_is_sealed_or_known() -> None:
    with pytest.raises(NoKeyError, match="CX_CODES__KEYS"):
        locker(keys="").seal("shop", "coffee", "SECRET-1")
    with pytest.raises(NoKeyError, match="CX_CODES__IDENTITY"):
        locker(identity="").code_id("shop", "SECRET-1")


@pytest.mark.parametrize(
    ("code", "shown"), [("", ""), ("123", ""), ("1234", "4"), ("1234567", "7"), ("12345678", "78"), ("x" * 40, "xxxx")]
)
def test_a_mask_shows_at_most_four_characters_and_a_quarter(code: str, shown: str) -> None:
    assert mask(code) == f"••••{shown}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": NEW},
        {"keys": "2026:short"},
        {"keys": f"2026:{NEW[:-4]}"},
        {"keys": f"a b:{NEW}"},
        {"keys": f"2026:{NEW},2026:{OLD}"},
        {"identity": "c2hvcnQ="},
    ],
)
def test_keys_that_cannot_be_used_are_refused_and_not_repeated(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        CodeSettings.model_validate(wrong)

    assert not any(part in str(refusal.value) for part in (NEW, OLD, "short", "c2hvcnQ"))
