"""The manifest says exactly what was sent, whoever counts again; a rate is kept by the wall, not by the sink."""

import asyncio
import io
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from ops.traffic.generator import generate
from ops.traffic.instants import HOUR, from_ms, to_ms
from ops.traffic.manifest import Manifest
from ops.traffic.options import Options
from ops.traffic.records import Arrival, Kind
from ops.traffic.sinks import LineSink
from tests.ops.traffic_runs import NOW, Memory, made, run

FAULTY = run(events=3_000, late_share=0.05, duplicate_share=0.03, poison_share=0.03, tick_every=timedelta(days=5))


@pytest.mark.parametrize("options", [FAULTY, run(span=None, events=3_000, late_share=0.05, poison_share=0.05)])
async def test_the_manifest_is_a_recount_of_the_records(options: Options) -> None:
    sink = Memory()
    manifest = await generate(options, sink)
    assert sink.taken == list(made(options))
    assert sink.flushed == len(sink.taken)
    valid = [one for one in sink.taken if one.kind is Kind.EVENT]
    ticks = [one for one in sink.taken if one.kind is Kind.TICK]
    assert manifest.records == 3_000 == len(sink.taken) - len(ticks)
    assert manifest.events == Counter(one.type for one in valid)
    assert manifest.duplicates == sum(one.kind is Kind.DUPLICATE for one in sink.taken)
    assert manifest.poison == Counter(one.reason for one in sink.taken if one.reason)
    assert sum(manifest.events.values()) + manifest.duplicates + sum(manifest.poison.values()) == 3_000
    assert manifest.late == sum(one.at - one.time >= HOUR for one in valid)
    assert (manifest.ticks, manifest.tick_records) == (len(ticks), 3 * len(ticks))
    assert manifest.first_event == from_ms(min(one.time for one in valid))
    assert manifest.last_event == from_ms(max(one.time for one in valid))
    assert manifest.first_tick == from_ms(ticks[0].at)
    assert manifest.last_tick == from_ms(ticks[-1].at) == NOW
    assert manifest.options["seed"] == 1


async def test_a_customer_counts_distinct_ids_of_valid_events() -> None:
    manifest = await generate(FAULTY, sink := Memory())
    ids: dict[str, set[tuple[str, str]]] = {}
    for one in sink.taken:
        if one.kind in {Kind.EVENT, Kind.DUPLICATE}:
            value = orjson.loads(one.value or b"")
            ids.setdefault(value["subject"], set()).add((value["source"], value["id"]))
    assert manifest.customers == {name: len(found) for name, found in ids.items()}


async def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = await generate(FAULTY, Memory())
    manifest.write(tmp_path / "manifest.json")
    assert Manifest.read(tmp_path / "manifest.json") == manifest
    empty = await generate(run(events=1, ticks=False), Memory())
    empty.write(tmp_path / "empty.json")
    assert Manifest.read(tmp_path / "empty.json") == empty
    assert empty.last_tick is None


async def test_a_file_has_one_event_a_line_in_order_of_arrival_with_its_recorded_time() -> None:
    options = run(events=1_000, medium="file", late_share=0.1, poison_share=0.1, tick_every=timedelta(days=50))
    manifest = await generate(options, LineSink(file := io.BytesIO()))
    lines = file.getvalue().splitlines()
    assert len(lines) == manifest.records + manifest.ticks == 1_000 + 8
    for line, one in zip(lines, made(options), strict=True):
        if not one.dated:
            assert line == one.value
        elif one.type != "lone-surrogate":
            value = orjson.loads(line)
            assert to_ms(datetime.fromisoformat(value.pop("recordedtime"))) == one.at
            assert value == orjson.loads(one.value or b"")
    ticks = [orjson.loads(line) for line in lines if b'"clock.ticked"' in line]
    assert [tick["data"] for tick in ticks] == [{}] * 8
    assert [datetime.fromisoformat(tick["time"]) for tick in ticks][-1] == NOW
    assert len({tick["id"] for tick in ticks}) == 8


class Slow(Memory):
    """A sink that holds the sender up at its first record."""

    async def send(self, arrival: Arrival) -> None:
        if not self.taken:
            await asyncio.sleep(0.2)
        await super().send(arrival)


async def test_a_rate_is_not_exceeded() -> None:
    started = time.monotonic()
    manifest = await generate(Options(now=NOW, rate=500.0, seconds=0.2), Memory())
    assert manifest.records == 100
    assert time.monotonic() - started >= 0.99 * 0.2 - 0.01


async def test_a_rate_that_was_not_held_is_told() -> None:
    manifest = await generate(Options(now=NOW, rate=500.0, seconds=0.2), Slow())
    assert manifest.behind_ms >= 190
    assert (await generate(run(events=100), Slow())).behind_ms == 0


async def test_others_on_the_event_loop_get_their_turn() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    await generate(run(events=1_000), Memory())
    other.cancel()
    assert turns >= 1_000 // 64


async def test_progress_ends_with_the_whole() -> None:
    told: list[tuple[int, int, datetime]] = []
    await generate(run(events=100), Memory(), lambda *facts: told.append(facts))
    assert told[-1] == (100, 100, NOW)


async def test_a_file_is_written_at_once() -> None:
    options = Options(now=NOW, rate=1.0, seconds=1_000.0, medium="file")
    async with asyncio.timeout(60):
        assert (await generate(options, Memory())).records == 1_000
