"""The AsyncAPI document says of every topic what models and table say; `make verify` asks AsyncAPI's own parser."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import contract
from schemas.asyncapi import READERS
from schemas.dead_letters import dead_letter
from schemas.envelope import encode
from schemas.errors import Reason
from schemas.inputs import VALUE_BYTES_MAX
from schemas.outputs import OutputEvent
from schemas.topics import TOPICS, Cleanup, Role, Topic
from tests.schemas.samples import LEAST, full, without
from tests.schemas.test_dead_letters import AT, Found
from tests.schemas.test_outputs import OUTPUTS

DOCUMENT: dict[str, Any] = json.loads((contract.FOLDER / contract.ASYNCAPI).read_text("utf-8"))
ACTIONS = {Role.INPUT: "receive", Role.OUTPUT: "send"}


def validator(topic: str, kind: str) -> Draft202012Validator:
    """Return the validator of what the document says of a message, with the whole document to refer to."""
    message = DOCUMENT["channels"][topic]["messages"][kind]
    return Draft202012Validator({**message["payload"], "components": DOCUMENT["components"]})


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_each_topic_is_there_as_the_table_has_it(topic: Topic) -> None:
    channel = DOCUMENT["channels"][topic.name]
    kafka = channel["bindings"]["kafka"]

    assert kafka["partitions"] == topic.partitions()
    told = {name: str(value) for name, value in kafka["topicConfiguration"].items() if name != "cleanup.policy"}
    own = {name: value for name, value in topic.config().items() if name in told}
    assert told == ({"retention.ms": "-1"} if topic.cleanup is Cleanup.COMPACT else {}) | own
    assert {"retention.ms", "max.message.bytes"} <= told.keys()
    assert kafka["topicConfiguration"]["cleanup.policy"] == [topic.cleanup.value]
    assert channel["x-consumer-config"] == {"isolation.level": "read_committed"}
    assert topic.key in channel["description"]
    if topic.is_output:
        assert "isolation.level=read_committed" in channel["description"]
    keys = [message.get("bindings", {}).get("kafka", {}).get("key") for message in channel.get("messages", {}).values()]
    assert all((key is None) == (topic.key == "none") for key in keys)


def test_there_is_no_other_channel_and_each_type_is_on_its_own() -> None:
    assert DOCUMENT["channels"].keys() == TOPICS.keys()
    for name, reader in READERS.items():
        assert DOCUMENT["channels"][name]["messages"].keys() == reader.types.keys()
        operation = DOCUMENT["operations"][f"{ACTIONS[TOPICS[name].role]}-{name}"]
        assert operation["channel"]["$ref"] == f"#/channels/{name}"


@pytest.mark.parametrize("kind", LEAST)
def test_events_in_fit_and_without_their_type_do_not(kind: str) -> None:
    topic = next(name for name, reader in READERS.items() if kind in reader.types and name != "cx.care")
    validator(topic, kind).validate(full(kind))
    assert not validator(topic, kind).is_valid(without(full(kind), "type"))


@pytest.mark.parametrize("event", OUTPUTS, ids=lambda event: event.type)
def test_events_out_fit_and_without_their_subject_do_not(event: OutputEvent) -> None:
    topic = next(name for name in TOPICS if TOPICS[name].is_output and event.type in _types(name))
    whole = json.loads(encode(event))
    validator(topic, event.type).validate(whole)
    for name in ("subject", "source", "type"):
        assert not validator(topic, event.type).is_valid(without(whole, name))


def _types(name: str) -> set[str]:
    return set(READERS[name].types) if name in READERS else set()


def test_a_dead_letter_has_the_headers_that_are_told() -> None:
    told = DOCUMENT["channels"]["cx.dead-letters"]["messages"]["dead-letter"]["headers"]["properties"]
    letter = dead_letter(Found(b"x" * (VALUE_BYTES_MAX + 1)), Reason.TOO_LARGE, AT)

    assert told.keys() == dict(letter.headers).keys()
