"""Customers: personas that differ, feedback that follows from what happened, tiers that all occur."""

from collections import Counter, defaultdict
from datetime import timedelta
from statistics import correlation, mean

import pytest

from cx.decide import Arrival, advance, decide
from cx.intake import NotTakenError, moment_of
from cx.rules import compile_policy
from cx.state import NEVER, Customer
from ops.traffic.helpdesk import SLA_HOURS
from ops.traffic.instants import DAY, HOUR
from ops.traffic.life import Life
from ops.traffic.options import Options
from ops.traffic.personas import PERSONAS
from ops.traffic.population import Population
from ops.traffic.programme import Programme
from ops.traffic.records import Kind
from ops.traffic.world import World
from schemas.errors import Reason, Unreadable
from schemas.inputs import parse
from tests.ops.traffic_runs import NOW, PROGRAMME, RETAIL, lived, made, run

DEMO = run(events=9_000, customers=600, late_share=0.02, duplicate_share=0.01, poison_share=0.01, programme=PROGRAMME)
LIVE_DEMO = Options(now=NOW, rate=120.0, seconds=60.0, customers=1_000, poison_share=0.01, programme=PROGRAMME)


def test_personas_have_their_shares_among_customers() -> None:
    options = run(customers=20_000)
    population = Population(options, World(options))
    names = Counter(population.of_rank(rank).persona.name for rank in range(20_000))
    assert sum(persona.share for persona in PERSONAS) == pytest.approx(1.0)
    for persona in PERSONAS:
        assert names[persona.name] / 20_000 == pytest.approx(persona.share, abs=0.01)


def test_personas_live_differently() -> None:
    options = run(events=12_000, customers=600)
    life = Life(options)
    when, baskets, refunds = defaultdict(list), defaultdict(list), Counter[str]()
    for number in range(options.total):
        part = number / options.total
        customer, name, _, data, _ = life.next(options.start_ms + int(part * options.length_ms))
        persona = customer.persona.name
        when[persona].append(part)
        if name == "purchase.completed":
            baskets[persona].append(sum(line["amount"] for line in data["lines"]))
        refunds[persona] += name == "purchase.refunded"

    def refund_share(persona: str) -> float:
        return refunds[persona] / len(baskets[persona])

    assert set(when) == {"loyal", "bargain-hunter", "at-risk", "newcomer", "vip"}
    assert mean(baskets["vip"]) > 2 * mean(baskets["loyal"]) > 2 * mean(baskets["bargain-hunter"])
    assert refund_share("bargain-hunter") > 1.5 * refund_share("loyal")
    assert min(when["newcomer"]) >= 0.1
    assert sum(part > 0.8 for part in when["at-risk"]) < 0.3 * sum(part < 0.2 for part in when["at-risk"])


def test_answers_about_a_case_follow_from_how_it_was_handled() -> None:
    due: dict[str, int] = {}
    bad: dict[str, int] = defaultdict(int)
    scores = defaultdict(list)
    for one, value in lived(run(events=16_000, customers=800)):
        data = value["data"]
        if (case := data.get("case_id")) is None:
            continue
        if one.type == "case.opened":
            due[case] = one.time + SLA_HOURS[data.get("priority", "normal")] * HOUR
        elif one.type == "case.responded":
            bad[case] += one.time > due[case]
        elif one.type == "case.reopened":
            bad[case] += 1
        elif one.type == "feedback.submitted" and "score" in data:
            scores[data["instrument"]].append((bad[case], data["score"]))
    late = mean(one > 0 for one in bad.values())
    assert 0.05 < late < 0.4
    for instrument in ("csat", "ces"):
        badness, answers = zip(*scores[instrument], strict=True)
        assert len(answers) > 100
        assert correlation(badness, answers) < -0.5
        assert mean(score for much, score in scores[instrument] if not much) - 1 > mean(
            score for much, score in scores[instrument] if much
        )


def test_who_waits_too_long_asks_again_over_another_channel() -> None:
    asked: dict[tuple[str, str], tuple[int, str, str]] = {}
    due: dict[str, int] = {}
    again, late = set(), set()
    for one, value in lived(run(events=16_000, customers=800)):
        data = value["data"]
        if one.type == "case.responded" and one.time > due[data["case_id"]]:
            late.add(data["case_id"])
        if one.type != "case.opened":
            continue
        due[data["case_id"]] = one.time + SLA_HOURS[data.get("priority", "normal")] * HOUR
        before = asked.get((one.customer, data["topic"]))
        if before is not None and before[1] != data["channel"] and one.time - before[0] < 7 * DAY:
            again.add(before[2])
        asked[one.customer, data["topic"]] = one.time, data["channel"], data["case_id"]
    assert 0.03 < len(again) / len(due) < 0.15
    assert len(again & late) / len(late) > 3 * len(again - late) / len(due.keys() - late)


def test_complaints_and_bad_reviews_are_about_orders_that_went_wrong() -> None:
    troubled, answers = set(), defaultdict(list)
    told = lived(run(events=16_000, customers=800))
    for one, value in told:
        if one.type == "case.opened" or value["data"].get("instrument") == "complaint":
            troubled.add(value["data"].get("order_id"))
    for _, value in told:
        if value["data"].get("instrument") in {"csat", "review"} and (order := value["data"].get("order_id")):
            answers[order in troubled].append(value["data"]["score"])
    assert mean(answers[True]) < 2.5
    assert mean(answers[False]) > 3.5


