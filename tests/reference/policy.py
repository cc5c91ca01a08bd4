"""A policy as plain data, made whole: the defaults of the policy file, restated, and terms as lists of alternatives."""

from pathlib import Path
from typing import Any

import yaml

from tests.reference.days import DAY

Policy = dict[str, Any]
Bounds = dict[str, tuple[int, bool]]  # by measure: the bound, and whether it is one from above
DEFAULTS = yaml.safe_load(Path(__file__).with_name("defaults.yaml").read_text("utf-8"))


def whole(policy: Policy) -> Policy:
    """Return a policy with all that was left out, spans in microseconds, and the ladder's terms as alternatives."""
    full: Policy = DEFAULTS | {name: part for name, part in policy.items() if not isinstance(part, dict)}
    full |= {name: full[name] | part for name, part in policy.items() if isinstance(part, dict)}
    clock, tiers = full["clock"], full["tiers"]
    falls = {"mode": "to-qualified", "when": None, "grace_days": 0, "stay_days": 0} | tiers["downgrade"]
    window = next((kind, length) for kind, length in tiers["window"].items() if length)
    by_period = falls["when"] == "period-end" or (not falls["when"] and window[0] != "rolling_days")
    enter = [_alternatives(rung.get("enter") or {}) for rung in tiers["ladder"]]
    keep = [_alternatives(rung.get("keep") or rung.get("enter") or {}) for rung in tiers["ladder"]]
    asked = {name for alternatives in enter + keep for bounds in alternatives for name in bounds}
    return full | {
        "lateness": clock["lateness_days"] * DAY, "horizon": clock["refund_days"] * DAY,
        "future": clock["future_minutes"] * DAY // 1440, "window": window, "by_period": by_period,
        "mode": falls["mode"], "grace": falls["grace_days"], "stay": falls["stay_days"],
        "names": [rung["name"] for rung in tiers["ladder"]], "enter": enter, "keep": keep,
        "measures": asked | {"spend", "orders"},
    }  # fmt: skip


def _alternatives(terms: Policy) -> list[Bounds]:
    """Return terms as a list of alternatives, in each of which all bounds must be reached."""
    named = {name: bound for name, bound in terms.items() if name not in ("all", "any") and bound is not None}
    found = [{name: (b["at_most"], True) if isinstance(b, dict) else (b, False) for name, b in named.items()}]
    either = [one for part in terms.get("any") or () for one in _alternatives(part)]
    for part in [_alternatives(part) for part in terms.get("all") or ()] + ([either] if either else []):
        found = [_both(one, other) for one in found for other in part]
    return found


def _both(one: Bounds, other: Bounds) -> Bounds:
    stricter = {name: (min if one[name][1] else max)(one[name], other[name]) for name in one.keys() & other.keys()}
    return one | other | stricter
