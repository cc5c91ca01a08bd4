"""The gift desk's fold: bad records cost a dead letter each, and no rule that fails stops the others or the clock."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from aiokafka import ConsumerRecord

from agents import gift_desk
from agents.gift_desk import DeskFold
from cx.calendar import DAY, HOUR, rfc3339
from cx.desk import desk as rules_of_desk
from cx.desk.desk import Desk
from cx.desk.state import Gift, decode, encode
from cx.state import NEVER, StateFormatError, deadline_of
from schemas.desk import TOPIC_OF
from streams.transactions import partition_of
from tests.agents.test_customers import State
from tests.spec import at, rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.effects import Effects, Outgoing

START = at("2026-03-01T10:00")
GIFT = {"gift_id": "coffee", "brand": "Highlands", "face_value": 100, "currency": "VND"}


def uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, name))


def record(kind: str, data: dict[str, Any], *, time: int = START, key: bytes = b"shop") -> ConsumerRecord[bytes, bytes]:
    event = {"specversion": "1.0", "id": "e1", "source": "test", "type": kind, "time": rfc3339(time)}
    value = json.dumps(event | {"subject": key.decode(), "data": data}).encode()
    return ConsumerRecord(TOPIC_OF[kind], 0, 7, START // 1_000, 0, key, value, None, len(key), len(value), ())


def code(name: str) -> ConsumerRecord[bytes, bytes]:
    data = {"code_id": uuid(name), "gift_id": "coffee", "masked": name, "ciphertext": "c2VjcmV0", "key_id": "k1"}
    return record("code.added", data)


def request(name: str, **more: Any) -> ConsumerRecord[bytes, bytes]:
    data = {"request_id": uuid(name), "reward_id": uuid("reward"), "customer_id": name, "gifts": ["coffee"]}
    return record("gift.requested", data | more)


def fold(state: State, *records: ConsumerRecord[bytes, bytes]) -> Effects:
    return kept(state, DeskFold(rules()).fold(state, records))


def kept(state: State, effects: Effects) -> Effects:
    for key, value in effects.changed.items():
        if value is None:
            del state.values[key]
            state.cache.drop(key)
        else:
            state.values[key] = value
    return effects


def answers(outputs: Sequence[Outgoing]) -> list[tuple[str, str]]:
    return [
        (str(output.key, "utf-8"), json.loads(output.value or b"")["type"])
        for output in outputs
        if output.topic == "cx.gift-answers" and output.key
    ]


def reasons(effects: Effects) -> list[str]:
    return [dict(o.headers)["cx-reason"].decode() for o in effects.outputs if o.topic == "cx.dead-letters"]


def test_an_answer_lies_on_its_topic_under_its_own_time() -> None:
    state = State({}, tick=START)
    told = fold(state, record("gift.listed", GIFT), code("c1"), request("lan")).outputs

    assert [output.timestamp for output in told] == [START // 1_000]


def test_several_records_of_one_fold_see_what_those_before_them_did() -> None:
    state = State({}, tick=START)
    fold(state, record("gift.listed", GIFT))
    fold(state, code("c1"), code("c2"))
    effects = fold(state, *(request(name) for name in ("lan", "mai", "an")))

    assert answers(effects.outputs) == [("lan", "gift.allocated"), ("mai", "gift.allocated"), ("an", "gift.refused")]
    assert effects.folded == 3
    assert all(key.startswith(b"shop\0") for key in state.values)


def test_what_cannot_be_read_or_taken_is_a_dead_letter_and_changes_nothing() -> None:
    state = State({}, tick=START)
    effects = fold(
        state,
        record("gift.listed", GIFT | {"currency": "USD"}),
        record("gift.listed", GIFT | {"face_value": 0}),
        record("gift.listed", GIFT, time=START + HOUR),
        record("claim.redeemed", {"request_id": uuid("nobody")}),
        replace(record("gift.listed", GIFT), key=None),
    )

    assert reasons(effects) == ["currency", "invalid", "future", "unknown-reward", "missing-key"]
    assert (effects.changed, effects.folded) == ({}, 0)


def test_a_programme_on_the_wrong_partition_is_a_dead_letter() -> None:
    state = State({}, partitions=4, tick=START)
    wrong = next(name for name in (b"a", b"b", b"c", b"d", b"e") if partition_of(name, 4) != 0)

    assert reasons(fold(state, record("gift.listed", GIFT, key=wrong))) == ["wrong-partition"]


@pytest.mark.parametrize(
    ("tick", "answered"), [(0, 0), (START - gift_desk.BEHIND - 1, 0), (START - gift_desk.BEHIND, 1)]
)
def test_a_desk_that_is_behind_answers_with_its_next_tick(tick: int, answered: int) -> None:
    state = State({}, tick=tick)
    effects = fold(state, record("gift.listed", GIFT), request("lan"))
    assert len(effects.outputs) == answered
    fold(state, code("c1"))
    state.tick = START
    effects = kept(state, DeskFold(rules()).tick(state, 10))

    assert answers(effects.outputs) == ([] if answered else [("lan", "gift.allocated")])
    assert not effects.more


def test_a_rule_that_fails_parks_its_event_and_takes_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Desk._take  # noqa: SLF001  # the place where a rule may fail half-way

    def failing(desk: Desk, event: Any, *, behind: bool) -> None:
        take(desk, event, behind=behind)
        if event.data.request_id == uuid("lan"):
            raise ZeroDivisionError

    state = State({}, tick=START)
    fold(state, record("gift.listed", GIFT))
    fold(state, code("c1"))
    monkeypatch.setattr(Desk, "_take", failing)
    effects = fold(state, request("lan"), request("mai"))

    assert reasons(effects) == ["rule-error"]
    assert answers(effects.outputs) == [("mai", "gift.allocated")], "what had been begun was taken back"


def test_a_rule_that_fails_on_a_deadline_stops_nobody_elses_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    pass_time = Desk.pass_time

    def failing(desk: Desk, key: bytes) -> None:
        if key.endswith(bytes.fromhex(uuid("lan").replace("-", ""))):
            raise ZeroDivisionError
        pass_time(desk, key)

    state = State({}, tick=START)
    fold(state, record("gift.listed", GIFT))
    fold(state, request("lan", wait_days=1), request("mai", wait_days=1))
    monkeypatch.setattr(Desk, "pass_time", failing)
    state.tick = START + DAY
    effects = kept(state, DeskFold(rules()).tick(state, 10))

    assert answers(effects.outputs) == [("mai", "gift.refused")]
    assert not effects.more
    late = [value for value in state.values.values() if deadline_of(value) == START + DAY + HOUR]
    assert [decode(value).deadline for value in late] == [START + DAY]


@pytest.mark.parametrize("bound", ["keys", "answers", "served"])
def test_a_tick_with_much_to_do_is_called_again_until_all_is_done(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State({}, tick=START)
    fold(state, record("gift.listed", GIFT | {"remind_days": 0}))
    fold(state, *(request(f"r{n}", wait_days=9) for n in range(5)))
    fold(state, *(code(f"c{n}") for n in range(5)))
    if bound == "answers":
        monkeypatch.setattr(gift_desk, "ANSWERS_MAX", 2)
    monkeypatch.setattr(rules_of_desk, "SERVED_MAX", 2 if bound == "served" else 100)
    limit = 1 if bound == "keys" else 10
    said: list[list[tuple[str, str]]] = []
    for tick in (START + HOUR, START + 200 * DAY):
        state.tick = tick
        while (effects := kept(state, DeskFold(rules()).tick(state, limit))).more:
            said.append(answers(effects.outputs))
        said.append(answers(effects.outputs))

    told = [answer for look in said for answer in look]
    assert told[:5] == [(f"r{n}", "gift.allocated") for n in range(5)]
    assert sorted(told[5:]) == [(f"r{n}", "gift.lapsed") for n in range(5)]
    most = max(len(look) for look in said if ("r0", "gift.lapsed") in look)
    assert most == {"keys": 1, "answers": 2, "served": 5}[bound]


def test_a_state_that_cannot_be_read_stops_the_fold_and_the_tick() -> None:
    value = encode(Gift())
    state = State({b"shop\0gcoffee": bytes(8) + value[8:-1]}, tick=START)

    assert deadline_of(value) == NEVER
    with pytest.raises(StateFormatError):
        fold(state, record("gift.listed", GIFT))
    with pytest.raises(StateFormatError):
        DeskFold(rules()).tick(state, 10)


def test_a_tick_is_read_as_it_was_made() -> None:
    desk = DeskFold(rules())
    made = desk.make_tick(START, {"cx.gifts": 7}, 3)
    record = ConsumerRecord(made.topic, 3, 0, START // 1_000, 0, None, made.value, None, 0, 0, ())

    assert (made.topic, made.partition) == ("cx.gift-clock", 3)
    assert desk.read_tick(record) == (START, {"cx.gifts": 7})
