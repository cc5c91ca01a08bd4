"""The parser: a record becomes an event or a refusal that says why and quotes nothing."""

import json
import traceback
from typing import Any

import pytest

from schemas.errors import CxError, Reason, UnknownTopicError, Unreadable
from schemas.inputs import READERS, TOPIC_OF, VALUE_BYTES_MAX, parse, parse_line
from schemas.purchases import PurchaseCompleted
from tests.schemas.samples import LEAST, changed, full, least, without, written

PURCHASE = least("purchase.completed")
WORDS = "0912345678-Nguyen"
NESTED_ENOUGH, NESTED_TOO_DEEP = 150, 250


def refusal(
    value: bytes | None,
    key: bytes | None = b"lan",
    topic: str = "cx.purchases",
    headers: list[tuple[str, bytes]] | None = None,
) -> Unreadable:
    """Return what the parser says about a record that it must refuse."""
    with pytest.raises(Unreadable) as refused:
        parse(topic, key, value, headers or [])
    return refused.value


def padded(size: int) -> bytes:
    """Return a purchase of exactly *size* bytes."""
    value = written({**PURCHASE, "padding": ""})
    return written({**PURCHASE, "padding": "x" * (size - len(value))})


@pytest.mark.parametrize(
    ("value", "key", "reason", "loc", "error_type"),
    [
        (None, b"lan", Reason.NULL_VALUE, "", "null"),
        (written(PURCHASE), None, Reason.MISSING_KEY, "key", "missing"),
        (written(PURCHASE), b"", Reason.MISSING_KEY, "key", "missing"),
        (written(PURCHASE), b"\0lan", Reason.FORBIDDEN_KEY, "key", "reserved"),
        (written(PURCHASE), b"\0" * 65, Reason.FORBIDDEN_KEY, "key", "reserved"),
        (written(PURCHASE), b"x" * 65, Reason.KEY_TOO_LONG, "key", "too_long"),
        (written(PURCHASE), b"mai", Reason.KEY_MISMATCH, "key", "mismatch"),
        (written(PURCHASE), b"\xff\xfe", Reason.KEY_MISMATCH, "key", "mismatch"),
        (b"", b"lan", Reason.NOT_JSON, "", "json_invalid"),
        (b"{", b"lan", Reason.NOT_JSON, "", "json_invalid"),
        (b"\xff\xff", b"lan", Reason.NOT_JSON, "", "json_invalid"),
        (b"\xef\xbb\xbf" + written(PURCHASE), b"lan", Reason.NOT_JSON, "", "json_invalid"),
        (written(PURCHASE) + b"x", b"lan", Reason.NOT_JSON, "", "json_invalid"),
        (b"[]", b"lan", Reason.INVALID, "", "dict_type"),
        (b"null", b"lan", Reason.INVALID, "", "dict_type"),
        (b"{}", b"lan", Reason.INVALID, "type", "missing"),
        (written(PURCHASE | {"type": "purchase.dreamt"}), b"lan", Reason.UNKNOWN_TYPE, "type", "literal_error"),
        (written(PURCHASE | {"type": "case.opened"}), b"lan", Reason.UNKNOWN_TYPE, "type", "literal_error"),
        (written(PURCHASE | {"type": 5}), b"lan", Reason.UNKNOWN_TYPE, "type", "literal_error"),
        (written(PURCHASE | {"time": "2025-03-01T10:00:00"}), b"lan", Reason.NAIVE_TIME, "time", "timezone_aware"),
        (written(PURCHASE | {"data": "x"}), b"lan", Reason.INVALID, "data", "model_type"),
    ],
)
def test_a_broken_record_is_refused_with_reason_and_place(
    value: bytes | None, key: bytes | None, reason: Reason, loc: str, error_type: str
) -> None:
    refused = refusal(value, key)
    assert (refused.reason, refused.loc, refused.error_type) == (reason, loc, error_type)


@pytest.mark.parametrize("topic", ["cx.feedback", "cx.clock"])
def test_a_topic_of_one_type_tells_unknown_from_missing_type(topic: str) -> None:
    name = next(iter(READERS[topic].types))
    unknown = refusal(written(least(name) | {"type": "x.y"}), topic=topic)
    assert (unknown.reason, unknown.loc) == (Reason.UNKNOWN_TYPE, "type")
    event = least(name)
    del event["type"]
    missing = refusal(written(event), topic=topic)
    assert (missing.reason, missing.loc, missing.error_type) == (Reason.INVALID, "type", "missing")


