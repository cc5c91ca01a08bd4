"""Apache Kafka's brokers: their properties, formatting, processes and console tools."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from ops.embedded.classes import Archive
from ops.embedded.ports import nodes_known
from ops.embedded.process import Child
from ops.embedded.root import Addresses, Cluster, Root

GRACE_SECONDS = 20.0
FORMAT_SECONDS = 60.0
MESSAGE_BYTES_MAX = 8 * 1024 * 1024  # above every topic's own limit
INTERNAL_PARTITIONS = 8  # instead of 50: fewer files to open at a start, enough for one machine
CLEANER_SHARE = 8  # of the heap; Kafka's default of 128 MB would be half of a small one

Jvm = Literal["light", "full"]
"""`light` starts fast and stays small (first compiler tier, serial collector); `full` is what a server would run."""

_JVM_OPTIONS: dict[Jvm, tuple[str, ...]] = {
    "light": ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
    "full": ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
}

TOOLS = {
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
}


@dataclass(frozen=True, slots=True)
class Extras:
    """What a broker has beyond the ordinary.

    Attributes:
        ports: Further listeners, by protocol: port of the first broker, the others follow.
        properties: Further entries of `server.properties`.
    """

    ports: Mapping[str, int] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


PLAIN = Extras()


@dataclass(frozen=True, slots=True)
class Runtime:
    """How to run one of Kafka's main classes."""

    java: Path
    class_path: tuple[Path, ...]
    heap_mb: int
    jvm: Jvm
    archive: Archive
    extras: Extras = PLAIN

    def command(
        self, main_class: str, arguments: Sequence[str], *, log_level: str = "info", record: Path | None = None
    ) -> list[str]:
        """Build the command line; the program logs to its standard error.

        Args:
            record: Where to leave an archive of the program's classes, if there is none yet.
        """
        logger = "-Dorg.slf4j.simpleLogger"
        return [
            str(self.java),
            f"-Xmx{self.heap_mb}m",
            *_JVM_OPTIONS[self.jvm],
            *self.archive.options(record),
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",  # else each start leaves a file under /tmp
            "-Djava.awt.headless=true",
            f"{logger}.defaultLogLevel={log_level}",
            f"{logger}.showDateTime=true",
            f"{logger}.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
            f"{logger}.showThreadName=false",
            # A thousand lines of settings at each start, and again for each client, would bury what matters.
            f"{logger}.log.org.apache.kafka.common.config.AbstractConfig=warn",
            f"{logger}.log.org.apache.kafka.common.utils.AppInfoParser=warn",
            f"{logger}.log.state.change.logger=warn",
            "-cp",
            ":".join(map(str, self.class_path)),
            main_class,
            *arguments,
        ]


