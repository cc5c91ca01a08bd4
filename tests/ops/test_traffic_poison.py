"""Poison: each kind is refused for the reason that it is labelled with, and a file holds only what it can."""

from collections import Counter

import orjson
import pytest

from ops.traffic.poison import KINDS, Poison
from ops.traffic.records import Arrival, Kind
from schemas.errors import Reason, Unreadable
from schemas.inputs import VALUE_BYTES_MAX, parse
from tests.ops.traffic_runs import made, run

# These are well formed: the rules refuse them, by the clock, the currency or the type.
WELL_FORMED = {"far-future", "too-late", "other-currency", "merge"}
TOXIC = run(events=2_000, poison_share=0.3, customers=200)


def poison(kind: Poison) -> Arrival:
    return next(one for one in made(TOXIC) if one.type == kind.name)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_refused_by_the_contract_for_its_reason_unless_it_is_well_formed(kind: Poison) -> None:
    found = poison(kind)
    assert (found.kind, found.reason, found.customer) == (Kind.POISON, kind.reason, "")
    if kind.name in WELL_FORMED:
        assert parse(found.topic, found.key, found.value).subject == (found.key or b"").decode()
        return
    with pytest.raises(Unreadable) as refused:
        parse(found.topic, found.key, found.value)
    assert refused.value.reason == kind.reason


def test_all_faults_that_a_careless_producer_makes_are_there() -> None:
    assert {kind.reason for kind in KINDS} == {
        *(Reason.NOT_JSON, Reason.INVALID, Reason.UNKNOWN_TYPE, Reason.MISSING_KEY, Reason.KEY_MISMATCH),
        *(Reason.KEY_TOO_LONG, Reason.NULL_VALUE, Reason.NAIVE_TIME, Reason.FUTURE, Reason.TOO_LATE),
        *(Reason.CURRENCY, Reason.NOT_YET_SUPPORTED, Reason.TOO_LARGE),
    }


def test_two_megabytes_are_rare() -> None:
    kinds = Counter(one.type for one in made(TOXIC) if one.kind is Kind.POISON)
    assert 0 < kinds["two-megabytes"] < 0.3 * kinds["not-json"]
    assert len(poison(KINDS[-1]).value or b"") > 2 * 1024 * 1024 > VALUE_BYTES_MAX


def test_a_file_holds_only_poison_that_is_one_line_and_needs_no_key() -> None:
    found = made(run(events=2_000, poison_share=0.3, customers=200, medium="file"))
    reasons = {one.reason for one in found if one.kind is Kind.POISON}
    assert reasons.isdisjoint({Reason.MISSING_KEY, Reason.KEY_MISMATCH, Reason.KEY_TOO_LONG, Reason.NULL_VALUE})
    assert {Reason.NOT_JSON, Reason.INVALID, Reason.FUTURE, Reason.TOO_LARGE} <= reasons
    assert all(one.value and b"\n" not in one.value for one in found)


def test_only_what_is_one_object_is_dated() -> None:
    for one in made(TOXIC):
        if one.dated:
            assert (one.value or b"").startswith(b"{")
            assert (one.value or b"").endswith(b"}")
        else:
            with pytest.raises((orjson.JSONDecodeError, AssertionError)):
                assert isinstance(orjson.loads(one.value or b""), dict)
