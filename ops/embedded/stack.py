"""A Kafka cluster and a Redis of our own: started together, stopped together, broken on purpose in tests."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ops.embedded import jars, ports
from ops.embedded.brokers import PLAIN, TOOLS, Extras, Jvm, Runtime, broker_children, format_storage, keep_classes
from ops.embedded.classes import Archive
from ops.embedded.errors import NotRunningError
from ops.embedded.java import find_java
from ops.embedded.process import Child, ending, spawn_guarded, wait_until_ready
from ops.embedded.redis_server import find_redis, redis_child
from ops.embedded.root import Addresses, Root

TOOL_HEAP_MB = 128
TOOL_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Running:
    """What is known of a stack from its start to its stop."""

    runtime: Runtime
    addresses: Addresses
    cluster_id: str
    brokers: tuple[Child, ...]
    redis: Child


class Stack:
    """Kafka and Redis on 127.0.0.1 with their data under *root*, which the next run finds again.

    Whatever ends this process (an exception, Ctrl-C, kill -9) also ends Kafka and Redis. Calls block; from a
    coroutine use `asyncio.to_thread`.
    """

    def __init__(
        self,
        root: Path,
        *,
        brokers: int = 1,
        kafka_port: int | None = None,
        redis_port: int | None = None,
        heap_mb: int = 256,
        jvm: Jvm = "light",
        extras: Extras = PLAIN,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """Describe the stack; nothing starts yet.

        Args:
            brokers: 1, or 3 for replication 3 with two in sync.
            kafka_port: Port of the first broker, the others follow. Any free one by default, the one of the run
                before when possible; likewise *redis_port*.
            heap_mb: Java heap of each broker, in MiB.
            extras: Listeners and properties of the brokers beyond their own.
            notify: Gets one line for a person when something takes long (the first download).
        """
        self._root = Root(root)
        self._broker_count = brokers
        self._kafka_port = kafka_port
        self._redis_port = redis_port
        self._heap_mb = heap_mb
        self._jvm: Jvm = jvm
        self._extras = extras
        self._notify = notify
        self._running: _Running | None = None
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def root(self) -> Path:
        """The data folder, absolute; logs are in its folder `logs`."""
        return self._root.path

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers: `127.0.0.1:port`, comma separated."""
        return self._now.addresses.bootstrap

    @property
    def redis_url(self) -> str:
        """Address of Redis."""
        return self._now.addresses.redis_url

    @property
    def cluster_id(self) -> str:
        """Kafka's cluster id; it stays with the data folder."""
        return self._now.cluster_id

    @property
    def brokers(self) -> tuple[Child, ...]:
        """The brokers, in the order of their numbers; each can be stopped, killed, paused and started again."""
        return self._now.brokers

    @property
    def redis(self) -> Child:
        """The Redis server; it can be stopped, killed, paused and started again."""
        return self._now.redis

    @property
    def _now(self) -> _Running:
        if self._running is None:
            message = "the stack is not started"
            raise NotRunningError(message)
        return self._running

    def start(self) -> None:
        """Start Kafka and Redis and wait until both answer.

        Raises:
            EmbeddedError: one of those in `errors.py`; nothing is left running then.
        """
        if self._running is not None:
            return
        self._root.open()
        try:
            self._running = self._start()
        except OSError as error:
            self.stop()
            raise self._root.explain(error) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop Kafka and Redis in order; the data stays."""
        for child in self._children:
            child.ask_to_stop()
        for child in self._children:
            child.stop()
        if self._running is not None:
            keep_classes(self._root, self._running.runtime, self._running.brokers[0])
        self._children = []
        self._running = None
        self._root.close()

    def check(self) -> None:
        """Make sure that nothing ended by itself; call it now and then while the stack runs.

        Raises:
            EmbeddedError: something did; its log's own reason is in the message.
        """
        for child in self._children:
            if child.died and (code := child.wait(0)) is not None:
                raise child.failure(ending(code))

    def kafka_tool(
        self, name: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float = 60.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one of Kafka's own console tools against this cluster and wait for its end.

        Args:
            name: Such as `kafka-console-consumer`; see `brokers.TOOLS`.
            arguments: Of the tool, without `--bootstrap-server`.

        Raises:
            subprocess.TimeoutExpired: it did not end in time, and was ended.
        """
        runtime = replace(self._now.runtime, heap_mb=TOOL_HEAP_MB, jvm="light")
        guard, _, leash = spawn_guarded(
            runtime.command(TOOLS[name], ["--bootstrap-server", self.bootstrap, *arguments], log_level="warn"),
            grace_seconds=TOOL_GRACE_SECONDS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with guard:
            try:
                output, errors = guard.communicate(stdin, timeout_seconds)
            finally:
                os.close(leash)
        return subprocess.CompletedProcess([name, *arguments], guard.returncode, output, errors)

    def _start(self) -> _Running:
        cluster = self._root.claim(self._broker_count)
        executable = find_redis()
        java, class_path = find_java(), jars.class_path(self._notify)
        runtime = Runtime(java, class_path, self._heap_mb, self._jvm, Archive.of(java, class_path), self._extras)
        addresses = self._choose_ports()
        self._root.remember(addresses)
        redis = redis_child(self._root, executable, addresses.redis_port)
        brokers = broker_children(self._root, addresses, runtime)
        self._children = [redis, *brokers]
        redis.launch()
        format_storage(self._root, addresses, runtime, cluster)
        for broker in brokers:
            broker.launch()
        wait_until_ready(self._children)
        return _Running(runtime, addresses, cluster.cluster_id, brokers, redis)

    def _choose_ports(self) -> Addresses:
        # Fixed ports first, so that none of the others takes one of them.
        taken: set[int] = set()
        fixed_kafka = [self._kafka_port + n for n in range(self._broker_count)] if self._kafka_port else []
        kafka = [ports.require("Kafka", port, taken) for port in fixed_kafka]
        redis = ports.require("Redis", self._redis_port, taken) if self._redis_port else None
        last = self._root.addresses
        return Addresses(
            kafka_ports=tuple(kafka) or self._choose(last.kafka_ports if last else (), taken),
            controller_ports=self._choose(last.controller_ports if last else (), taken),
            redis_port=redis or ports.choose(last.redis_port if last else None, taken),
        )

    def _choose(self, last: tuple[int, ...], taken: set[int]) -> tuple[int, ...]:
        return tuple(ports.choose(port, taken) for port in (last or (None,) * self._broker_count))
