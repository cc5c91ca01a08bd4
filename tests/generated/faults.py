"""Faults made by hand, each in one rule of the product: the reference has to see every one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from cx import (
    amounts,
    calendar,
    care,
    cases,
    choices,
    contacts,
    decide,
    holds,
    journey,
    levels,
    measures,
    orders,
    points,
    rewards,
    rhythm,
    scores,
    segments,
    streaks,
    tiers,
    timeline,
)
from cx.calendar import DAY, Calendar
from cx.moments import AnyMoment, Overridden
from cx.orders import Undone
from cx.periods import CalendarPeriod, Rolling, yearly
from cx.rules import Alternatives, Rules
from cx.state import NEVER, Change, Day, Head, Order

Fault = Callable[[pytest.MonkeyPatch, Rules], Rules]


def threshold_is_exclusive(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def holds(values: dict[str, int], alternatives: Alternatives, _: Rules) -> bool:
        return any(all(values[name] > bound for name, bound in bounds.items()) for bounds in alternatives)

    patch.setattr(tiers, "holds", holds)
    return rules


def window_is_a_day_short(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(Rolling, "first", lambda window, day, _: day - window.days + 2)
    return rules


def quarter_begins_a_day_late(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    first = CalendarPeriod.first
    patch.setattr(CalendarPeriod, "first", lambda period, day, joined: first(period, day - 1, joined) + 1)
    return rules


def refund_lowers_its_own_day(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    count = tiers.count

    def counted(head: Head, day: int, more: Day, sign: int, by: Rules) -> None:
        today = by.calendar.day(head.reached)
        head.days.setdefault(today, Day())
        count(head, today if sign < 0 else day, more, sign, by)

    patch.setattr(tiers, "count", counted)
    return rules


def refund_leaves_the_tier(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, replays=False)


def guard_is_ignored(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, guards=frozenset())


def deadline_comes_after_the_event(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    meet = timeline.meet_deadlines
    apply = timeline._apply  # noqa: SLF001  # of the fold, which is broken here

    def fold(head: Head, moments: list[AnyMoment], answers: dict[str, int], by: Rules) -> None:
        for moment in moments:
            meet(head, moment.at - 1, by)
            apply(head, moment, answers, by)

    patch.setattr(timeline, "fold", fold)
    return rules


def lateness_is_a_day_shorter(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, lateness=rules.lateness - DAY)


def keeping_takes_as_much_as_reaching(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, rungs=tuple(replace(rung, keep=rung.enter) for rung in rules.rungs))


def grace_is_not_given(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, grace_days=0)


def days_of_a_respite_have_24_hours(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(Calendar, "later", lambda _, at, days: at + days * DAY)
    return rules


def one_step_falls_all_the_way(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, downgrade="to-qualified")


def word_of_a_person_never_ends(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    give = tiers.give

    def given(head: Head, moment: Overridden, by: Rules) -> Change | None:
        return give(head, msgspec.structs.replace(moment, until=NEVER), by)

    patch.setattr(tiers, "give", given)
    return rules


def days_are_those_of_utc(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, calendar=Calendar("UTC"))


def gift_cards_count_as_money(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    qualifying = amounts.qualifying

    def counted(order: Order, by: Rules, places: Any = None) -> int:
        return qualifying(msgspec.structs.replace(order, not_money=0), by, places)

    patch.setattr(orders, "qualifying", counted)
    return rules


def refund_is_taken_after_its_horizon(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def knows(head: Head, moment: Any, _: Rules) -> bool:
        return orders.order_key(moment.source, moment.order) in head.open_orders

    patch.setattr(orders, "knows", knows)
    return rules


def order_counts_twice(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(decide, "_is_new", lambda *_: True)
    return rules


def waiting_is_never_given_up(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(decide, "_give_up", lambda *_: [])
    return rules


def points_run_out_a_day_early(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(points, "month_end", lambda day, months: calendar.month_end(day, months) - 1)
    return rules


def newest_points_are_spent_first(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    lots = points._lots  # noqa: SLF001  # of the ledger, which is broken here
    patch.setattr(points, "_lots", lambda head, by: lots(head, by)[::-1])
    return rules


def pending_points_wait_a_day_less(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, pending_days=rules.pending_days - 1)


def debt_is_forgiven(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def earned(head: Head, more: int) -> int:
        head.ledger.debt = 0
        head.ledger.earned += more
        return more

    patch.setattr(points, "_earned", earned)
    return rules


def expired_points_are_charged_again(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    undo = points.undo

    def undone(head: Head, key: str, moment: Any, by: Rules) -> int:
        order = head.open_orders[key]
        if order.lot is not None:
            lot = msgspec.structs.replace(order.lot, gone=0)
            head.open_orders[key] = msgspec.structs.replace(order, lot=lot)
        return undo(head, key, moment, by)

    patch.setattr(points, "undo", undone)
    return rules


def request_is_no_activity(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    request = points.request

    def asked(head: Head, moment: Any, answers: dict[str, int], by: Rules, against: str) -> bool:
        before = head.ledger.active
        granted = request(head, moment, answers, by, against)
        head.ledger.active = before
        return granted

    patch.setattr(points, "request", asked)
    return rules


def line_earns_by_every_rate(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, rates=(), campaigns=(*rules.rates, *rules.campaigns))


def campaign_lasts_a_day_longer(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, campaigns=tuple(replace(rate, last=rate.last + 1) for rate in rules.campaigns))


def visits_of_a_day_all_count(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, visits_max=100)


def reward_survives_its_refund(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def undone(head: Head, _: Undone, at: int, by: Rules) -> None:
        """Leave all as it is."""

    patch.setattr(rewards, "undone", undone)
    return rules


def feelings_do_not_fade(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(scores, "_decayed", lambda total, weights, *_: (total, weights))
    return rules


def question_is_followed_for_a_day_longer(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(contacts, "CASE_DAYS", contacts.CASE_DAYS + 1)
    return rules


def case_coming_back_is_no_contact(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    reopened, contacted = cases.reopened, contacts.contacted

    def quietly(head: Head, moment: Any, by: Rules) -> None:
        patch.setattr(contacts, "contacted", lambda _: None)
        reopened(head, moment, by)
        patch.setattr(contacts, "contacted", contacted)

    patch.setattr(cases, "reopened", quietly)
    return rules


def answer_in_the_last_instant_is_late(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    dues = cases.dues
    patch.setattr(cases, "dues", lambda head: [due - 1 for due in dues(head)])
    return rules


def case_is_late_where_something_happens(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setitem(measures.TURNS, "late_cases", lambda *_: NEVER)  # of time, which is broken here
    return rules


def rhythm_is_the_mean(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def silent_from(days: tuple[int, ...], pct: int) -> int:
        return days[-1] + (days[-1] - days[0]) * pct // (100 * (len(days) - 1)) + 1

    patch.setattr(rhythm, "_silent_from", silent_from)
    return rules


def orders_of_a_day_are_many(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def bought(head: Head, day: int) -> None:
        head.rhythm = (*head.rhythm[-rhythm.GAPS_MAX :], day)

    patch.setattr(rhythm, "bought", bought)
    return rules


def help_counts_after_a_complaint(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(cases, "before_complaint", lambda *_: True)
    return rules


def complaint_is_forgotten_an_instant_early(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    before = cases.before_complaint
    patch.setattr(cases, "before_complaint", lambda head, at: before(head, at + 1))
    return rules


def first_word_is_a_rise(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def rise(head: Head, *_: object) -> int | None:
        scores = [score for score, _ in head.feedback.get("nps", ())]
        return scores[0] - [*scores, 0][1] if scores else None

    patch.setitem(measures.READERS, "nps_rise", rise)
    return rules


def first_level_asks_for_nothing(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, levels={level: asked for level, asked in rules.levels.items() if level > 1})


def first_level_is_kept_by_all(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(levels, "_kept", lambda level, before: level <= before)
    return rules


def all_of_several_have_to_hold(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(
        rules,
        levels={level: replace(asked, all=asked.all + asked.any, any=()) for level, asked in rules.levels.items()},
    )


def mood_is_of_five_answers(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(journey, "MOODS_MAX", journey.MOODS_MAX + 1)
    return rules


def answer_about_an_order_is_of_the_product(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(journey, "_numbered", lambda *_: [])
    return rules


def case_over_the_web_is_of_people(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(journey, "DIGITAL", ())
    return rules


def crest_is_kept_a_day_longer(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, care=replace(rules.care, fall_days=rules.care.fall_days + 1))


def sharp_fall_takes_a_point_more(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, care=replace(rules.care, fall=rules.care.fall + 1))


def silence_of_all_calls_for_care(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, care=replace(rules.care, silent=frozenset(rung.name for rung in rules.rungs)))


def points_are_called_for_a_day_late(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, care=replace(rules.care, expiring_days=rules.care.expiring_days - 1))


def tier_is_at_risk_a_day_late(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, care=replace(rules.care, risk_span=rules.care.risk_span - DAY))


def seam_ends_an_instant_early(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, care=replace(rules.care, seam_span=rules.care.seam_span - 1))


def case_may_come_back_once_more(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, care=replace(rules.care, reopened_times=rules.care.reopened_times + 1))


def help_answers_no_alert(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(care, "answered", lambda *_: None)
    return rules


def referral_waits_a_day_longer(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(rewards, "REFERRAL_DAYS", rewards.REFERRAL_DAYS + 1)
    return rules


def promoter_begins_with_eight(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(rewards, "PROMOTER_MIN", 8)
    return rules


def birthday_is_a_day_later(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(rewards, "yearly", lambda *about: yearly(*about) + 1)
    return rules


def every_solved_case_was_bad(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def recovered(head: Head, moment: Any) -> bool:
        case = head.cases.get(cases.case_key(moment.source, moment.case))
        return case is not None and case.resolved == moment.at

    patch.setattr(rewards, "_recovered", recovered)
    return rules


def limit_and_cooldown_are_not_asked(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(rewards, "allowed", lambda *_: True)
    return rules


def periods_count_for_two_streaks(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    def complete(head: Head, rule: Any, period: int) -> bool:
        run = range(period - rule.when.streak.orders + 1, period + 1)
        return all(head.runs.get(rule.when.streak.within, {}).get(one) for one in run)

    patch.setattr(streaks, "complete", complete)
    return rules


def weeks_begin_on_sunday(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    period_of = streaks.period_of
    patch.setattr(streaks, "period_of", lambda day, unit: period_of(day + (unit == "week"), unit))
    return rules


def choices_are_for_all(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(choices, "fitting", lambda _head, rule, *_: ((), 0) if rule.gift else choices.whole(rule))
    return rules


def preference_must_be_written_alike(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(choices, "_is_liked", lambda gift, likes: bool({gift.id, gift.brand, gift.card_kind} & likes))
    return rules


def segment_takes_an_order_more(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    fits = segments._fits  # noqa: SLF001  # of the rules, which are broken here

    def harder(head: Head, segment: Any, day: int) -> bool:
        return fits(head, segment.model_copy(update={"orders": (segment.orders or 0) + 1}), day)

    patch.setattr(segments, "_fits", harder)
    return rules


def hold_needs_one_more(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    velocities = {
        what: tuple(one.model_copy(update={"more_than": one.more_than + 1}) for one in of)
        for what, of in rules.triggers.velocities.items()
    }
    return replace(rules, triggers=replace(rules.triggers, velocities=velocities))


def word_ends_no_hold(patch: pytest.MonkeyPatch, rules: Rules) -> Rules:
    patch.setattr(holds, "decided", lambda *_: None)
    return rules


def level_reward_survives_its_refund(_: pytest.MonkeyPatch, rules: Rules) -> Rules:
    return replace(rules, triggers=replace(rules.triggers, orders_for={}))


# By the policy under which each of them shows.
FAULTS: dict[Fault, str] = {
    threshold_is_exclusive: "mixed",
    window_is_a_day_short: "feelings",
    quarter_begins_a_day_late: "quarter, at once",
    refund_lowers_its_own_day: "one step",
    refund_leaves_the_tier: "calendar year",
    guard_is_ignored: "calendar year",
    deadline_comes_after_the_event: "mixed",
    lateness_is_a_day_shorter: "kept by less",
    keeping_takes_as_much_as_reaching: "kept by less",
    grace_is_not_given: "grace and stay",
    days_of_a_respite_have_24_hours: "clocks go forward",
    one_step_falls_all_the_way: "one step",
    word_of_a_person_never_ends: "grace and stay",
    days_are_those_of_utc: "feelings",
    gift_cards_count_as_money: "mixed",
    refund_is_taken_after_its_horizon: "kept by less",
    order_counts_twice: "mixed",
    waiting_is_never_given_up: "rolling by period",
    points_run_out_a_day_early: "feelings",
    newest_points_are_spent_first: "kept by less",
    pending_points_wait_a_day_less: "grace and stay",
    debt_is_forgiven: "grace and stay",
    expired_points_are_charged_again: "calendar year",
    request_is_no_activity: "habits",
    line_earns_by_every_rate: "one step",
    campaign_lasts_a_day_longer: "kept by less",
    visits_of_a_day_all_count: "cafe-visits",
    reward_survives_its_refund: "calendar year",
    feelings_do_not_fade: "feelings",
    question_is_followed_for_a_day_longer: "questions and cases",
    case_coming_back_is_no_contact: "habits",
    answer_in_the_last_instant_is_late: "questions and cases",
    case_is_late_where_something_happens: "questions and cases",
    rhythm_is_the_mean: "habits",
    orders_of_a_day_are_many: "habits",
    help_counts_after_a_complaint: "one of several",
    complaint_is_forgotten_an_instant_early: "one of several",
    first_word_is_a_rise: "one of several",
    first_level_asks_for_nothing: "questions and cases",
    first_level_is_kept_by_all: "one of several",
    all_of_several_have_to_hold: "one of several",
    mood_is_of_five_answers: "watched closely",
    answer_about_an_order_is_of_the_product: "the loyal",
    case_over_the_web_is_of_people: "the loyal",
    crest_is_kept_a_day_longer: "watched closely",
    sharp_fall_takes_a_point_more: "watched closely",
    silence_of_all_calls_for_care: "the loyal",
    points_are_called_for_a_day_late: "watched closely",
    tier_is_at_risk_a_day_late: "quarter at risk",
    seam_ends_an_instant_early: "watched closely",
    case_may_come_back_once_more: "watched closely",
    help_answers_no_alert: "the loyal",
    referral_waits_a_day_longer: "mixed",
    promoter_begins_with_eight: "all that is owed",
    birthday_is_a_day_later: "all that is owed",
    every_solved_case_was_bad: "all that is owed",
    limit_and_cooldown_are_not_asked: "all that is owed",
    periods_count_for_two_streaks: "all that is owed",
    weeks_begin_on_sunday: "all that is owed",
    choices_are_for_all: "all that is owed",
    preference_must_be_written_alike: "all that is owed",
    segment_takes_an_order_more: "all that is owed",
    hold_needs_one_more: "all that is owed",
    word_ends_no_hold: "all that is owed",
    level_reward_survives_its_refund: "owed for levels",
}
