"""The envelope: structured and binary mode mean the same, to us and to the `cloudevents` package."""

import json
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import (
    KafkaMessage,
    from_kafka,
    to_binary,
    to_structured,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from schemas.envelope import HEADERS_BYTES_MAX, STRUCTURED, Header, encode, encode_binary, is_binary
from schemas.errors import Reason, Unreadable
from schemas.inputs import TOPIC_OF, Event, parse
from tests.schemas.samples import LEAST, MORE, accepted, changed, full, least, written

FORMAT = JSONFormat()
STRUCTURED_HEADER = ("content-type", STRUCTURED)


def of_the_package(event: dict[str, Any]) -> CloudEvent:
    """Return *event* as the package's own kind of event."""
    attributes = {name: value for name, value in event.items() if name != "data"}
    times = {"time": accepted(event).time}
    return CloudEvent(attributes | times, event["data"])


def as_binary(event: dict[str, Any]) -> tuple[bytes, dict[str, bytes]]:
    """Return *event* in binary mode, written by the package."""
    message = to_binary(of_the_package(event), FORMAT)
    return message.value, dict(message.headers)


def received(event: dict[str, Any], message: KafkaMessage) -> Event:
    """Parse the package's *message* as a record of the topic of *event*."""
    key = str(event.get("subject", "")).encode()
    return parse(TOPIC_OF[event["type"]], key, message.value, list(message.headers.items()))


@pytest.mark.parametrize("name", LEAST)
def test_events_that_the_package_writes_are_read_in_both_modes(name: str) -> None:
    for event in (least(name), full(name)):
        there = of_the_package(event)
        binary = received(event, to_binary(there, FORMAT))
        assert received(event, to_structured(there, FORMAT)) == binary
        # The package writes `recordedtime` as it is given and adds a content type in binary mode only if there is one.
        assert binary == accepted(event)


@pytest.mark.parametrize("name", LEAST)
def test_events_that_we_write_are_read_by_the_package_in_both_modes(name: str) -> None:
    event = accepted(full(name))
    data, headers = encode_binary(event)
    for message in (
        KafkaMessage({"content-type": STRUCTURED}, b"lan", encode(event)),
        KafkaMessage(dict(headers), b"lan", data),
    ):
        there = from_kafka(message, FORMAT)
        assert there.get_type() == name
        assert (there.get_id(), there.get_source(), there.get_subject()) == (event.id, event.source, event.subject)
        assert there.get_time() == event.time
        assert there.get_extension("causationid") == "e0"
        wanted = {field: value for field, value in {**LEAST[name], **MORE.get(name, {})}.items() if field != "text"}
        found = there.get_data()
        assert isinstance(found, dict)
        assert wanted.keys() <= found.keys()
        again = parse(TOPIC_OF[name], (event.subject or "").encode(), message.value, list(message.headers.items()))
        assert again == event


def test_a_structured_content_type_decides_over_headers() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"other"), STRUCTURED_HEADER]
    assert not is_binary(headers)
    assert is_binary(headers[:2])
    assert parse("cx.support", b"lan", written(least("case.resolved")), headers).id == "e1"


def test_headers_of_others_do_not_make_a_record_binary() -> None:
    for headers in ([("ce_id", b"x")], [("cx-sent", b"1"), ("content-type", b"application/json")], []):
        assert not is_binary(headers)
        assert parse("cx.support", b"lan", written(least("case.resolved")), headers).id == "e1"


@pytest.mark.parametrize(
    "value",
    [
        b'{"case_id":"k1"},"id":"forged"',
        b'{"case_id":"k1"},"id":"forged","x":{}',
        b"",
        b"{",
        b"not json",
        b'"\\ud800"',
        b"[" * 100_000,
    ],
)
def test_binary_data_cannot_smuggle_attributes_in(value: bytes) -> None:
    _, headers = as_binary(least("case.resolved"))
    with pytest.raises(Unreadable) as refused:
        parse("cx.support", b"lan", value, list(headers.items()))
    assert (refused.value.reason, refused.value.loc) == (Reason.NOT_JSON, "data")
    assert refused.value.__context__ is None


@pytest.mark.parametrize("attribute", ["data", "nothing", "ID"])
def test_a_header_that_is_no_attribute_of_ours_is_ignored(attribute: str) -> None:
    value, headers = as_binary(least("case.resolved"))
    headers[f"ce_{attribute}"] = b"\xff"
    assert parse("cx.support", b"lan", value, list(headers.items())) == accepted(least("case.resolved"))


@pytest.mark.parametrize("attribute", ["id", "source", "type", "time", "subject"])
def test_binary_mode_lacks_nothing_in_silence(attribute: str) -> None:
    value, headers = as_binary(least("case.resolved"))
    del headers[f"ce_{attribute}"]
    with pytest.raises(Unreadable) as refused:
        parse("cx.support", b"lan", value, list(headers.items()))
    assert (refused.value.reason, refused.value.loc) == (Reason.INVALID, attribute)
    assert refused.value.error_type == "missing"


@pytest.mark.parametrize("content", [b"\xff", b"\xed\xa0\x80", None])
@pytest.mark.parametrize("attribute", ["id", "subject", "cxreply"])
def test_headers_are_utf_8(attribute: str, content: bytes | None) -> None:
    value, headers = as_binary(least("case.resolved"))
    changed_headers: list[Any] = [*headers.items(), (f"ce_{attribute}", content)]
    with pytest.raises(Unreadable) as refused:
        parse("cx.support", b"lan", value, changed_headers)
    assert (refused.value.reason, refused.value.loc) == (Reason.INVALID, attribute)
    assert refused.value.__context__ is None


def test_headers_of_a_binary_record_have_64_kib_together() -> None:
    value, headers = as_binary(least("case.resolved"))

    def with_headers_of(size: int) -> list[Header]:
        rest = size - sum(len(name) + len(content) for name, content in headers.items()) - len("pad")
        return [*headers.items(), ("pad", b"x" * rest)]

    assert parse("cx.support", b"lan", value, with_headers_of(HEADERS_BYTES_MAX)).id == "e1"
    with pytest.raises(Unreadable) as refused:
        parse("cx.support", b"lan", value, with_headers_of(HEADERS_BYTES_MAX + 1))
    assert (refused.value.reason, refused.value.loc) == (Reason.TOO_LARGE, "headers")


def test_binary_attributes_are_bounded_like_structured_ones() -> None:
    for attribute, outside in (("time", b"2025-03-01T10:00:00"), ("id", b"x" * 129), ("subject", b"mai")):
        value, headers = as_binary(least("case.resolved"))
        headers[f"ce_{attribute}"] = outside
        with pytest.raises(Unreadable) as refused:
            parse("cx.support", b"lan", value, list(headers.items()))
        assert refused.value.loc == {"subject": "key"}.get(attribute, attribute)


def test_text_beyond_ascii_survives_both_modes() -> None:
    event = accepted(changed(least("case.opened"), "data.topic", "giao hàng ệ 🎁"))
    data, headers = encode_binary(event)
    assert parse("cx.support", b"lan", data, headers) == event.model_copy(
        update={"datacontenttype": "application/json"}
    )
    assert parse("cx.support", b"lan", encode(event)) == event


def test_what_holds_nothing_is_not_written() -> None:
    fields = json.loads(encode(accepted(least("case.resolved"))))
    assert fields.keys() == {"specversion", "id", "source", "type", "time", "subject", "data"}
    assert fields["data"] == {"case_id": "k1"}
