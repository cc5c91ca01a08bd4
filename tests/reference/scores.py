"""The scores of one customer: means of what was felt, weighted, faded day by day and pulled towards a prior."""

from decimal import Decimal
from functools import cache

from tests.reference.policy import Policy

UNIT = 1 << 20
DIMENSIONS = ("emotion", "interaction", "service", "product", "brand")
Score = tuple[int, int, int]  # weighted sum, weight, day


def felt(score: Score, value: int, weight: int, day: int, rules: Policy) -> Score:
    """Return a score after one more contribution, on a day; *rules* are those of the policy on scores."""
    total, weights, day = faded(score, day, rules)
    return total + value * weight * UNIT, weights + weight * UNIT, day


def faded(score: Score, day: int, rules: Policy) -> Score:
    kept = decay(max(day - score[2], 0), rules["half_life_days"])
    return score[0] * kept // UNIT, score[1] * kept // UNIT, max(day, score[2])


@cache
def decay(days: int, half_life: int) -> int:
    """Return what is left of one unit after so many days; nothing after 24 half-lives."""
    return round(UNIT * Decimal(2) ** (Decimal(-days) / half_life)) if days < 24 * half_life else 0


def shown(scores: list[Score], day: int, rules: Policy) -> dict[str, int]:
    """Return the scores from 0 to 100 on a day, rounded half up."""
    exact = [pulled(score, day, rules) for score in scores]
    return {name: (2 * total + all_) // (2 * all_) for name, (total, all_) in zip(DIMENSIONS, exact, strict=True)}


def pulled(score: Score, day: int, rules: Policy) -> tuple[int, int]:
    """Return a score on a day, with the prior: its weighted sum, and the weights."""
    total, weights, _ = faded(score, day, rules)
    weight = rules["prior"].get("weight", 4) * UNIT
    return total + rules["prior"].get("value", 50) * weight, weights + weight
