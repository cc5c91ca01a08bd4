"""Lines of `cx tail`: outputs in sentences, dead letters without a byte of what was refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.screen.lines import as_json, as_text
from cli.tail import in_currency_of
from schemas.errors import Reason
from streams.settings import Settings
from tests.ops.audit_records import event, output, record, refused

SECRET = "0903-secret"


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_an_output_is_time_customer_and_sentence() -> None:
    line = as_text(output("x"))

    assert line.startswith("2025-03-01 00:00:00  lan           silver → gold: spent 5 VND")
    assert "silver → gold: spent 0.05 EUR in the window" in as_text(output("x"), "EUR")


def test_amounts_are_in_the_currency_of_the_policy_of_the_settings() -> None:
    tell = in_currency_of(Settings(policy=Path("airline-style")))

    assert "spent 0.05 EUR in the window" in tell(output("x"))


def test_an_output_as_json_is_its_place_and_the_event_as_published() -> None:
    found = output("x", cause="a")

    assert json.loads(as_json(found)) == {
        "topic": "cx.tier-changes",
        "partition": 0,
        "offset": found.offset,
        "event": json.loads(found.value or b""),
    }


def test_a_dead_letter_is_reason_field_and_position() -> None:
    wrong = event("a", SECRET)
    line = as_text(refused(wrong, Reason.NAIVE_TIME))

    assert line == f"2025-03-01 00:00:00  -             refused: naive-time, cx.purchases[0]@{wrong.offset}"


@pytest.mark.parametrize("tell", [as_text, as_json])
def test_nothing_of_a_refused_record_is_shown(tell: object) -> None:
    assert callable(tell)
    letter = refused(event(SECRET, SECRET))

    assert SECRET.encode() in (letter.value or b"")
    assert SECRET not in tell(letter)


def test_a_dead_letter_as_json_says_where_and_why() -> None:
    wrong = event("a")

    assert json.loads(as_json(refused(wrong)))["refused"] == {
        "time": "2025-03-01T00:00:00+00:00",
        "reason": "invalid",
        "loc": "",
        "error_type": "",
        "size": len(wrong.value or b""),
        "topic": "cx.purchases",
        "partition": 0,
        "offset": wrong.offset,
    }


@pytest.mark.parametrize("topic", ["cx.tier-changes", "cx.dead-letters"])
@pytest.mark.parametrize("tell", [as_text, as_json])
def test_what_breaks_the_contract_is_said_and_not_shown(tell: object, topic: str) -> None:
    assert callable(tell)
    line = tell(record(topic, b"lan", f'{{"id": "{SECRET}"}}'.encode()))

    assert "unreadable" in line
    assert SECRET not in line


def test_an_id_cannot_steer_the_terminal() -> None:
    line = as_text(output("x", customer="l\x1b[2Jan\x9b\n"))

    assert "\x1b" not in line
    assert "\x9b" not in line
    assert "\n" not in line