def properties(node: int, addresses: Addresses, *, heap_mb: int, data: str, extras: Extras = PLAIN) -> str:
    """Write the `server.properties` of one broker, which is a controller as well.

    Args:
        node: Number of the broker, from 1.
        data: Folder of its data, relative to its working directory: an absolute path would have to be escaped.
        extras: What it has beyond.
    """
    count = len(addresses.kafka_ports)
    in_sync_min = max(1, count - 1)
    voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(addresses.controller_ports, start=1))
    ports = {"PLAINTEXT": addresses.kafka_ports[node - 1]}
    ports |= {protocol: first + node - 1 for protocol, first in extras.ports.items()}
    for_clients = ",".join(f"{protocol}://127.0.0.1:{port}" for protocol, port in ports.items())
    controller = addresses.controller_ports[node - 1]
    settings: dict[str, str | int] = {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{for_clients},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": for_clients,
        "listener.security.protocol.map": ",".join(("CONTROLLER:PLAINTEXT", *(f"{name}:{name}" for name in ports))),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": count,
        "min.insync.replicas": in_sync_min,
        # A broker that was killed may come back only when its session is over, nine seconds by default.
        "broker.session.timeout.ms": 5_000,
        "broker.heartbeat.interval.ms": 500,
        "message.max.bytes": MESSAGE_BYTES_MAX,
        "replica.fetch.max.bytes": MESSAGE_BYTES_MAX,
        "group.initial.rebalance.delay.ms": 0,  # a first worker need not wait for others
        "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
        "offsets.topic.replication.factor": count,
        # Ten years: a folder that was not started for more than a week keeps its place in every topic.
        "offsets.retention.minutes": 5_256_000,
        "transaction.state.log.num.partitions": INTERNAL_PARTITIONS,
        "transaction.state.log.replication.factor": count,
        "transaction.state.log.min.isr": in_sync_min,
        "share.coordinator.state.topic.num.partitions": INTERNAL_PARTITIONS,
        "share.coordinator.state.topic.replication.factor": count,
        "share.coordinator.state.topic.min.isr": in_sync_min,
        "log.cleaner.dedupe.buffer.size": heap_mb * 1024 * 1024 // CLEANER_SHARE,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 4,
        "group.coordinator.threads": 1,
        **extras.properties,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def broker_children(root: Root, addresses: Addresses, runtime: Runtime) -> tuple[Child, ...]:
    """Write the properties of all brokers and return their processes, not yet started."""
    children = []
    for node, port in enumerate(addresses.kafka_ports, start=1):
        name = f"broker-{node}"
        text = properties(node, addresses, heap_mb=runtime.heap_mb, data=name, extras=runtime.extras)
        (root.kafka / f"{name}.properties").write_text(text, encoding="ascii")
        children.append(
            Child(
                f"Kafka broker {node}",
                runtime.command("kafka.Kafka", [f"{name}.properties"], record=_record(root) if node == 1 else None),
                log_path=root.logs / f"kafka-{node}.log",
                cwd=root.kafka,
                grace_seconds=GRACE_SECONDS,
                keep_open=(root.children_lock,),
                answers=partial(_takes_part, node, port),
            )
        )
    return tuple(children)


def keep_classes(root: Root, runtime: Runtime, broker: Child) -> None:
    """Let later starts profit from the classes that the first *broker* left, if it has stopped in order."""
    runtime.archive.keep(_record(root), broker.wait(0))


def _record(root: Root) -> Path:
    return root.kafka / "classes.jsa"


def _takes_part(node: int, port: int) -> bool:
    # A broker knows itself only once the controller has let it in: then topics can be placed on it.
    return node in nodes_known(port)


def format_storage(root: Root, addresses: Addresses, runtime: Runtime, cluster: Cluster) -> None:
    """Format the folders of the brokers that have none yet.

    Raises:
        EmbeddedError: formatting failed; see `logs.failure`.
    """
    # Into a folder of another name, which then moves: a crash half-way leaves nothing that looks formatted.
    formatting = []
    for node in range(1, cluster.brokers + 1):
        if not (root.kafka / f"broker-{node}").exists():
            child = _formatter(root, node, addresses, runtime, cluster)
            child.launch()
            formatting.append((node, child))
    try:
        for node, child in formatting:
            code = child.wait(FORMAT_SECONDS)
            if code != 0:
                raise child.failure("could not format its folder" if code else "took too long to format its folder")
            (root.kafka / f"format-{node}").rename(root.kafka / f"broker-{node}")
    finally:
        for _, child in formatting:
            child.stop()


def _formatter(root: Root, node: int, addresses: Addresses, runtime: Runtime, cluster: Cluster) -> Child:
    data = f"format-{node}"
    shutil.rmtree(root.kafka / data, ignore_errors=True)
    text = properties(node, addresses, heap_mb=runtime.heap_mb, data=data, extras=runtime.extras)
    (root.kafka / f"{data}.properties").write_text(text, encoding="ascii")
    arguments = ["format", "--cluster-id", cluster.cluster_id, "--config", f"{data}.properties"]
    return Child(
        f"Kafka broker {node}",
        runtime.command("kafka.tools.StorageTool", arguments),
        log_path=root.logs / f"kafka-{node}.log",
        cwd=root.kafka,
        grace_seconds=GRACE_SECONDS,
        keep_open=(root.children_lock,),
    )
