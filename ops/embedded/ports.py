"""Ports on 127.0.0.1, and whether the program behind one answers as Kafka or as Redis."""

import random
import socket
import struct

from ops.embedded.errors import PortTakenError

HOST = "127.0.0.1"
# Below the range from which systems take the local ports of outgoing connections: a port chosen here stays free for
# a broker that is stopped and started again.
FREE_FROM, FREE_TO = 20_000, 32_000
_METADATA, _METADATA_VERSION, _CORRELATION = 3, 1, 7


def is_free(port: int) -> bool:
    """Whether a server can listen on *port*."""
    with socket.socket() as listener:
        # As Kafka and Redis do: a connection that closed a moment ago must not count as a taken port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def require(name: str, port: int, taken: set[int]) -> int:
    """Add *port* to *taken* and return it.

    Args:
        name: Who will listen, as a person knows it.
        taken: Ports that others of the same stack will have.

    Raises:
        PortTakenError: somebody has it already.
    """
    if port in taken or not is_free(port):
        message = f"{name}: port {port} on {HOST} is taken; end what listens there, or give another port"
        raise PortTakenError(message)
    taken.add(port)
    return port


def choose(last: int | None, taken: set[int]) -> int:
    """Return a free port and add it to *taken*; *last*, the one of the run before, when it is free."""
    port = last
    chance = random.SystemRandom()
    while port is None or port in taken or not is_free(port):
        port = chance.randrange(FREE_FROM, FREE_TO)
    taken.add(port)
    return port


def nodes_known(port: int, timeout_seconds: float = 2.0) -> frozenset[int]:
    """Ask the Kafka broker on *port* which brokers take part; empty when it does not answer."""
    client_id = b"cx"
    header = struct.pack(">hhih", _METADATA, _METADATA_VERSION, _CORRELATION, len(client_id)) + client_id
    no_topics = struct.pack(">i", 0)
    request = header + no_topics
    try:
        with socket.create_connection((HOST, port), timeout_seconds) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = _read(connection, struct.unpack(">i", _read(connection, 4))[0])
        return _node_ids(answer)
    except (OSError, EOFError, struct.error):
        return frozenset()


def _node_ids(answer: bytes) -> frozenset[int]:
    # Version 1: correlation id, then an array of (node id, host, port, rack).
    _, count = struct.unpack_from(">ii", answer)
    offset, nodes = 8, set()
    for _ in range(count):
        node, host_length = struct.unpack_from(">ih", answer, offset)
        offset += 6 + host_length + 4
        (rack_length,) = struct.unpack_from(">h", answer, offset)
        offset += 2 + max(rack_length, 0)
        nodes.add(node)
    return frozenset(nodes)


def redis_answers(port: int, timeout_seconds: float = 2.0) -> bool:
    """Whether a Redis on *port* has loaded its data and answers PING."""
    try:
        with socket.create_connection((HOST, port), timeout_seconds) as connection:
            connection.sendall(b"PING\r\n")
            return _read(connection, 5) == b"+PONG"
    except (OSError, EOFError):
        return False


def _read(connection: socket.socket, byte_count: int) -> bytes:
    parts = bytearray()
    while len(parts) < byte_count:
        part = connection.recv(byte_count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
