"""Free, fixed and remembered ports, and what answers behind one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ops.embedded import ports
from ops.embedded.errors import PortTakenError


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server((ports.HOST, 0)) as listener:
        yield listener


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(answer)

    with listening() as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_fixed_port_that_is_taken_is_refused_in_one_line() -> None:
    with listening() as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"^Kafka: port {port} on 127\.0\.0\.1 is taken; end what"):
            ports.require("Kafka", port, set())


def test_a_fixed_port_may_not_be_given_twice() -> None:
    port = ports.choose(None, set())
    taken: set[int] = set()
    assert ports.require("Kafka", port, taken) == port
    with pytest.raises(PortTakenError):
        ports.require("Redis", port, taken)


def test_the_port_of_the_run_before_is_taken_again() -> None:
    port = ports.choose(None, set())
    assert ports.choose(port, set()) == port


def test_another_port_is_chosen_when_the_one_of_the_run_before_is_taken() -> None:
    with listening() as listener:
        taken_elsewhere = listener.getsockname()[1]
        assert ports.choose(taken_elsewhere, set()) != taken_elsewhere
    mine = ports.choose(None, set())
    assert ports.choose(mine, {mine}) != mine


def test_chosen_ports_are_not_those_of_outgoing_connections() -> None:
    taken: set[int] = set()
    chosen = [ports.choose(None, taken) for _ in range(50)]
    assert len(set(chosen)) == 50
    assert all(ports.FREE_FROM <= port < ports.FREE_TO for port in chosen)


def test_nobody_there_does_not_answer() -> None:
    port = ports.choose(None, set())
    assert ports.nodes_known(port) == frozenset()
    assert not ports.redis_answers(port)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n", b"\0\0\0\4\0\0\0\7", b"\0\0\0\2xx"])
def test_something_else_there_is_not_taken_for_kafka(answer: bytes) -> None:
    with answering(answer) as port:
        assert ports.nodes_known(port) == frozenset()


def test_kafkas_answer_names_its_brokers() -> None:
    brokers = b"".join(
        bytes([0, 0, 0, node, 0, 9]) + b"127.0.0.1" + bytes([0, 0, 80, 0]) + rack
        for node, rack in ((1, b"\0\2r1"), (3, b"\xff\xff"), (4, b"\xff\xff"))
    )
    body = b"\0\0\0\7" + b"\0\0\0\3" + brokers
    with answering(len(body).to_bytes(4) + body) as port:
        assert ports.nodes_known(port) == {1, 3, 4}


@pytest.mark.parametrize(
    ("answer", "ready"), [(b"+PONG\r\n", True), (b"-LOADING Redis is loading the dataset in memory\r\n", False)]
)
def test_a_redis_that_still_loads_is_not_ready(answer: bytes, ready: bool) -> None:  # noqa: FBT001 - a column
    with answering(answer) as port:
        assert ports.redis_answers(port) is ready
