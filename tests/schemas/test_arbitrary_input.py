"""Whatever arrives, the parser answers with an event or a refusal, and with nothing else."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.base import Record
from schemas.dead_letters import dead_letter, read
from schemas.envelope import Header, encode
from schemas.errors import Unreadable
from schemas.inputs import READERS, TOPIC_OF, parse
from tests.schemas.samples import LEAST, full
from tests.schemas.test_dead_letters import AT, Found

TOPICS = sorted(READERS)
TYPES = sorted(LEAST)

numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([2**63, -(2**63) - 1, 10**12 + 1, 10**300, 0, -0.0, True])
)
texts = st.one_of(
    st.text(max_size=80), st.sampled_from(["", "\0", "\ud800", "x" * 20_000, "9999-12-31T23:59:59-14:00"])
)
documents = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_time", "ce_subject", "ce_data", "x"]
        ),
        st.one_of(
            st.binary(max_size=40), st.sampled_from([b"1.0", b"application/cloudevents+json", *map(str.encode, TYPES)])
        ),
    ),
    max_size=7,
)
keys = st.none() | st.binary(max_size=70) | st.just(b"lan")


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a topic and an event of it with one to three parts replaced, removed or added, now and then cut."""
    event: Any = full(draw(st.sampled_from(TYPES)))
    topic = TOPIC_OF[event["type"]]
    for _ in range(draw(st.integers(1, 3))):
        part: Any = event
        while True:
            places: list[Any] = list(part) if isinstance(part, dict) else list(range(len(part)))
            place = draw(st.sampled_from(places)) if places else None
            deeper = place is not None and isinstance(part[place], dict | list) and len(part[place]) > 0
            if not deeper or draw(st.booleans()):
                break
            part = part[place]
        if isinstance(part, dict):
            action = draw(st.sampled_from(["replace", "remove", "add"]))
            if action == "remove" and place is not None:
                del part[place]
            else:
                part[place if action == "replace" and place is not None else draw(texts)] = draw(documents)
        elif place is not None:
            part[place] = draw(documents)
    value = json.dumps(event).encode(errors="surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(value)))
        value = value[:at] + draw(st.binary(max_size=4)) + value[at + draw(st.integers(0, 4)) :]
    return topic, value


def answered(topic: str, key: bytes | None, value: bytes | None, found: list[Header]) -> None:
    """Parse, and check that the answer is one of the two, and that each can go its way."""
    try:
        event = parse(topic, key, value, found)
    except Unreadable as refused:
        record = Found(value, key, tuple(found), topic)
        letter = dead_letter(record, refused.reason, AT, refused.loc, refused.error_type)
        assert read(letter.key, letter.value, letter.headers) == letter
    else:
        assert isinstance(event, Record)
        assert parse(topic, key, encode(event)) == event


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TOPICS), keys, st.none() | st.binary(max_size=300), headers)
def test_any_bytes_are_answered(topic: str, key: bytes | None, value: bytes | None, found: list[Header]) -> None:
    answered(topic, key, value, found)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TOPICS), documents, headers)
def test_any_json_is_answered(topic: str, document: object, found: list[Header]) -> None:
    answered(topic, b"lan", json.dumps(document).encode(), found)


@settings(max_examples=500, deadline=None)
@given(mutated(), st.just([]) | headers)
@example(("cx.feedback", b'{"specversion":"1.0","data":{"instrument":{}}}'), [])
def test_any_change_of_an_event_is_answered(changed_event: tuple[str, bytes], found: list[Header]) -> None:
    topic, value = changed_event
    answered(topic, b"lan", value, found)
