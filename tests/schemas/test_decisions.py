"""Where a decision is kept, by what a content is known again, and how an outcome is written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import decisions
from schemas.decisions import Outcome, Told, decision_key, fingerprint
from schemas.errors import Reason
from schemas.inputs import READERS
from tests.schemas.samples import changed, least, written

TEXT = st.text(alphabet=":%/aé\n", min_size=1, max_size=6)


@given(st.tuples(TEXT, TEXT), st.tuples(TEXT, TEXT))
def test_no_two_events_share_a_place(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (decision_key(*one) == decision_key(*other)) == (one == other)


def test_the_place_names_source_and_id() -> None:
    assert decision_key("/tills/7", "a-1") == "cx:decision:/tills/7:a-1"
    assert decision_key("urn:till:7", "a:1") == "cx:decision:urn%3Atill%3A7:a%3A1"


def print_of(event: dict[str, Any]) -> str:
    return fingerprint(READERS["cx.purchases"].read(written(event)))


BOUGHT = least("purchase.completed")


@pytest.mark.parametrize(
    "same",
    [
        BOUGHT | {"cxreply": "true"},
        BOUGHT | {"causationid": "other"},
        BOUGHT | {"unknown": 1},
        changed(BOUGHT, "data.shipping", 0),
    ],
)
def test_what_a_retry_may_change_makes_no_difference(same: dict[str, Any]) -> None:
    assert print_of(same) == print_of(BOUGHT)


@pytest.mark.parametrize(
    "other",
    [
        BOUGHT | {"subject": "mai"},
        BOUGHT | {"time": "2025-01-01T00:00:00.000001Z"},
        changed(BOUGHT, "data.shipping", 1),
        changed(BOUGHT, "data.order_id", "another"),
    ],
)
def test_another_content_has_another_fingerprint(other: dict[str, Any]) -> None:
    assert print_of(other) != print_of(BOUGHT)


def test_the_same_instant_may_be_written_in_two_ways() -> None:
    here, there = (BOUGHT | {"time": time} for time in ("2025-03-01T10:00:00+07:00", "2025-03-01T03:00:00Z"))

    assert print_of(here) == print_of(there)


def test_an_outcome_is_read_as_it_was_written() -> None:
    outcome = Outcome(
        outcome="refused",
        customer="lan",
        reason=Reason.FUTURE,
        loc="time",
        tier_before="member",
        tier_after="member",
        outputs=(Told(type="points.refused", id="1", points=5, reason="balance"),),
    )

    assert decisions.read(decisions.write(outcome)) == outcome
    assert decisions.write(Outcome(outcome="duplicate", customer="lan")) == b'{"outcome":"duplicate","customer":"lan"}'


def test_what_a_newer_worker_adds_is_let_pass() -> None:
    assert decisions.read(b'{"outcome":"applied","customer":"lan","more":1}').outcome == "applied"
