"""Views that wait for Redis: the newest of each key, and never more than there is room for."""

from __future__ import annotations

import pytest

from streams import backlog as module
from streams.backlog import Backlog, Claim
from streams.effects import View

CLAIM = Claim(0, "0123456789abcdef", 1)
BYTES = 10


def view(key: str, version: int = 1) -> View:
    return View(key, version, bytes(BYTES), 0)


def versions(backlog: Backlog) -> dict[str, int]:
    return {one.view.key: one.view.version for one in backlog.take()}


@pytest.fixture(params=["VIEWS_MAX", "BYTES_MAX"])
def backlog(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backlog:
    """One with room for three, by number or by bytes."""
    monkeypatch.setattr(module, request.param, 3 if request.param == "VIEWS_MAX" else 3 * BYTES)
    return Backlog()


def test_what_finds_no_room_is_refused_whole(backlog: Backlog) -> None:
    assert backlog.add(CLAIM, 1, [view("lan"), view("mai")])
    assert not backlog.add(CLAIM, 2, [view("minh"), view("an")])
    assert backlog.add(CLAIM, 3, [view("minh")])
    assert versions(backlog) == {"lan": 1, "mai": 1, "minh": 1}


def test_a_newer_view_takes_the_place_of_an_older_one(backlog: Backlog) -> None:
    for version in range(9):
        assert backlog.add(CLAIM, version, [view("lan", version)])
    assert backlog.add(CLAIM, 9, [view("mai")])
    assert versions(backlog) == {"lan": 8, "mai": 1}


def test_what_is_on_its_way_takes_room_until_it_is_there(backlog: Backlog) -> None:
    assert backlog.add(CLAIM, 1, [view("lan"), view("mai"), view("minh")])
    backlog.take()
    assert not backlog.add(CLAIM, 2, [view("an")])
    backlog.done()
    assert len(backlog) == 0
    assert backlog.add(CLAIM, 2, [view("an")])
    assert backlog.add(CLAIM, 2, [view("binh"), view("chi")])


def test_what_comes_back_gives_way_to_what_is_newer(backlog: Backlog) -> None:
    assert backlog.add(CLAIM, 1, [view("lan", 1), view("mai", 1)])
    backlog.take()
    assert backlog.add(CLAIM, 2, [view("lan", 2)])
    backlog.give_back()
    assert backlog.add(CLAIM, 3, [view("minh", 1)])
    assert versions(backlog) == {"lan": 2, "mai": 1, "minh": 1}


def test_where_nothing_waits_there_is_room_for_anything(backlog: Backlog) -> None:
    assert backlog.add(CLAIM, 1, [view(str(number)) for number in range(9)])
