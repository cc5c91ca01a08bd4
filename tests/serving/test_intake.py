"""What may come in by HTTP, in which forms, and who may say it."""

import json
from typing import Any

import pytest

from schemas.inputs import TOPIC_OF, parse
from serving.intake import BATCH, BATCH_MAX, JSON, ONE, Taken, read_body
from serving.problems import ProblemError
from tests.schemas.samples import LEAST, changed, least, written

BOUGHT = least("purchase.completed")
FROM_OUTSIDE = [kind for kind in LEAST if TOPIC_OF[kind] not in {"cx.gift-answers", "cx.clock"}]


def read(body: bytes, kind: str = ONE, **headers: str) -> list[Taken]:
    return read_body(body, {"content-type": kind} | headers, reply=True)[0]


def fault(body: bytes, kind: str = ONE, **headers: str) -> tuple[int, str, list[tuple[str, str]]]:
    with pytest.raises(ProblemError) as raised:
        read(body, kind, **headers)
    return raised.value.status, raised.value.code, [(one.loc, one.type) for one in raised.value.errors]


def binary(event: dict[str, Any]) -> dict[str, str]:
    return {f"ce-{name}": value for name, value in event.items() if name != "data"}


@pytest.mark.parametrize("kind", FROM_OUTSIDE)
def test_what_is_sent_is_what_a_worker_reads(kind: str) -> None:
    (taken,) = read(written(least(kind)))
    event: Any = parse(taken.letter.topic, taken.letter.key, taken.letter.value)

    assert event.model_copy(update={"cxreply": None}) == taken.event
    assert event.cxreply == "true"


def test_nobody_is_asked_to_reply_where_nobody_waits() -> None:
    ((taken,), _) = read_body(written(BOUGHT | {"cxreply": "x"}), {"content-type": ONE}, reply=False)

    assert "cxreply" not in json.loads(taken.letter.value)


@pytest.mark.parametrize("kind", [kind for kind in LEAST if kind not in FROM_OUTSIDE])
def test_what_lanes_say_to_each_other_is_nobody_elses_to_say(kind: str) -> None:
    assert fault(written(least(kind))) == (422, "invalid-event", [("type", "literal_error")])


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        ("purchase.completed", "cx:events"),
        ("feedback.submitted", "cx:events"),
        ("points.redemption-requested", "cx:rewards"),
        ("reward.chosen", "cx:rewards"),
        ("gift.redeemed", "cx:rewards"),
        ("tier.overridden", "cx:admin"),
        ("points.adjusted", "cx:admin"),
        ("hold.released", "cx:admin"),
        ("hold.confirmed", "cx:admin"),
        ("customer.imported", "cx:admin"),
        ("customer.merged", "cx:admin"),
        ("customer.erased", "cx:admin"),
    ],
)
def test_some_things_only_some_may_say(kind: str, scope: str) -> None:
    assert read(written(least(kind)))[0].scope == scope


def test_the_three_forms_say_the_same() -> None:
    event = BOUGHT | {"subject": "Lan Đặng"}
    headers = binary(event) | {"ce-subject": "Lan%20%C4%90%E1%BA%B7ng"}
    one = read(written(event))
    in_parts = read(json.dumps(event["data"]).encode(), JSON, **headers)
    many, is_batch = read_body(json.dumps([event]).encode(), {"content-type": f"{BATCH}; charset=utf-8"}, reply=True)

    assert one == in_parts == many
    assert is_batch


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"{", ONE, (400, "not-json", [])),
        (b"[{]", BATCH, (400, "not-json", [])),
        (b"[" + b"[" * 300 + b"]" * 300 + b"]", BATCH, (400, "not-json", [])),
        (b"{}", BATCH, (422, "invalid-event", [("", "batch")])),
        (b"[]", BATCH, (422, "invalid-event", [("", "batch")])),
        (b"[7]", BATCH, (422, "invalid-event", [("0", "dict_type")])),
        (written(BOUGHT), JSON, (415, "media-type", [])),
        (written(BOUGHT), "text/plain", (415, "media-type", [])),
        (written(BOUGHT | {"type": "x"}), ONE, (422, "invalid-event", [("type", "literal_error")])),
        (written(BOUGHT | {"source": "cxstream"}), ONE, (422, "invalid-event", [("source", "reserved")])),
        (written(changed(BOUGHT, "data.lines", [])), ONE, (422, "invalid-event", [("data.lines", "too_short")])),
        (written(BOUGHT | {"x": "y" * 300_000}), ONE, (422, "invalid-event", [("", "too_long")])),
    ],
)
def test_what_cannot_be_taken_is_said(body: bytes, kind: str, expected: tuple[int, str, list[tuple[str, str]]]) -> None:
    assert fault(body, kind) == expected


def test_a_header_that_is_no_text_is_refused() -> None:
    headers = binary(BOUGHT) | {"ce-subject": "%FF"}

    assert fault(json.dumps(BOUGHT["data"]).encode(), JSON, **headers) == (
        422,
        "invalid-event",
        [("subject", "string_unicode")],
    )


def test_the_place_of_a_fault_in_a_batch_is_told() -> None:
    batch = json.dumps([BOUGHT, changed(BOUGHT, "data.currency", 7) | {"id": "other"}]).encode()

    assert fault(batch, BATCH) == (422, "invalid-event", [("1.data.currency", "string_type")])


def test_a_batch_has_an_end_and_no_event_twice() -> None:
    most = [BOUGHT | {"id": str(number)} for number in range(BATCH_MAX)]

    assert len(read(json.dumps(most).encode(), BATCH)) == BATCH_MAX
    assert fault(json.dumps([*most, BOUGHT]).encode(), BATCH)[2] == [("", "batch")]
    assert fault(json.dumps([BOUGHT, BOUGHT]).encode(), BATCH)[2] == [("id", "repeated")]


def test_the_text_of_feedback_is_not_on_its_way() -> None:
    event = changed(least("feedback.submitted"), "data.text", "my secret")

    assert b"secret" not in read(written(event))[0].letter.value
