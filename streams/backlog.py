"""Views that wait for Redis: the newest of each key, bounded by their number and by the memory that they hold on to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.effects import View

VIEWS_MAX: Final = 20_000
BYTES_MAX: Final = 128 << 20  # of encoded states: more than so many of typical size have


class Claim(NamedTuple):
    """In whose name a partition is shown.

    Attributes:
        incarnation: Of its changelog.
        opened: When this worker opened it, in milliseconds since 1970; of two changelogs the one opened last holds it.
    """

    partition: int
    incarnation: str
    opened: int


class Waiting(NamedTuple):
    """A view, and as of which changelog offset it is the newest of its key."""

    claim: Claim
    offset: int
    view: View


class Backlog:
    """Views on their way to Redis; those that were taken count until it is known what became of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[str, Waiting] = {}
        self._taken: dict[str, Waiting] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._waiting) + len(self._taken)

    def add(self, claim: Claim, offset: int, views: Iterable[View]) -> bool:
        """Let *views* wait, each in the place of an older one of its key; return False, with none, if there is no room.

        Where nothing waits there is room for any of them.
        """
        added = {view.key: Waiting(claim, offset, view) for view in views}
        size = _bytes(added.values())
        if len(self) and (len(self) + len(added) > VIEWS_MAX or self._bytes + size > BYTES_MAX):
            return False
        self._bytes += size - _bytes(self._waiting[key] for key in self._waiting.keys() & added.keys())
        self._waiting |= added
        return True

    def take(self) -> list[Waiting]:
        """Return all that wait, to be written."""
        self._taken, self._waiting = self._waiting, {}
        return list(self._taken.values())

    def done(self) -> None:
        """Forget what was taken."""
        self._bytes -= _bytes(self._taken.values())
        self._taken = {}

    def give_back(self) -> None:
        """Let what was taken wait again, but for keys of which there is a newer one."""
        self._bytes -= _bytes(self._taken[key] for key in self._waiting.keys() & self._taken.keys())
        self._waiting, self._taken = self._taken | self._waiting, {}


def _bytes(views: Iterable[Waiting]) -> int:
    return sum(one.view.bytes for one in views)
