"""`cx replay` beside the lane's fold: one log, event by event, gives the same states, outputs and dead letters."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from click.testing import CliRunner
from msgspec.structs import replace

from agents import customers
from agents.customers import CustomerFold
from cli.main import group
from cx import decide, replay
from cx.rules import compile_policy
from cx.state import canonical, decode
from cx.view import state_of
from ops.traffic.records import Kind
from ops.traffic.sinks import LineSink
from schemas.policy_file import parse_policy
from schemas.topics import DEAD_LETTERS
from tests.agents.test_customers import State
from tests.events import read
from tests.ops.traffic_runs import made, run
from tests.spec import GIFT

if TYPE_CHECKING:
    from pathlib import Path

    from ops.traffic.records import Arrival

# Much comes late, and twice, and some customers have more events than can be put in another order.
LOG = run(events=1_500, customers=12, late_share=0.1, duplicate_share=0.05, poison_share=0.02, medium="file")
POLICY = {
    "programme": "test",
    "currency": "VND",
    "clock": {"recent_max": 50},
    "points": {"rates": [{"per": 10_000}], "pending_days": 3, "expiry": {"inactive_days": 20}},
    "tiers": {
        "window": {"rolling_days": 30},
        "downgrade": {"grace_days": 5},
        "no_promotion_while": ["open-detractor-case"],
        "ladder": [
            {"name": "member"},
            {
                "name": "silver",
                "enter": {"any": [{"spend": 3_000_000}, {"orders": 5}]},
                "keep": {"any": [{"spend": 1_000_000}, {"orders": 3}]},
            },
            {"name": "gold", "enter": {"spend": 10_000_000}},
        ],
    },
    "rewards": [{"id": "gift", "when": {"tier_reached": "silver"}, "gift": GIFT}],
}
RULES = compile_policy(parse_policy(json.dumps(POLICY)))


class Lane:
    """The fold of a partition that is told one record at a time."""

    def __init__(self) -> None:
        self.fold, self.state = CustomerFold(RULES), State({}, tick=0)
        self.outputs: dict[str, list[Any]] = defaultdict(list)
        self.letters: list[tuple[int, str, str]] = []

    def take(self, one: Arrival, place: int, value: bytes) -> None:
        record = ConsumerRecord(one.topic, 0, place, one.at, 0, one.key, value, None, 0, len(value), ())
        if one.kind is Kind.TICK:
            self.state.tick = self.fold.read_tick(record)[0]
            effects = self.fold.tick(self.state, 1_000)
        else:
            effects = self.fold.fold(self.state, [record])
        self.state.values |= {key: value for key, value in effects.changed.items() if value}
        for output in effects.outputs:
            if output.topic == DEAD_LETTERS:
                facts = {name: text.decode() for name, text in output.headers}
                self.letters.append((int(facts["cx-offset"]), facts["cx-reason"], facts["cx-loc"]))
            else:
                self.outputs[(output.key or b"").decode()].append(orjson.loads(output.value or b""))


async def write(log: tuple[Arrival, ...], path: Path) -> None:
    with path.open("wb") as file:
        sink = LineSink(file)
        for one in log:
            await sink.send(one)


def with_wishes(log: tuple[Arrival, ...]) -> tuple[Arrival, ...]:
    """Let customers ask for points right after some of their orders, which the generator does not know of."""
    found: list[Arrival] = []
    for one in log:
        found.append(one)
        if one.type == "purchase.completed" and one.kind is Kind.EVENT and len(found) % 3 == 0:
            event = orjson.loads(one.value or b"")
            wish = {"id": f"wish-{event['id']}", "type": "points.redemption-requested", "data": {"points": 100}}
            found.append(replace(one, topic="cx.touchpoints", value=orjson.dumps(event | wish), type=wish["type"]))
    return tuple(found)


def test_the_policy_over_its_own_complete_log_with_its_answers_shows_no_difference(tmp_path: Path) -> None:
    log, lane = with_wishes(made(LOG)), Lane()
    asyncio.run(write(log, tmp_path / "e"))
    for place, (one, line) in enumerate(zip(log, (tmp_path / "e").read_bytes().splitlines(), strict=True)):
        lane.take(one, place, line)
    told = [output for _, outputs in sorted(lane.outputs.items()) for output in outputs]
    (tmp_path / "answers").write_bytes(b"".join(orjson.dumps(output) + b"\n" for output in told))
    (tmp_path / "p.yaml").write_text(json.dumps(POLICY), "utf-8")
    found = [decode(value) for _, value in sorted(lane.state.values.items())]
    live = [canonical(state_of(one, max(lane.state.tick, one.head.reached), RULES)) for one in found]

    def again(*options: str) -> list[bytes]:
        names = [str(tmp_path / name) for name in ("e", "p.yaml", "states", "outputs")]
        where = [names[0], "--policy", names[1], "--states", names[2], "--outputs", names[3]]
        assert CliRunner().invoke(group, ["replay", *where, *options]).exit_code == 0
        return (tmp_path / "states").read_bytes().splitlines()

    assert again("--answers", str(tmp_path / "answers")) == live
    assert read(tmp_path / "outputs") == told
    assert {"points.spent", "points.refused", "tier.downgraded"} <= {output["type"] for output in told}
    assert again() != live, "without its answers a request may well be judged otherwise"


@pytest.mark.parametrize("bytes_max", [None, 8_000])
def test_a_replay_says_what_the_lane_does(
    bytes_max: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bytes_max:  # small enough for some customers to grow too large
        for module in (customers, replay):
            monkeypatch.setattr(module, "RECENT_BYTES_MAX", bytes_max)
            monkeypatch.setattr(module, "BYTES_MAX", bytes_max + 500)
        monkeypatch.setattr(decide, "KEPT_BYTES_MAX", 500)
    log, lane = made(LOG), Lane()
    asyncio.run(write(log, tmp_path / "e"))
    for place, (one, line) in enumerate(zip(log, (tmp_path / "e").read_bytes().splitlines(), strict=True)):
        lane.take(one, place, line)
    (tmp_path / "p.yaml").write_text(json.dumps(POLICY), "utf-8")
    names = {name: str(tmp_path / name) for name in ("outputs", "states", "dead-letters")}
    options = [word for name, file in names.items() for word in (f"--{name}", file)]

    said = CliRunner().invoke(group, ["replay", str(tmp_path / "e"), "--policy", str(tmp_path / "p.yaml"), *options])

    assert said.exit_code == 0
    outputs = defaultdict(list)
    for output in read(tmp_path / "outputs"):
        outputs[output["subject"]].append(output)
    assert outputs == lane.outputs
    letters = [(one["offset"], one["reason"], one["loc"]) for one in read(tmp_path / "dead-letters")]
    assert letters == sorted(lane.letters)
    assert {reason for _, reason, _ in letters} > {"not-json", "invalid", "currency", "too-late"}
    assert ("state-too-large" in {reason for _, reason, _ in letters}) == bool(bytes_max)
    found = [decode(value) for _, value in sorted(lane.state.values.items())]
    states = [canonical(state_of(one, max(lane.state.tick, one.head.reached), RULES)) for one in found]
    assert (tmp_path / "states").read_bytes().splitlines() == states
