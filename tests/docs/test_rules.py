"""The examples of `docs/rules.md` come out as the page says."""

from __future__ import annotations

from typing import get_args

import pytest

from cx.rules import DIMENSIONS
from schemas.policy import LevelMeasure
from schemas.policy_file import PolicyError
from tests.docs.stories import PAGE, Example, examples, sections, shown

ALL = list(examples())


@pytest.mark.parametrize("example", ALL, ids=[f"{place}-{one.heading}" for place, one in enumerate(ALL)])
def test_an_example_comes_out_as_written(example: Example) -> None:
    assert example.then
    if "faults" in example.then:
        with pytest.raises(PolicyError) as refused:
            _ = example.rules
        assert [complaint.removeprefix("line 1: ") for complaint in refused.value.complaints] == example.then["faults"]
        return
    spec = example.told()
    assert {name: shown(spec, name) for name in example.then} == example.then


def test_every_rule_has_its_example() -> None:
    assert sections() == {example.heading for example in ALL}


def test_every_measure_of_the_levels_is_explained() -> None:
    page = PAGE.read_text("utf-8")
    assert [
        name for name in get_args(LevelMeasure) if f"`{name}`" not in page and name not in (*DIMENSIONS, "orders")
    ] == []
