"""Counting: what the records of the changelog make of stands and cells."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from cx.state import decode
from ops.aggregates.cells import Changes
from ops.aggregates.glance import glance
from ops.aggregates.store import Known
from ops.aggregates.weeks import WEEK, Told, stand, told, week_of
from streams.partition import OWN_KEY, OtherChangelogError, read_own

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cx.rules import Rules
    from ops.aggregates.glance import Glance
    from ops.aggregates.store import Store
    from ops.aggregates.weeks import Stand
    from streams.changelog import Portion


class Counting:
    """Counts into a store."""

    def __init__(self, store: Store, rules: Rules, weeks: int) -> None:
        """Remember so many *weeks*, that of the newest event among them."""
        self.store = store
        self.folded = 0  # states of which more had to be decoded than a glance
        self._rules, self._weeks = rules, weeks
        self._newest = self._complete = self._round = 0
        self._changes = Changes()

    def take(self, portions: Iterable[Portion]) -> None:
        """Count what has come of some partitions, and where it ends, in one transaction.

        Raises:
            OtherChangelogError: what was counted comes from another changelog; nothing of this is counted.
            AggregatesError: the file cannot be written.
            StateFormatError: a state cannot be read.
            PartitionFormatError: a partition's own record cannot be read.
        """
        store, self._changes = self.store, Changes()
        with store.transaction():
            before = self._newest = store.fact("newest")
            self._complete, self._round = store.fact("complete"), store.fact("round")
            for portion in portions:
                self._take(portion)
            store.add(self._changes)
            if self._newest > before:
                store.set_fact("newest", self._newest)
                store.forget_before(self._oldest)
            store.set_fact("complete", self._complete)

    @property
    def _oldest(self) -> int:
        return self._newest - WEEK * (self._weeks - 1)

    def _take(self, portion: Portion) -> None:
        incarnation = self.store.incarnation(portion.number)
        for _, key, value in portion.records:
            if key != OWN_KEY:
                self._count(key, value, portion.number)
            elif value is not None:
                found = read_own(value).incarnation
                if incarnation not in {"", found}:
                    message = "the incarnation differs"
                    raise OtherChangelogError(message)
                incarnation = found
        for name in self.store.move_on(portion.number, portion.next_offset, incarnation):
            self._forget(name)

    def _count(self, name: bytes, value: bytes | None, partition: int) -> None:
        if value is None:
            self._forget(name)
            return
        known = self.store.known(name)
        seen = glance(value, self._rules)
        if known and seen.version <= known.version:
            if known.round != self._round:
                self.store.update(name, known._replace(round=self._round))
            return
        fresh = self._appended(seen, known) if known else None
        if known and fresh is not None:
            self._append(name, seen, known, fresh)
        else:
            self._replace(name, seen, known, told(decode(value), self._rules), partition)

    def _appended(self, seen: Glance, known: Known) -> list[int] | None:
        """Return the instants of the events since the last state; None where more has changed than that they came."""
        if seen.floor == known.floor:
            if not seen.begins_with(known.size, known.checksum):
                return None
            fresh = seen.instants_after(known.moments, known.size)
        else:  # some have gone into the base, and if nothing came before others, so many are left
            fresh = [at for at in seen.instants_after(0, 0) if at > known.at]
            if known.settled + known.moments + len(fresh) != seen.settled + seen.moments:
                return None
        weeks = {week_of(at, self._rules) for at in fresh}
        # Where time has changed something since, the head is not as it was after the last of them.
        return fresh if not fresh or (len(weeks) == 1 and seen.head.reached == fresh[-1]) else None

    def _append(self, name: bytes, seen: Glance, known: Known, fresh: list[int]) -> None:
        week, at = known.last, known.at
        if fresh:  # else time alone has passed, and that counts in no week
            at = fresh[-1]
            week = week_of(at, self._rules)
            self._newest = max(self._newest, week)
            self._set(week, known.id, stand(seen.head, at, self._rules))
        checksum = seen.checksum
        if seen.floor == known.floor:
            checksum = crc32(seen.recent[known.size :], known.checksum)
        self.store.update(name, self._noted(seen, known.id, checksum, (known.first, week, at)))

    def _replace(self, name: bytes, seen: Glance, known: Known | None, says: Told, partition: int) -> None:
        """Count a customer as their state says in all weeks that it tells of, whatever was counted there."""
        self.folded += 1
        if says.first is not None and seen.settled > (known.settled + known.moments if known else 0):
            # Events have gone into the base that no state here has told of.
            self._complete = max(self._complete, says.first)
        last = until = max(says.weeks, default=known.last if known else 0)
        first = min(says.weeks, default=last)
        if known:
            first, until = min(known.first, first), max(known.last, last)
        noted = self._noted(seen, known.id if known else 0, seen.checksum, (first, last, says.at))
        if known:
            self.store.update(name, noted)
        else:
            noted = self.store.remember(name, partition, noted)
        self._newest = max(self._newest, last)
        for week in range(max(first, says.first or first), until + 1, WEEK):
            self._set(week, noted.id, says.weeks.get(week))

    def _noted(self, seen: Glance, id_: int, checksum: int, weeks: tuple[int, int, int]) -> Known:
        of_state = (seen.version, seen.floor, seen.settled, seen.moments, len(seen.recent))
        return Known(id_, self._round, *of_state, checksum, *weeks)

    def _forget(self, name: bytes) -> None:
        known = self.store.known(name)
        if known:
            for week in range(known.first, known.last + 1, WEEK):
                self._set(week, known.id, None)
            self.store.forget(name, known)

    def _set(self, week: int, customer: int, after: Stand | None) -> None:
        if week < self._oldest:
            return
        before = self.store.stand(week, customer)
        if before != after:
            self._changes.replace(week, before, after)
            self.store.set_stand(week, customer, after)
