"""Dead letters: nothing is lost of a refused record but what may not be kept."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from schemas.dead_letters import KEPT_BYTES, Refused, dead_letter, read
from schemas.envelope import Header, encode_binary
from schemas.errors import Reason
from schemas.inputs import VALUE_BYTES_MAX, parse
from tests.schemas.samples import accepted, changed, full, least, written

AT = datetime(2025, 3, 1, 3, 0, 0, 5, tzinfo=UTC)
WORDS = "the lady at the till was kind"


@dataclass(frozen=True)
class Found:
    """A record as a client gives it."""

    value: bytes | None = b"{"
    key: bytes | None = b"lan"
    headers: tuple[Header, ...] = ()
    topic: str = "cx.purchases"
    partition: int = 7
    offset: int = 123_456_789_012


def told(record: Refused) -> dict[str, bytes]:
    """Return the headers of the dead letter of *record*."""
    return dict(dead_letter(record, Reason.INVALID, AT, "data.lines.0.amount", "int_type").headers)


def test_headers_say_where_it_came_from_and_why() -> None:
    assert told(Found()) == {
        "cx-topic": b"cx.purchases",
        "cx-partition": b"7",
        "cx-offset": b"123456789012",
        "cx-reason": b"invalid",
        "cx-loc": b"data.lines.0.amount",
        "cx-error-type": b"int_type",
        "cx-size": b"1",
        "cx-time": b"2025-03-01T03:00:00.000005+00:00",
    }


@pytest.mark.parametrize("value", [b"", b"{", b"\xff\0", None, b"x" * VALUE_BYTES_MAX])
def test_the_value_is_kept_as_it_came(value: bytes | None) -> None:
    letter = dead_letter(Found(value), Reason.NOT_JSON, AT)
    assert letter.value == value
    assert letter.size == len(value or b"")
    assert letter.sha256 is None


def test_of_a_value_over_256_kib_the_first_64_and_its_hash_are_kept() -> None:
    value = bytes(range(256)) * 1024 + b"!"
    letter = dead_letter(Found(value), Reason.TOO_LARGE, AT)
    assert letter.value == value[:KEPT_BYTES]
    assert KEPT_BYTES == 65_536
    assert letter.size == 262_145
    assert letter.sha256 == hashlib.sha256(value).hexdigest()


@pytest.mark.parametrize(("key", "kept"), [(None, None), (b"x" * 64, b"x" * 64), (b"x" * 1_000_000, b"x" * 64)])
def test_a_key_is_kept_to_its_largest_lawful_size(key: bytes | None, kept: bytes | None) -> None:
    assert dead_letter(Found(key=key), Reason.KEY_TOO_LONG, AT).key == kept


@pytest.mark.parametrize("reason", Reason)
def test_it_is_read_back_whole(reason: Reason) -> None:
    for record in (Found(), Found(b"x" * (VALUE_BYTES_MAX + 1)), Found(None, None)):
        letter = dead_letter(record, reason, AT, "data.score", "int_type")
        assert read(letter.key, letter.value, letter.headers) == letter


def test_what_is_no_dead_letter_is_told() -> None:
    headers = dict(dead_letter(Found(), Reason.INVALID, AT).headers)
    with pytest.raises(KeyError):
        read(b"lan", b"", [(name, text) for name, text in headers.items() if name != "cx-reason"])
    with pytest.raises(ValueError, match="bored"):
        read(b"lan", b"", list({**headers, "cx-reason": b"bored"}.items()))


def test_a_binary_record_can_be_sent_again_from_its_dead_letter() -> None:
    event = accepted(full("case.opened"))
    value, headers = encode_binary(event)
    record = Found(value, b"lan", (*headers, ("trace", b"x"), ("ce_other", b"x")), "cx.support")
    letter = dead_letter(record, Reason.RULE_ERROR, AT)
    assert letter.attributes == headers
    assert letter.value is not None
    assert parse("cx.support", letter.key, letter.value, letter.headers) == event
    assert read(letter.key, letter.value, letter.headers) == letter


def test_headers_of_a_binary_record_cannot_grow_without_bound() -> None:
    headers = (("ce_specversion", b"1.0"), ("ce_id", b"x" * 70_000))
    assert dead_letter(Found(headers=headers), Reason.TOO_LARGE, AT).attributes == ()
    structured = (("ce_id", b"1"), ("content-type", b"application/cloudevents+json"))
    assert dead_letter(Found(headers=structured), Reason.INVALID, AT).attributes == ()


def hiding_places() -> list[bytes]:
    """Return feedback records with a customer's words in lawful and unlawful places."""
    event = full("feedback.submitted")
    long_words = WORDS * 10
    return [
        written(changed(event, "data.text", WORDS)),
        written(changed(event, "data.comment", WORDS)),
        written(changed(event, "data.score", long_words)),
        written(changed(event, "data.order_id", {"x": WORDS})),
        written(changed(event, "data", WORDS)),
        written(changed(event, "data", [WORDS])),
        written(changed(event, "id", long_words)),
        written({**event, "comment": WORDS}),
        written([WORDS]),
        written(WORDS),
        written(event)[:-1] + b',"data":{"text":"' + WORDS.encode() + b'","text":null}}',
        WORDS.encode(),
        b'{"data":{"text":"' + WORDS.encode(),
        written(changed(event, "data.text", WORDS * 10_000)),
        written(changed(event, "data.text", WORDS))[:-1] + b',"x":"\\ud800"}',
        written(changed(event, "data.text", WORDS))[:-1] + b',"x":NaN}',
    ]


@pytest.mark.parametrize("value", hiding_places(), ids=lambda value: str(len(value)))
def test_no_words_of_a_customer_are_kept_of_feedback(value: bytes) -> None:
    assert WORDS.encode() in value
    letter = dead_letter(Found(value, topic="cx.feedback"), Reason.INVALID, AT, "data.score", "int_type")
    assert letter.value is not None
    assert WORDS.encode() not in letter.value
    assert letter.sha256 == hashlib.sha256(value).hexdigest()
    assert letter.size == len(value)


def test_feedback_without_its_text_can_still_be_read() -> None:
    event = full("feedback.submitted")
    letter = dead_letter(Found(written(event), topic="cx.feedback"), Reason.UNKNOWN_ORDER, AT)
    assert letter.value is not None
    assert parse("cx.feedback", b"lan", letter.value) == accepted(event)
    longest = changed(changed(event, "id", "x" * 128), "data.order_id", "y" * 64)
    letter = dead_letter(Found(written(longest), topic="cx.feedback"), Reason.UNKNOWN_ORDER, AT)
    assert letter.value is not None
    assert parse("cx.feedback", b"lan", letter.value) == accepted(longest)


def test_binary_feedback_is_cut_in_value_and_headers() -> None:
    value, headers = encode_binary(accepted(least("feedback.submitted")))
    value = json.dumps({**json.loads(value), "text": WORDS}).encode()
    record = Found(value, headers=(*headers, ("ce_dataschema", WORDS.encode() * 10)), topic="cx.feedback")
    letter = dead_letter(record, Reason.INVALID, AT)
    assert letter.value is not None
    assert json.loads(letter.value) == {"instrument": "nps", "score": 9}
    assert letter.attributes == headers


def test_words_stay_where_no_words_are_expected() -> None:
    value = written(changed(full("case.opened"), "data.note", WORDS))
    assert dead_letter(Found(value, topic="cx.support"), Reason.INVALID, AT).value == value
