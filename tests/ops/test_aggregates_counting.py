"""Counting customers by week: where and how they stood after their last event of it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from cx.calendar import DAY
from cx.rules import Rules
from cx.state import decode, encode
from ops.aggregates.cells import LEVEL
from ops.aggregates.counting import Counting
from ops.aggregates.reading import Group, report
from ops.aggregates.store import FILE, FORMAT, AggregatesError, Store, TakenError
from streams.partition import OWN_KEY, OtherChangelogError, PartitionRecord
from tests.ops.aggregates import cells, portion, positions
from tests.spec import Spec, at, bought, day, feedback, given, refunded, rules, touched

FIXTURE = Path(__file__).parents[1] / "fixtures" / "state-format-1.bin"
MONDAY = at("2026-03-02T00:00")
WEEK = 7 * DAY
W10, W11, W12 = (day(text) for text in ("2026-03-02", "2026-03-09", "2026-03-16"))
# A second level for whoever used a channel and bought within the last 20 days.
LEVELS = [{"level": 2, "all": [{"measure": "orders", "criterion": "involvement", "reach": 1}]}]
FADING = rules(levels=LEVELS, tiers={"ladder": [{"name": "member"}], "window": {"rolling_days": 20}})


class Counted:
    """A store into which customers' stories are counted."""

    def __init__(self, folder: Path, by: Rules = FADING, weeks: int = 104) -> None:
        self.folder, self.rules = folder, by
        self.store = Store(folder)
        self.counting = Counting(self.store, by, weeks)

    def take(self, *stories: Spec, name: str = "lan") -> None:
        """Count the state that each of *stories* has come to."""
        states = [(name, encode(story.customer, self.rules.lateness)) for story in stories]
        self.counting.take([portion(*states)])

    def groups(self) -> dict[int, Group]:
        """Return what a manager sees of each week, all places together."""
        rows = report(self.folder / FILE, 1, 800_000, "week").rows
        return {row.group.week: row.group for row in rows}

    def levels(self) -> dict[int, list[int]]:
        return {week: group.levels for week, group in self.groups().items()}


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    made = Counted(tmp_path)
    yield made
    made.store.close()


def test_a_customer_counts_once_a_week_where_they_were_last(counted: Counted) -> None:
    story = given(bought(MONDAY, channel="store", store="hcm-1"), by=FADING)
    counted.take(story, story.when(touched(MONDAY + WEEK - 1, channel="app")), name="lan")
    counted.take(given(bought(MONDAY + WEEK, channel="store", store="hcm-1"), by=FADING), name="mai")

    by_place = [
        (row.group.week, row.group.store, row.group.channel, row.group.customers, row.before)
        for row in report(counted.folder / FILE, W10, W11, "all").rows
    ]
    assert by_place == [(W10, "", "app", 1, None), (W11, "hcm-1", "store", 1, None)]


