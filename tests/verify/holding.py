"""The states of a replay against those of the reference, for a part of the customers; run as a process of its own.

`python -m tests.verify.holding EVENTS.jsonl STATES.jsonl POLICY.yaml UNTIL PART OF` prints how many customers it
compared, or the first that differ and how.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import yaml

from tests.generated.folded import SEEN
from tests.reference.days import instant
from tests.reference.states import states

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 3
REWARD = ("rule", "occasion", "item", "tier", "status")


def mine(path: Path, part: int, of: int) -> Iterator[dict[str, Any]]:
    """Yield the lines of JSON about the customers of a part, and those about nobody."""
    with path.open("rb") as file:
        for line in file:
            one = json.loads(line)
            name = one.get("subject") or one.get("customer_id")
            if name is None or crc32(name.encode()) % of == part:
                yield one


def seen(state: dict[str, Any]) -> dict[str, Any]:
    """Return of a line of states what the reference says as well."""
    return {name: state[name] for name in SEEN} | {
        "points": {name: value for name, value in state["points"].items() if name != "next_expiry"},
        "progress": {name: state["progress"][name] for name in ("next", "missing")},
        "rewards": [{name: reward[name] for name in REWARD} for reward in state["rewards"]],
    }


def expected_of(state: dict[str, Any]) -> dict[str, Any]:
    """Return of what the reference says what a line of states has as well: it knows some of what was told, too."""
    told = {"kept alerts", "holds"}
    return {name: state[name] for name in state if name not in told} | {
        "rewards": [{name: reward[name] for name in REWARD} for reward in state["rewards"]]
    }


def main() -> None:
    """Compare one part, customer by customer; exit with 1 where any differs."""
    events, replayed, policy, until, part, of = sys.argv[1:]
    found = {one["customer_id"]: seen(one) for one in mine(Path(replayed), int(part), int(of))}
    log = list(mine(Path(events), int(part), int(of)))
    known = states(log, yaml.safe_load(Path(policy).read_text("utf-8")), instant(until))
    expected = {name: expected_of(state) for name, state in known.items()}
    differing = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    for name in differing[:SHOWN]:
        print(f"{name}: replay {found.get(name)}, reference {expected.get(name)}")  # noqa: T201  # what it is run for
    print(f"{len(expected)} customers, {len(differing)} differ")  # noqa: T201
    sys.exit(1 if differing or not expected else 0)


if __name__ == "__main__":
    main()
