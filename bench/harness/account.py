"""What a host of the full rules kept and told, against what is right: nobody wins by leaving some of it out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.harness.trade import seen
from cx.rewards import parts_of
from cx.state import Customer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.harness.trade import Trade
    from cx.rules import Rules

CHANGES = frozenset({"tier.upgraded", "tier.downgraded", "tier.corrected", "cx-level.changed"})
ISSUED = "reward.issued"
OF_CHOICE = "reward.issued of choice"


def faults_of(
    trade: Trade, customers: Mapping[str, Customer], outputs: Iterable[Mapping[str, Any]], rules: Rules
) -> tuple[str, ...]:
    """Return what is wrong, each a line for a person, without anybody's data.

    States have to be those of the trade, whatever the batches were. Outputs depend on these, for of several changes in
    one the sum is told; but each has an id of its own, and a state says how many there were.

    Args:
        customers: As the changelog has them, by id.
        outputs: Events, as a read-committed reader saw them.
    """
    faults = []
    told: dict[str, Counter[str]] = {}
    ids: Counter[str] = Counter()
    for event in outputs:
        ids[event["id"]] += 1
        told.setdefault(event["subject"], Counter())[_kind(event, rules)] += 1
    if repeated := sum(ids.values()) - len(ids):
        faults.append(f"{repeated} outputs are repeated")
    states = {who: seen(customer, trade.ended, rules) for who, customer in customers.items()}
    if wrong := [who for who in states.keys() | trade.states.keys() if states.get(who) != trade.states.get(who)]:
        faults.append(f"{len(wrong)} of {len(trade.states)} states are wrong")
    missing = surplus = 0
    for who in customers.keys() | told.keys():
        for found, said in _compared(told.get(who, Counter()), customers.get(who) or Customer(who), rules):
            missing += max(said - found, 0)
            surplus += max(found - said, 0)
    if missing:
        faults.append(f"{missing} outputs are missing")
    if surplus:
        faults.append(f"{surplus} outputs are more than the states say")
    return tuple(faults)


def _kind(event: Mapping[str, Any], rules: Rules) -> str:
    """Return the type of an event; the gifts that are left to choice are apart, for a state does not count them."""
    kind = str(event["type"])
    return OF_CHOICE if kind == ISSUED and rules.rewards[event["data"]["rule"]].choices else kind


def _compared(told: Counter[str], customer: Customer, rules: Rules) -> tuple[tuple[int, int], ...]:
    """Return how many outputs there are and how many the state says: changes of tier and level, and rewards issued."""
    lives = customer.told.rewards.items()
    issued = sum(life.times for key, life in lives if not rules.rewards[parts_of(key)[0]].choices)
    return (sum(told[kind] for kind in CHANGES), customer.told.revision), (told[ISSUED], issued)
