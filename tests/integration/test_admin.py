"""Topics of the contract on a real Kafka: made once, checked against the table, faults in one line."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.new_partitions import NewPartitions

from ops.embedded.stack import Stack
from streams import admin
from streams.settings import KafkaSettings, Settings


async def test_topics_are_made_once_and_then_are_as_they_should_be(own_stack: Stack) -> None:
    settings = Settings(partitions=3, kafka=KafkaSettings(bootstrap=own_stack.bootstrap))
    assert "cx.purchases: is missing" in await admin.check(settings)
    made = await admin.create(settings)
    assert {"cx.purchases", "cx.clock", "cx-customers-changelog"} <= set(made)
    assert await admin.create(settings) == []
    assert await admin.check(settings) == []

    unequal = Settings(partitions=4, kafka=KafkaSettings(bootstrap=own_stack.bootstrap))
    with pytest.raises(admin.UnequalTopicsError, match=r"^cx\.purchases: has 3 partitions, .* CX_PARTITIONS is 4$"):
        await admin.create(unequal.model_copy(update={"app": "another"}))
    replicated = Settings(
        app="another", partitions=3, kafka=KafkaSettings(bootstrap=own_stack.bootstrap, replication=3)
    )
    with pytest.raises(admin.TopicsError, match=r"could not be created: .*; CX_KAFKA__REPLICATION is 3$"):
        await admin.create(replicated)
    assert "another-customers-changelog: is missing" in await admin.check(replicated)

    more = Settings(partitions=4, kafka=KafkaSettings(bootstrap=own_stack.bootstrap, replication=2))
    faults = await admin.check(more)
    assert "cx.clock: has 3 partitions, should have 4; all topics of the lane customers need the same" in faults
    assert "cx.clock: replication is 1, settings say 2" in faults

    client = AIOKafkaAdminClient(bootstrap_servers=own_stack.bootstrap)
    await client.start()
    await client.create_partitions({"cx.support": NewPartitions(5)})
    await client.delete_topics(["cx-customers-changelog"])
    hours = {"delete.retention.ms": str(23 * 3_600_000)}
    days = {"cleanup.policy": "compact", "max.message.bytes": "4194304", "delete.retention.ms": str(48 * 3_600_000)}
    await client.create_topics(
        [
            NewTopic("other-customers-changelog", 3, 1, topic_configs=hours),
            NewTopic("third-customers-changelog", 3, 1, topic_configs=days),
        ]
    )
    await client.close()
    support = "cx.support: has 5 partitions, should have 3; all topics of the lane customers need the same"
    await until_found(settings, ["cx-customers-changelog: is missing", support])
    other = Settings(app="other", partitions=3, kafka=KafkaSettings(bootstrap=own_stack.bootstrap))
    changelog = "other-customers-changelog"
    wrong = [
        f"{changelog}: cleanup.policy is delete, should be compact",
        f"{changelog}: max.message.bytes is 8388608, should be 4194304",
        f"{changelog}: delete.retention.ms is 82800000, should be 86400000 or more",
    ]
    await until_found(other, [support, "other-desk-gifts-changelog: is missing", *wrong])
    third = other.model_copy(update={"app": "third"})
    await until_found(third, [support, "third-desk-gifts-changelog: is missing"])


async def until_found(settings: Settings, faults: list[str]) -> None:
    """Wait until just these *faults* are found: the broker tells of a change when it has spread."""
    async with asyncio.timeout(30):
        while (found := sorted(await admin.check(settings))) != sorted(faults):
            assert len(found) < 10


async def test_a_cluster_that_is_not_there_is_one_line() -> None:
    settings = Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1"))
    for call in (admin.create, admin.check):
        with pytest.raises(admin.TopicsError, match=r"^Kafka at 127\.0\.0\.1:1 .*: KafkaConnectionError$"):
            await call(settings)