def test_a_naive_time_deep_in_the_data_is_called_so() -> None:
    refused = refusal(
        written(changed(full("tier.overridden"), "data.until", "2026-01-01T00:00:00")), topic="cx.touchpoints"
    )
    assert (refused.reason, refused.loc) == (Reason.NAIVE_TIME, "data.until")


def test_a_value_of_256_kib_is_read_and_one_byte_more_is_not_even_parsed() -> None:
    assert len(padded(VALUE_BYTES_MAX)) == 256 * 1024
    assert parse("cx.purchases", b"lan", padded(VALUE_BYTES_MAX)).id == "e1"
    assert refusal(padded(VALUE_BYTES_MAX + 1)).reason is Reason.TOO_LARGE
    assert refusal(b"\xff" * (2 * 1024 * 1024)).reason is Reason.TOO_LARGE


def test_a_key_of_64_bytes_is_read() -> None:
    customer = "ệ" * 21 + "x"
    event = parse("cx.purchases", customer.encode(), written(PURCHASE | {"subject": customer}))
    assert event.subject == customer
    assert len(customer.encode()) == 64


def test_a_subject_is_counted_in_bytes_also_where_no_key_is_at_hand() -> None:
    reader = READERS["cx.purchases"]
    reader.read(written(PURCHASE | {"subject": "é" * 32}))
    with pytest.raises(Unreadable) as refused:
        reader.read(written(PURCHASE | {"subject": "é" * 33}))
    assert (refused.value.loc, refused.value.error_type) == ("subject", "customer_id_too_long")


def test_a_tick_needs_neither_key_nor_subject() -> None:
    tick = least("clock.ticked")
    for key in (None, b"", b"\0", b"anything", b"x" * 65):
        assert parse("cx.clock", key, written(tick)).type == "clock.ticked"
    assert parse("cx.clock", None, written({**tick, "subject": "p3"})).subject == "p3"


def test_a_tick_says_how_far_its_partition_must_be() -> None:
    tick = parse("cx.clock", None, written(full("clock.ticked")))
    assert tick.type == "clock.ticked"
    assert tick.data.upto == {"cx.purchases": 17, "cx.support": 0}


@pytest.mark.parametrize(
    "part", [b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b"9" * 5000, b'{"\\ud800":1}', b'"\n"']
)
def test_text_that_is_not_unicode_and_endless_numbers_are_refused_even_in_unknown_fields(part: bytes) -> None:
    value = written(PURCHASE)[:-1] + b',"x":' + part + b"}"
    assert refusal(value).reason is Reason.NOT_JSON


@pytest.mark.parametrize("subject", ['"\\ud800"', '"lan\\ud83d"'])
def test_a_lone_surrogate_in_a_known_field_is_refused(subject: str) -> None:
    value = written(PURCHASE).replace(b'"lan"', subject.encode())
    assert refusal(value).reason is Reason.NOT_JSON


