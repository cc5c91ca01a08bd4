"""The policies under which logs are compared: the presets, and small ones in which every rule has a part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Policy = dict[str, Any]
Ladder = list[dict[str, Any]]

PRESETS: dict[str, Policy] = {
    path.stem: yaml.safe_load(path.read_text("utf-8"))
    for path in (Path(__file__).parents[2] / "policies").glob("*.yaml")
}
KEEPS: Ladder = [
    {"name": "member"},
    {"name": "silver", "enter": {"spend": 1_000}, "keep": {"spend": 500}},
    {"name": "gold", "enter": {"spend": 5_000}, "keep": {"spend": 3_000}},
]
PLAIN: Ladder = [{key: part for key, part in rung.items() if key != "keep"} for rung in KEEPS]
# By orders, visits and points, and by what is so now.
MIXED: Ladder = [
    {"name": "member"},
    {"name": "silver", "enter": {"any": [{"spend": 1_000}, {"level": 3}, {"all": [{"orders": 2}, {"visits": 1}]}]}},
    {"name": "gold", "enter": {"spend": 2_000, "points": 150, "open_cases": {"at_most": 0}}},
]
FEELINGS: Ladder = [
    {"name": "member"},
    {"name": "silver", "enter": {"any": [{"spend": 1_000}, {"emotion": 60}]}},
    {"name": "gold", "enter": {"spend": 2_000, "emotion": 45}},
]
EITHER: Ladder = [  # of which the upper rung may be reached without the lower
    {"name": "member"},
    {"name": "silver", "enter": {"spend": 1_000}},
    {"name": "gold", "enter": {"any": [{"spend": 5_000}, {"visits": 2}]}},
]
SHORT = {"rolling_days": 20}  # so that deadlines fall among the events
RESPITE = {"grace_days": 12, "stay_days": 30}  # over the last Sunday of March
QUARTER = {"calendar": "quarter"}
GIFT = {"id": "coffee", "brand": "Highlands", "face_value": 50_000}
REWARDS = [
    {"id": "hello", "when": {"tier_reached": "silver"}, "gift": GIFT},
    {"id": "big", "when": {"tier_reached": "gold"}, "every": "ever", "quantity": 2, "gift": GIFT},
]
COFFEE = {"id": "coffee", "brand": "Highlands", "face_value": 50_000}
CAKE = {"id": "cake", "brand": "Paris", "face_value": 60_000}
MUG = {"id": "mug", "brand": "Own", "card_kind": "mug", "face_value": 90_000}
BY_ALL: list[dict[str, Any]] = [
    {"id": "hello", "when": {"tier_reached": "silver"}, "choices": [COFFEE, CAKE, MUG]},
    {"id": "closer", "when": {"level_reached": 2}, "gift": COFFEE},
    {"id": "close", "when": {"level_reached": 3}, "every": "ever", "choices": [CAKE | {"tiers": ["silver", "gold"]}]},
    {
        "id": "birthday",
        "when": {"birthday": True},
        "unchosen": "none",
        "choices": [COFFEE | {"segments": ["often", "new"]}, CAKE],
    },
    {"id": "sorry", "when": {"recovery": True}, "every": "occasion", "limit": {"times": 1, "days": 10}, "gift": CAKE},
    {"id": "friend", "when": {"promoter_refers": True}, "every": "occasion", "cooldown_days": 3, "gift": MUG},
    {"id": "weekly", "when": {"streak": {"orders": 2, "within": "week"}}, "every": "occasion", "gift": COFFEE},
    {"id": "mug", "when": {"redemption": {"points": 50}}, "every": "occasion", "choices": [MUG, CAKE]},
]
LIKED: list[dict[str, Any]] = [
    {"id": "liked", "when": {"birthday": True}, "choices": [COFFEE, MUG, CAKE]},
    {
        "id": "some",
        "when": {"recovery": True},
        "choices": [COFFEE | {"segments": ["rich"]}, MUG | {"tiers": ["gold"]}, CAKE],
    },
]
BY_YEAR: list[dict[str, Any]] = [
    {"id": "friends", "when": {"promoter_refers": True}, "quantity": 2, "gift": MUG},
    {"id": "sorry", "when": {"recovery": True}, "every": "occasion", "cooldown_days": 10, "gift": CAKE},
    {"id": "weeks", "when": {"streak": {"orders": 3, "within": "week"}}, "gift": COFFEE},
    {"id": "months", "when": {"streak": {"orders": 2, "within": "month"}}, "every": "ever", "gift": COFFEE},
    {"id": "birthday", "when": {"birthday": True}, "every": "ever", "gift": CAKE},
    {
        "id": "mug",
        "when": {"redemption": {"points": 50}},
        "every": "occasion",
        "limit": {"times": 1, "days": 2},
        "choices": [MUG | {"segments": ["often"]}, CAKE | {"segments": ["new"]}],
    },
]
SEGMENTS = [{"id": "often", "orders": 3, "recency_days": 5}, {"id": "rich", "spend": 900}, {"id": "new", "orders": 1}]
VELOCITY = [
    {"id": "many", "counts": "orders", "more_than": 3, "within_hours": 8},
    {"id": "back", "counts": "refunds", "more_than": 1, "within_hours": 24},
    {"id": "spent", "counts": "redemptions", "more_than": 1, "within_hours": 5},
]
LEVELS = [
    {
        "level": 2,
        "all": [{"measure": "channels", "reach": 1}],
        "any": [{"measure": "open_cases", "reach": 0, "at_most": True}, {"measure": "nps_rise", "reach": 2, "keep": 0}],
    },
    {
        "level": 3,
        "all": [
            {"measure": "orders", "reach": 1},
            {"measure": "emotion", "reach": 50, "keep": 48},
            {"measure": "last_csat", "reach": 4, "keep": 3, "unknown": "holds"},
            {"measure": "last_ces", "reach": 4, "unknown": "holds"},
            {"measure": "resolved_for_good_pct", "reach": 70, "keep": 50, "unknown": "holds"},
        ],
    },
    {"level": 4, "all": [{"measure": "advocacy", "reach": 1}, {"measure": "service", "reach": 49, "at_most": True}]},
    {"level": 5, "all": [{"measure": "care_accepted", "reach": 1}, {"measure": "promoter_streak", "reach": 1}]},
]
BY_TIME = [  # nothing but what changes with time alone
    {"level": 2, "all": [{"measure": "emotion", "reach": 52, "keep": 51}, {"measure": "orders", "reach": 1}]},
    {"level": 3, "all": [{"measure": "orders", "reach": 2, "keep": 1}]},
    {"level": 4, "all": [{"measure": "service", "reach": 50}, {"measure": "orders", "reach": 3, "at_most": True}]},
]
BY_ORDERS = [
    {"level": 2, "all": [{"measure": "orders", "reach": 2}]},
    {"level": 3, "all": [{"measure": "orders", "reach": 3, "keep": 1}]},
]
QUESTIONS = [  # of questions and cases, also at the very first level
    {"level": 1, "all": [{"measure": "informed_pct", "reach": 60, "keep": 40, "unknown": "holds"}]},
    {"level": 2, "all": [{"criterion": "effort", "measure": "late_cases", "reach": 0, "at_most": True}]},
    {"level": 3, "all": [{"measure": "answered_in_time_pct", "reach": 70, "unknown": "holds"}]},
]
HABITS = [  # of orders and what lies between them
    {
        "level": 2,
        "all": [
            {"criterion": "effort", "measure": "contacts_rise", "reach": 0, "at_most": True, "unknown": "holds"},
            {"criterion": "emotion", "measure": "in_rhythm", "reach": 1},
        ],
    },
    {"level": 3, "all": [{"criterion": "effort", "measure": "contacts_rise", "reach": -1, "keep": 0, "at_most": True}]},
]
ONE_OF = [  # one of several, here of as many criteria
    {
        "level": 1,
        "any": [
            {"measure": "care_accepted", "reach": 1},
            {"criterion": "perception", "measure": "nps_rise", "reach": 2, "keep": 0},
        ],
    },
    {
        "level": 2,
        "all": [{"criterion": "emotion", "measure": "orders", "reach": 1}],
        "any": [
            {"criterion": "effort", "measure": "late_cases", "reach": 0, "at_most": True},
            {"measure": "in_rhythm", "reach": 1},
            {"measure": "emotion", "reach": 60, "keep": 52},
        ],
    },
    {"level": 3, "any": [{"measure": "care_accepted", "reach": 1}, {"measure": "contacts_rise", "reach": 1}]},
    {"level": 4, "all": [{"measure": "nps_rise", "reach": 1, "at_most": True, "unknown": "holds"}]},
]
CLOSELY = {  # so that it shows on both sides of every bound
    "seam_days": 3,
    "first_response": {"severity": {"low": "urgent", "normal": "info"}, "help": ["call"]},
    "case_reopened": {"times": 1},
    "dimension_falls": {"points": 8, "days": 5},
    "points_expiring": {"least": 20, "days": 3},
    "tier_at_risk": {"days": 10},
    "silent": {"severity": "urgent"},
}
LOYAL = {
    "case_reopened": {"times": 3},
    "dimension_falls": {"points": 20, "days": 2},
    "points_expiring": {"least": 200, "days": 30},
    "silent": {"tiers": ["silver"]},
    "first_response": {"enabled": False},
    "seam": {"enabled": False},
}
USD = {"USD": {"units": 100, "worth": 254}}
BY_TIER = [{"points": 3, "per": 10, "categories": ["coffee"], "tiers": ["silver", "gold"]}, {"per": 10}]
CAMPAIGN = {"per": 50, "channels": ["app", "store"], "first": "2026-03-01", "last": "2026-03-15"}
ALL_COUNTS = {"tax": True, "shipping": True, "excluded_categories": ["gift-cards"], "excluded_payments": ["points"]}
MONTH: Policy = {"rates": BY_TIER, "expiry": {"after_months": 1}}
SILENCE: Policy = {"rates": [{"per": 10}], "expiry": {"inactive_days": 12}}
PENDING: Policy = {"rates": [{"per": 10}], "pending_days": 7, "expiry": {"after_months": 1, "inactive_days": 25}}
REDEEM: Policy = {"campaigns": [CAMPAIGN, {"per": 20}], "pending_days": 3, "redeem": {"min": 10, "step": 2}}


def by(ladder: Ladder, window: Policy, points: Policy, **more: Any) -> Policy:
    """Return a small policy; *more* are parts of it, or of its tiers."""
    tiers = {name: more.pop(name) for name in ("downgrade", "refunds", "no_promotion_while") if name in more}
    small: Policy = {
        "programme": "small",
        "currency": "VND",
        "clock": {"lateness_days": 10, "refund_days": 20},
        "tiers": {"ladder": ladder, "window": window, **tiers},
        "points": points,
        "rewards": REWARDS + BY_ALL[1:] + LIKED,
        "segments": SEGMENTS,
        "velocity": VELOCITY,
        "levels": LEVELS,
    }
    return small | more


SMALL = {
    "plain": by(PLAIN, SHORT, SILENCE, no_promotion_while=["open-detractor-case"]),
    "kept by less": by(KEEPS, SHORT, MONTH | {"campaigns": [CAMPAIGN]}, exchange_rates=USD),
    "grace and stay": by(KEEPS, SHORT, PENDING, downgrade={"grace_days": 3, "stay_days": 25}),
    "one step": by(KEEPS, SHORT, MONTH, downgrade={"mode": "one-step"}, spend=ALL_COUNTS),
    "never down": by(KEEPS, QUARTER, REDEEM, downgrade={"mode": "none"}),
    "rolling by period": by(KEEPS, SHORT, SILENCE, downgrade={"when": "period-end"}),
    "quarter": by(KEEPS, QUARTER, MONTH, downgrade={"grace_days": 5}),
    "clocks go forward": by(
        PLAIN, SHORT, MONTH, time_zone="Europe/Paris", downgrade={"grace_days": 12, "stay_days": 30}
    ),
    "quarter, one step": by(KEEPS, QUARTER, PENDING, downgrade={"mode": "one-step", "stay_days": 100}),
    "quarter, at once": by(KEEPS, QUARTER, REDEEM, downgrade={"when": "at-once"}, refunds="at-period-end"),
    "anniversary": by(KEEPS, {"anniversary": "year"}, MONTH, time_zone="America/New_York"),
    "refunds keep": by(KEEPS, SHORT, PENDING, refunds="keep"),
    "calendar year": by(KEEPS, {"calendar": "year"}, SILENCE, no_promotion_while=["open-case"]),
    "mixed": by(MIXED, SHORT, REDEEM, exchange_rates=USD, visits={"channels": ["store", "app"]}),
    "either": by(EITHER, SHORT, MONTH),
    "feelings": by(FEELINGS, SHORT, MONTH, spend=ALL_COUNTS),
    "levels by time": by(KEEPS, SHORT, MONTH, levels=BY_TIME, downgrade={"when": "period-end"}),
    "a ladder by levels": by(MIXED, SHORT, SILENCE, levels=BY_TIME),
    "questions and cases": by(PLAIN, SHORT, MONTH, levels=QUESTIONS, sla_hours={"normal": 30, "low": 100}),
    "habits": by(MIXED, SHORT, SILENCE, levels=HABITS, rhythm={"factor_pct": 150, "least_gaps": 2}),
    "one of several": by(MIXED, QUARTER, MONTH, levels=ONE_OF, rhythm={"least_gaps": 4}),
    "watched closely": by(KEEPS, SHORT, MONTH, care=CLOSELY, rhythm={"factor_pct": 120, "least_gaps": 1}),
    "the loyal": by(KEEPS, SHORT, SILENCE, care=LOYAL, rhythm={"factor_pct": 150, "least_gaps": 2}),
    "quarter at risk": by(KEEPS, QUARTER, PENDING, care={"tier_at_risk": {"days": 60}}, downgrade={"grace_days": 20}),
    "all that is owed": by(PLAIN, SHORT, REDEEM, rewards=BY_ALL),
    "owed by the year": by(MIXED, QUARTER, MONTH, rewards=BY_YEAR),
    "owed for levels": by(KEEPS, SHORT, MONTH, rewards=BY_ALL, levels=BY_ORDERS),
}
ALL = PRESETS | SMALL
