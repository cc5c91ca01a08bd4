"""The CX levels: which of them evidence makes of the one before, and how many signs of each criterion hold."""

from tests.reference.policy import Policy

CRITERIA = ("involvement", "effort", "resolution", "emotion", "perception")
Evidence = dict[str, int | None]


def level_after(before: int, levels: list[Policy], evidence: Evidence) -> int:
    """Return the highest level that holds with all below it; never less than 1, which is everybody's."""
    held = 1
    for rule in levels:
        if not all(one_holds(some, evidence, kept=is_kept(rule, before)) for some in conditions(rule)):
            break
        held = rule["level"]
    return held


def criteria(level: int, levels: list[Policy], evidence: Evidence) -> dict[str, dict[str, int]]:
    """Return by criterion how many conditions of the levels held and of the next hold, and of how many."""
    found = {name: {"holds": 0, "of": 0} for name in CRITERIA}
    for rule in levels:
        for some in conditions(rule) if rule["level"] <= level + 1 else []:
            for name in {one.get("criterion") or "involvement" for one in some}:
                found[name]["of"] += 1
                found[name]["holds"] += one_holds(some, evidence, kept=is_kept(rule, level))
    return found


def conditions(rule: Policy) -> list[list[Policy]]:
    """Return what a level asks for as groups of conditions, of each of which one has to hold."""
    alone = [[one] for one in rule.get("all") or ()]
    return [*alone, rule["any"]] if rule.get("any") else alone


def is_kept(rule: Policy, level: int) -> bool:
    """Tell whether those on a level keep what a rule asks for, else they reach it; level 1 counts for higher ones."""
    return level > 1 and rule["level"] <= level


def one_holds(some: list[Policy], evidence: Evidence, *, kept: bool) -> bool:
    return any(proven(one, evidence[one["measure"]], kept=kept) for one in some)


def proven(condition: Policy, value: int | None, *, kept: bool) -> bool:
    """Tell whether a condition holds for a value; to keep a level takes less than to reach it."""
    keep = condition.get("keep")
    needed = keep if kept and keep is not None else condition["reach"]
    if value is None:
        return bool(condition.get("unknown") == "holds")
    return bool(value <= needed if condition.get("at_most") else value >= needed)