@pytest.mark.parametrize("part", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_no_number_of_ours_is_nan_or_infinite(part: bytes) -> None:
    value = written(PURCHASE).replace(b'"amount": 50000', b'"amount": ' + part)
    assert value != written(PURCHASE)
    refused = refusal(value)
    assert (refused.reason, refused.loc) == (Reason.INVALID, "data.lines.0.amount")


def test_nesting_is_limited() -> None:
    def nested(depth: int) -> bytes:
        return written(PURCHASE)[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}"

    assert parse("cx.purchases", b"lan", nested(NESTED_ENOUGH)).id == "e1"
    assert refusal(nested(NESTED_TOO_DEEP)).reason is Reason.NOT_JSON
    assert refusal(nested(100_000)).reason is Reason.NOT_JSON
    assert refusal(b'{"data":' * 20_000).reason is Reason.NOT_JSON


def test_of_a_key_written_twice_the_last_counts() -> None:
    value = written(PURCHASE)[:-1] + b',"id":"e2"}'
    assert parse("cx.purchases", b"lan", value).id == "e2"


def test_unknown_fields_pass_at_every_depth() -> None:
    event = changed(PURCHASE, "data.lines.0.colour", "red")
    event = changed(event, "data.discounts", [{"code": 1}])
    event = {**event, "tenant": "vn", "data_version": 2}
    read = parse("cx.purchases", b"lan", written(event), [("tracestate", b"\xff")])
    assert read == parse("cx.purchases", b"lan", written(PURCHASE))
    assert isinstance(read, PurchaseCompleted)
    assert not hasattr(read.data, "discounts")


def poisoned() -> list[tuple[str, bytes]]:
    """Return records that hold a secret at the place that is refused."""
    feedback = full("feedback.submitted")
    cases: list[tuple[str, Any]] = [
        ("cx.purchases", PURCHASE | {"type": WORDS}),
        ("cx.purchases", PURCHASE | {"time": WORDS}),
        ("cx.purchases", changed(PURCHASE, "data.lines.0.quantity", WORDS)),
        ("cx.purchases", changed(PURCHASE, "data.currency", WORDS)),
        ("cx.purchases", PURCHASE | {"subject": WORDS}),
        ("cx.purchases", PURCHASE | {"subject": WORDS * 9}),
        ("cx.purchases", [WORDS]),
        ("cx.feedback", changed(feedback, "data.instrument", WORDS)),
        ("cx.feedback", changed(feedback, "data.text", WORDS * 1000)),
        ("cx.clock", changed(full("clock.ticked"), "data.upto", {WORDS: -1})),
        ("cx.clock", changed(full("clock.ticked"), "data.upto", {f" {WORDS}": 1})),
    ]
    return [*((topic, written(event)) for topic, event in cases), ("cx.purchases", WORDS.encode())]


@pytest.mark.parametrize(("topic", "value"), poisoned())
def test_a_refusal_quotes_nothing_of_the_record(topic: str, value: bytes) -> None:
    refused = refusal(value, topic=topic)
    assert WORDS in value.decode()
    assert WORDS not in "".join(traceback.format_exception(refused)) + repr(refused.__dict__)
    # Error collectors follow these, whatever a traceback prints.
    assert refused.__cause__ is None
    assert refused.__context__ is None


def test_paths_hold_names_of_fields_and_indices_alone() -> None:
    refused = refusal(written(changed(full("clock.ticked"), "data.upto", {"cx.purchases": -1})), topic="cx.clock")
    assert refused.loc == "data.upto"
    refused = refusal(written(changed(full("feedback.submitted"), "data.score", 99)), topic="cx.feedback")
    assert refused.loc == "data.score"


def test_an_unknown_topic_is_the_callers_fault() -> None:
    with pytest.raises(UnknownTopicError):
        parse("cx.purchase", b"lan", written(PURCHASE))
    assert issubclass(UnknownTopicError, CxError)
    assert issubclass(Unreadable, CxError)
    assert not issubclass(UnknownTopicError, Unreadable)


def test_each_type_is_read_on_its_own_topic_alone() -> None:
    assert set(TOPIC_OF) == set(LEAST)
    for name, topic in TOPIC_OF.items():
        for other in set(READERS) - {topic}:
            refused = refusal(written(least(name) | {"subject": "lan"}), topic=other)
            assert refused.reason is Reason.UNKNOWN_TYPE


def test_an_event_cannot_be_changed() -> None:
    event = parse("cx.purchases", b"lan", json.dumps(PURCHASE).encode())
    with pytest.raises(ValueError, match="frozen"):
        event.id = "e2"  # type: ignore[misc]


@pytest.mark.parametrize("name", TOPIC_OF)
def test_a_line_is_the_event_that_its_type_says(name: str) -> None:
    event = full(name)
    assert parse_line(written(event)) == parse(TOPIC_OF[name], event.get("subject", "").encode(), written(event))


@pytest.mark.parametrize(
    ("value", "reason", "loc"),
    [
        (padded(VALUE_BYTES_MAX + 1), Reason.TOO_LARGE, ""),
        (written(without(PURCHASE, "subject")), Reason.INVALID, "subject"),
        (written(PURCHASE | {"type": "purchase.dreamt"}), Reason.UNKNOWN_TYPE, "type"),
        (written(without(PURCHASE, "type")), Reason.INVALID, "type"),
    ],
)
def test_a_line_that_breaks_the_contract_is_refused(value: bytes, reason: Reason, loc: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse_line(value)
    assert (refused.value.reason, refused.value.loc) == (reason, loc)
