"""The brokers' properties and command line."""

from pathlib import Path

import pytest

from ops.embedded.brokers import Extras, Runtime, properties
from ops.embedded.classes import Archive
from ops.embedded.root import Addresses

ONE = Addresses((21000,), (21001,), 21009)
THREE = Addresses((21000, 21002, 21004), (21001, 21003, 21005), 21009)


def read(addresses: Addresses, node: int = 1) -> dict[str, str]:
    text = properties(node, addresses, heap_mb=256, data=f"broker-{node}")
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(("addresses", "copies", "in_sync"), [(ONE, "1", "1"), (THREE, "3", "2")])
def test_every_topic_is_on_all_brokers_and_may_miss_one_of_three(
    addresses: Addresses, copies: str, in_sync: str
) -> None:
    settings = read(addresses)
    assert {value for name, value in settings.items() if name.endswith("replication.factor")} == {copies}
    in_sync_names = {"min.insync.replicas", "transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr"}
    assert {settings[name] for name in in_sync_names} == {in_sync}


def test_a_broker_listens_on_this_machine_only_and_tells_clients_its_own_port() -> None:
    settings = read(THREE, node=2)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:21002,CONTROLLER://127.0.0.1:21003"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:21002"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:21001,2@127.0.0.1:21003,3@127.0.0.1:21005"


def test_further_listeners_are_advertised_and_known_by_their_protocol() -> None:
    extras = Extras({"SASL_SSL": 22000}, {"ssl.keystore.type": "PEM"})
    text = properties(2, THREE, heap_mb=256, data="broker-2", extras=extras)
    settings = dict(line.split("=", 1) for line in text.splitlines())
    clients = "PLAINTEXT://127.0.0.1:21002,SASL_SSL://127.0.0.1:22001"
    assert settings["listeners"] == f"{clients},CONTROLLER://127.0.0.1:21003"
    assert settings["advertised.listeners"] == clients
    assert settings["listener.security.protocol.map"].split(",")[-1] == "SASL_SSL:SASL_SSL"
    assert settings["ssl.keystore.type"] == "PEM"


def test_a_topic_must_be_made_on_purpose() -> None:
    assert read(ONE)["auto.create.topics.enable"] == "false"


def test_the_largest_message_can_also_be_replicated() -> None:
    settings = read(THREE)
    assert int(settings["replica.fetch.max.bytes"]) >= int(settings["message.max.bytes"]) >= 4 * 1024 * 1024


def test_heap_and_class_path_are_on_the_command_line() -> None:
    class_path = (Path("/m2/a.jar"), Path("/m2/b.jar"))
    archive = Archive(Path("/m2/none.jsa"))
    runtime = Runtime(Path("/usr/bin/java"), class_path, heap_mb=384, jvm="full", archive=archive)
    command = runtime.command("kafka.Kafka", ["broker-1.properties"])
    assert command[0] == "/usr/bin/java"
    assert "-Xmx384m" in command
    assert "-XX:TieredStopAtLevel=1" not in command
    assert command[-4:] == ["-cp", "/m2/a.jar:/m2/b.jar", "kafka.Kafka", "broker-1.properties"]
