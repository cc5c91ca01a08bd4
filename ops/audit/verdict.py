"""The verdict: whether every produced event is accounted for, by what the topics hold against what a manifest says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from ops.audit.gifts import Numbers
from schemas.errors import Reason

if TYPE_CHECKING:
    from ops.audit.ledger import Ledger
    from ops.traffic.manifest import Manifest


class Verdict(msgspec.Struct, frozen=True):
    """What became of a run.

    Attributes:
        events_in: Records of the input topics, ticks left out.
        decided: Distinct events that customers' states hold, folded or waiting, by the last changelog records.
        duplicates: Records that repeat an event and are no dead letters.
        dead_letters: Records of the input topics that are dead letters.
        gifts: What became of requests to the gift desk, where there is one.
        lag: Records that the workers have not committed; None where Kafka did not say.
        faults: What is wrong, a line each; empty when all is well.
    """

    events_in: int
    decided: int
    duplicates: int
    dead_letters: int
    tier_changes: int
    level_changes: int
    rewards_issued: int
    lag: int | None
    faults: tuple[str, ...]
    gifts: Numbers = Numbers()

    @property
    def ok(self) -> bool:
        """Whether every produced event is accounted for, once, and nothing is left to do."""
        return not self.faults


def judge(ledger: Ledger, manifest: Manifest, lag: int | None) -> Verdict:
    """Compare what was read to the end with what was produced.

    Args:
        ledger: Fed by a reader of its own; see `reader.Audit.read_to_end`.
        manifest: Of the one run that the topics hold.
        lag: Asked before the ledger was read to the end.
    """
    decided, kinds = ledger.decided(), ledger.outputs
    return Verdict(
        events_in=ledger.events_in,
        decided=decided,
        duplicates=ledger.duplicates,
        dead_letters=ledger.dead_letters,
        tier_changes=sum(count for kind, count in kinds.items() if kind.startswith("tier.")),
        level_changes=kinds["cx-level.changed"],
        rewards_issued=kinds["reward.issued"],
        lag=lag,
        faults=(*_counts(ledger, manifest, decided, lag), *_customers(ledger, manifest), *_contract(ledger)),
        gifts=ledger.gifts.numbers(),
    )


def _counts(ledger: Ledger, manifest: Manifest, decided: int, lag: int | None) -> list[str]:
    """Compare the sums."""
    accounted = decided + ledger.duplicates + ledger.dead_letters
    faults = []
    if ledger.events_in != manifest.records:
        faults.append(f"{ledger.events_in:,} records are in the topics, {manifest.records:,} were produced")
    if accounted != manifest.records:
        faults.append(f"{accounted:,} events are accounted for, {manifest.records:,} were produced")
    if ledger.duplicates != manifest.duplicates:
        faults.append(f"{ledger.duplicates:,} records are repeats, {manifest.duplicates:,} were produced")
    if (found := {reason.value: count for reason, count in ledger.reasons().items()}) != manifest.poison:
        differing = sorted(
            name for name in found.keys() | manifest.poison if found.get(name) != manifest.poison.get(name)
        )
        faults.append(f"dead letters differ from the poison that was produced: {', '.join(differing)}")
    if lag is None:
        faults.append("the lag is not known")
    elif lag:
        faults.append(f"the lag is {lag:,}, not 0")
    return faults


def _customers(ledger: Ledger, manifest: Manifest) -> list[str]:
    """Compare what each customer's state holds; two states of one customer add up, and so differ."""
    held: Counter[str] = Counter()
    for holding in ledger.holdings():
        held[holding.customer] += holding.events
    due = Counter(manifest.customers) + ledger.gifts.answers
    wrong = [name for name in held.keys() | due if held[name] != due[name]]
    return [f"{len(wrong):,} customers hold another number of events than were produced"] if wrong else []


def _contract(ledger: Ledger) -> list[str]:
    """Name what must not be there at all."""
    found = {
        "outputs were published twice": ledger.repeated_outputs,
        "records went to dead letters twice": ledger.repeated_letters,
        "dead letters name records that do not exist": ledger.foreign_letters,
        "ticks were refused": ledger.refused_ticks,
        "requests for gifts have no answer": ledger.gifts.unanswered,
        # A gift may be used on the day on which it ends, and the desk has ended it by then.
        "things said to the gift desk were refused": ledger.desk_letters.total()
        - ledger.desk_letters[Reason.UNKNOWN_REWARD],
        "outputs break their contract": ledger.unreadable_outputs,
    }
    return [f"{count:,} {what}" for what, count in found.items() if count]