def test_scores_are_those_of_the_day_of_the_last_event(counted: Counted) -> None:
    story = given(feedback(MONDAY, "nps", 10, dimension="brand"), by=FADING)
    counted.take(story.tick(MONDAY + 300 * DAY))

    [group] = counted.groups().values()
    shown = story.profile["dimensions"]["brand"]
    assert group.totals[4] == shown > 60
    assert group.bands[4][shown // 10] == 1


def test_what_comes_late_changes_the_weeks_after_it(counted: Counted) -> None:
    story = given(touched(MONDAY), touched(MONDAY + WEEK), touched(MONDAY + 2 * WEEK), by=FADING)
    counted.take(story)
    before = counted.levels()
    counted.take(story.when(bought(MONDAY + WEEK - 1)))

    assert before == {week: [1, 0, 0, 0, 0] for week in (W10, W11, W12)}
    assert counted.levels() == {W10: [0, 1, 0, 0, 0], W11: [0, 1, 0, 0, 0], W12: [0, 1, 0, 0, 0]}


def test_what_is_read_once_more_takes_nothing_back(counted: Counted) -> None:
    story = given(touched(MONDAY), by=FADING)
    counted.take(story, story.when(bought(MONDAY + WEEK)))
    counted.take(story)

    assert counted.levels() == {W10: [1, 0, 0, 0, 0], W11: [0, 1, 0, 0, 0]}


def test_time_alone_counts_in_no_week_and_changes_none(counted: Counted) -> None:
    story = given(bought(MONDAY), by=FADING)
    counted.take(story)
    faded = story.tick(MONDAY + 30 * DAY)
    counted.take(faded)
    assert faded.customer.head.level == 1
    assert counted.levels() == {W10: [0, 1, 0, 0, 0]}

    # An event of before, which comes when time has taken the level already.
    counted.take(faded.when(touched(MONDAY + WEEK)))
    assert counted.levels() == {W10: [0, 1, 0, 0, 0], W11: [0, 1, 0, 0, 0]}


def test_who_is_forgotten_is_in_no_cell_and_not_in_the_file(counted: Counted) -> None:
    counted.take(given(bought(MONDAY), bought(MONDAY + WEEK, order="o2"), by=FADING), name="somebody-by-name")
    assert cells(counted.folder)
    counted.counting.take([portion(("somebody-by-name", None), ("nobody", None))])
    counted.store.close()

    assert cells(counted.folder) == {}
    assert b"somebody-by-name" not in (counted.folder / FILE).read_bytes()


def test_weeks_are_forgotten_after_their_time(tmp_path: Path) -> None:
    counted = Counted(tmp_path, weeks=2)
    counted.take(given(bought(MONDAY), bought(MONDAY + WEEK, order="o2"), by=FADING))
    mai = given(bought(MONDAY + 2 * WEEK), by=FADING)
    counted.take(mai, name="mai")
    assert list(counted.levels()) == [W11, W12]

    counted.take(mai.when(bought(MONDAY + 4 * WEEK, order="o2")), name="mai")
    counted.take(given(bought(MONDAY + WEEK), by=FADING), name="late")
    counted.store.close()
    assert list(counted.levels()) == [W12 + 14]
    assert b"lan" not in (tmp_path / FILE).read_bytes()


def test_a_file_made_anew_has_what_the_last_states_tell_and_says_since_when(tmp_path: Path) -> None:
    whole, anew = Counted(tmp_path / "whole"), Counted(tmp_path / "anew")
    story = given(by=FADING)
    for number in range(16):
        story = story.when(touched(MONDAY + number * DAY))
        whole.take(story)
    story = story.tick(MONDAY + 50 * DAY).when(touched(MONDAY + 49 * DAY))
    whole.take(story)
    anew.take(story)
    whole.store.close()
    anew.store.close()

    assert story.customer.settled == 16
    assert list(whole.levels()) == [W10, W11, W12, W12 + 35]
    assert anew.levels() == {week: levels for week, levels in whole.levels().items() if week >= W12}
    assert [report(one.folder / FILE, None, None, "week").complete for one in (whole, anew)] == [None, W12]


def test_a_state_of_format_1_is_counted_as_one_of_today(tmp_path: Path) -> None:
    old = FIXTURE.read_bytes()
    for folder, value in (("old", old), ("new", encode(decode(old), FADING.lateness))):
        made = Counted(tmp_path / folder)
        made.counting.take([portion(("lan", value))])
        made.store.close()

    assert cells(tmp_path / "old") == cells(tmp_path / "new") != {}


def test_another_changelog_is_told_from_the_one_that_was_counted(counted: Counted) -> None:
    own = [msgspec.msgpack.encode(PartitionRecord(1, 0, "p", name, 2)) for name in ("a", "b")]
    counted.counting.take([portion((OWN_KEY.decode(), own[0]))])
    other = portion(("lan", encode(given(bought(MONDAY), by=FADING).customer, 0)), (OWN_KEY.decode(), own[1]), start=9)
    with pytest.raises(OtherChangelogError):
        counted.counting.take([other])
    assert (counted.levels(), counted.store.positions()) == ({}, {0: 1})

    counted.store.empty()
    counted.counting.take([other])
    assert (counted.levels(), counted.store.positions()) == ({W10: [0, 1, 0, 0, 0]}, {0: 11})


def test_who_is_not_met_when_all_is_read_again_is_forgotten(counted: Counted) -> None:
    lan, mai = (encode(given(bought(MONDAY), by=FADING).customer, 0) for _ in range(2))
    counted.counting.take([portion(("lan", lan), ("mai", mai)), portion(("vy", mai), number=1)])
    counted.store.read_again({0: 8, 1: 0})
    counted.counting.take([portion(("mai", mai), start=5)])
    assert counted.levels()[W10][1] == 3, "there may be more of it"

    counted.counting.take([portion(start=8)])
    assert counted.levels()[W10][1] == 2
    assert counted.store.positions() == {0: 8, 1: 0}
    counted.counting.take([portion(("lan", lan), start=8)])
    assert counted.levels()[W10][1] == 3, "who comes later is not swept away"


def test_one_process_counts_and_others_are_told_so(counted: Counted) -> None:
    with pytest.raises(TakenError, match="another process counts into"):
        Store(counted.folder)


def test_a_file_of_another_format_is_made_anew_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    made = Counted(tmp_path)
    made.take(given(bought(MONDAY), by=FADING))
    made.store.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    Store(tmp_path).close()
    assert cells(tmp_path) == {}

    (tmp_path / FILE).write_bytes(b"no database" * 99)
    with pytest.raises(AggregatesError, match=r"cannot be used \(SQLITE_NOTADB\): if it is damaged, delete it"):
        Store(tmp_path)
    with pytest.raises(AggregatesError, match="does `cx aggregate` run there"):
        report(tmp_path / "elsewhere" / FILE, None, None, "week")


def test_a_refund_given_up_leaves_no_week_behind(counted: Counted) -> None:
    story = given(touched(MONDAY), refunded(MONDAY + WEEK, "unknown"), by=FADING)
    counted.take(story)
    assert list(counted.levels()) == [W10, W11]
    counted.take(story.tick(MONDAY + WEEK + FADING.lateness))
    assert list(counted.levels()) == [W10]
    assert all(cell.kind == LEVEL or total for cell, (_, total) in cells(counted.folder).items())


KILLED = """
import os, signal, sys
from pathlib import Path
from ops.aggregates.counting import Counting
from ops.aggregates.store import Store
from tests.ops.aggregates import portion
from tests.ops.test_aggregates_counting import FADING, states

store = Store(Path(sys.argv[1]))
counting = Counting(store, FADING, 104)
counting.take([portion(*states()[:2])])
write = store.set_fact
store.set_fact = lambda name, value: os.kill(os.getpid(), signal.SIGKILL) if name == "at" else write(name, value)
counting.take([portion(*states()[2:], start=2)])
"""


def states() -> list[tuple[str, bytes | None]]:
    lan, mai = given(bought(MONDAY), by=FADING), given(touched(MONDAY), by=FADING)
    lives = [("lan", lan), ("mai", mai), ("lan", lan.when(touched(MONDAY + 1))), ("mai", mai.when(bought(MONDAY + 1)))]
    return [(name, encode(story.customer, FADING.lateness)) for name, story in lives]


def test_killed_with_all_written_but_the_commit_nothing_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    ran = subprocess.run([sys.executable, "-c", KILLED, str(killed)], check=False, timeout=60)
    for folder in (killed, whole):
        with closing(Store(folder)) as store:
            position = store.positions().get(0, 0)
            assert position == (2 if folder is killed else 0)
            Counting(store, FADING, 104).take([portion(*states()[position:], start=position)])

    assert ran.returncode == -signal.SIGKILL
    assert cells(killed) == cells(whole) != {}
    assert positions(killed) == positions(whole) == {0: 4}
