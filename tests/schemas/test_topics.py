"""The table of topics: complete, equal over a lane, kept long enough."""

from schemas import inputs, outputs
from schemas.topics import (
    CUSTOMERS_CHANGELOG,
    DEAD_LETTERS,
    POLICIES,
    TOPICS,
    Cleanup,
    Lane,
    Role,
    lane_topics,
)
from streams.store import LIFE_S

DAY_MS = 86_400_000


def test_every_topic_with_events_is_in_the_table_with_its_role() -> None:
    for readers, role in ((inputs.READERS, Role.INPUT), (outputs.READERS, Role.OUTPUT)):
        for name in readers:
            assert (TOPICS[name].lane, TOPICS[name].role) == (Lane.CUSTOMERS, role)
            assert TOPICS[name].is_output is (role is Role.OUTPUT)
    assert {topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.INPUT)} == set(inputs.READERS)
    assert {topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.OUTPUT)} == {*outputs.READERS, DEAD_LETTERS}


def test_topics_of_a_lane_have_equal_partitions() -> None:
    assert {topic.partitions() for topic in lane_topics(Lane.CUSTOMERS)} == {12}
    assert {topic.partitions(customers=3, gifts=5) for topic in lane_topics(Lane.CUSTOMERS)} == {3}
    assert {topic.partitions(customers=3, gifts=5) for topic in lane_topics(Lane.GIFTS)} == {5}
    assert {topic.partitions(customers=3, gifts=5) for topic in lane_topics(Lane.POLICIES)} == {1}
    assert sum(len(lane_topics(lane)) for lane in Lane) == len(TOPICS)


def test_the_changelogs_and_policies_are_compacted_and_nothing_else() -> None:
    compacted = {topic.name for topic in TOPICS.values() if topic.cleanup is Cleanup.COMPACT}
    assert compacted == {topic.name for topic in TOPICS.values() if topic.role is Role.CHANGELOG} | {POLICIES}
    assert TOPICS[CUSTOMERS_CHANGELOG].config() == {
        "cleanup.policy": "compact",
        "max.message.bytes": "4194304",
        "message.timestamp.type": "CreateTime",
        "delete.retention.ms": str(DAY_MS),
    }


def test_a_tombstone_lives_twice_as_long_as_a_local_store_is_trusted() -> None:
    for topic in TOPICS.values():
        if topic.cleanup is Cleanup.COMPACT:
            assert int(topic.config()["delete.retention.ms"]) >= 2 * LIFE_S * 1_000


def test_history_outlives_a_year_and_the_lateness_bound() -> None:
    for topic in TOPICS.values():
        if topic.cleanup is Cleanup.DELETE and topic.name != DEAD_LETTERS:
            assert int(topic.config()["retention.ms"]) >= (365 + 30) * DAY_MS
    assert TOPICS[DEAD_LETTERS].config()["retention.ms"] == str(14 * DAY_MS)


def test_a_broker_takes_what_the_parser_would_read() -> None:
    for topic in TOPICS.values():
        assert int(topic.config()["max.message.bytes"]) >= 16 * inputs.VALUE_BYTES_MAX