def test_who_recommends_the_brand_remembers_how_the_last_case_went() -> None:
    due: dict[str, int] = {}
    bad: set[str] = set()
    last: dict[str, tuple[int, bool]] = {}
    answers: dict[bool, list[int]] = {True: [], False: []}
    for one, value in lived(run(events=16_000, customers=800)):
        data, case = value["data"], value["data"].get("case_id")
        if one.type == "case.opened":
            due[case] = one.time + SLA_HOURS[data.get("priority", "normal")] * HOUR
        elif one.type == "case.reopened" or (one.type == "case.responded" and one.time > due[case]):
            bad.add(case)
        elif one.type == "case.resolved":
            last[one.customer] = one.time, case in bad
        elif data.get("instrument") == "nps" and one.customer in last:
            solved, badly = last[one.customer]
            if one.time - solved < 10 * DAY:
                answers[badly].append(data["score"])
    assert min(len(answers[True]), len(answers[False])) > 25
    assert mean(answers[True]) + 1.5 < mean(answers[False])
    assert {*answers[True], *answers[False]} >= {0, 3, 6, 9, 10}


@pytest.mark.parametrize("options", [DEMO, LIVE_DEMO])
def test_under_the_shipped_policy_all_tiers_occur_all_scores_move_and_only_poison_is_refused(
    options: Options,
) -> None:
    rules = compile_policy(RETAIL)
    customers: dict[str, Customer] = {}
    reasons, falls, tick = Counter[str](), 0, 0
    for one in made(options):
        if one.kind is Kind.TICK:
            tick = one.at * 1_000
            continue
        name = (one.key or b"").decode()
        customer = customers.get(name, Customer(name))
        try:
            arrival = Arrival(moment_of(parse(one.topic, one.key, one.value), rules), one.at * 1_000)
        except Unreadable as error:
            told: Reason | None = error.reason
        except NotTakenError as error:
            told = Reason(error.reason)
        else:
            decision = decide(customer, [arrival], tick, rules)
            customers[name] = decision.customer
            told = decision.refusals[0].reason if decision.refusals else None
            assert decision.duplicates == (one.kind is Kind.DUPLICATE)
            before, after = (rules.rung_of(state.head.tier) for state in (customer, decision.customer))
            falls += after < before and one.type == "purchase.refunded"
        assert told == one.reason, one.type
        reasons[told or "none"] += 1
    assert len(reasons) > 8
    assert falls >= 3
    assert all(len(set(scores)) > 9 for scores in zip(*(one.head.scores for one in customers.values()), strict=True))
    tiers = Counter(rules.rung_of(customer.head.tier) for customer in customers.values())
    shares = [tiers[rung] / tiers.total() for rung in range(4)]
    for share, (least, most) in zip(shares, [(0.3, 0.65), (0.2, 0.42), (0.08, 0.25), (0.02, 0.1)], strict=True):
        assert least < share < most


def test_words_on_gifts_and_holds_are_of_what_is_told_whichever_topic_is_read_first() -> None:
    rules = compile_policy(RETAIL)
    words = run(events=4_000, late_share=0.1, seed=2, tick_every=timedelta(days=15), programme=PROGRAMME)
    customers: dict[str, Customer] = {}
    waiting: dict[str, dict[str, list[Arrival]]] = defaultdict(lambda: defaultdict(list))
    told = Counter[str]()
    tick = 0
    for one in made(words):
        if one.kind is not Kind.TICK:
            moment = moment_of(parse(one.topic, one.key, one.value), rules)
            waiting[one.topic][one.customer].append(Arrival(moment, one.at * 1_000))
            continue
        for topic in sorted(waiting, key=lambda topic: (topic != "cx.reward-events", topic != "cx.touchpoints")):
            for name, arrivals in waiting.pop(topic).items():
                decision = decide(customers.get(name, Customer(name)), arrivals, tick, rules)
                assert not decision.refusals
                customers[name] = decision.customer
                told.update(output.event["type"] for output in decision.outputs)
        tick = one.at * 1_000
        due = [name for name, customer in customers.items() if customer.next_deadline(rules.lateness) <= tick]
        for name in due:
            decision = advance(customers[name], tick, rules)
            assert not decision.refusals
            customers[name] = decision.customer
            told.update(output.event["type"] for output in decision.outputs)
    assert all(customer.told.unclaimed == NEVER for customer in customers.values())
    statuses = Counter(life.status for customer in customers.values() for life in customer.told.rewards.values())
    assert statuses["redeemed"] > 0.9 * sum(one.type == "gift.redeemed" for one, _ in lived(words)) > 20
    assert told["hold.placed"] >= told["hold.released"] > 1


def test_of_rewards_customers_act_on_those_of_which_everybody_is_told() -> None:
    assert [(one.rule, one.gifts, one.choose_days) for one in PROGRAMME.birthdays] == [
        ("birthday", ("cake-100k", "coffee-50k"), 7)  # and not what only one tier may choose
    ]
    birthday = next(rule for rule in RETAIL.rewards if rule.when.birthday)
    for unsure in (
        {"every": "ever"},
        {"cooldown_days": 1},
        {"choices": tuple(one.model_copy(update={"tiers": ("gold",)}) for one in birthday.choices)},
    ):
        rewards = (birthday.model_copy(update=unsure),)
        assert Programme.of(RETAIL.model_copy(update={"rewards": rewards})).birthdays == ()
