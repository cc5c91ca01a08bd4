"""Sinks: where records go; the Protocol, and a file of lines. Kafka's is in `kafka`."""

from typing import BinaryIO, Final, Protocol

from ops.traffic.instants import written
from ops.traffic.records import Arrival


class Sink(Protocol):
    """Takes the records of a run, in order."""

    async def send(self, arrival: Arrival) -> None:
        """Take a record that is no tick."""

    async def tick(self, arrival: Arrival) -> int:
        """Take a tick; return of how many records it consists here."""

    async def flush(self) -> None:
        """Return when all that was taken is where it belongs.

        Raises:
            SinkError: A record could not be delivered.
        """


class LineSink:
    """A file with one event a line, in order of arrival; `recordedtime` stands in for a Kafka record's timestamp."""

    def __init__(self, file: BinaryIO) -> None:
        """Write to *file*, which stays open."""
        self._file: Final = file

    async def send(self, arrival: Arrival) -> None:
        """Write one line."""
        value = arrival.value or b""
        if arrival.dated:
            value = value[:-1] + b',"recordedtime":"' + written(arrival.at).encode() + b'"}'
        self._file.write(value + b"\n")

    async def tick(self, arrival: Arrival) -> int:
        """Write one line, for all partitions."""
        await self.send(arrival)
        return 1

    async def flush(self) -> None:
        """Hand over what is buffered."""
        self._file.flush()
