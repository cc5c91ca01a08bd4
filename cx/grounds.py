"""The grounds of a tier: what was looked at when it was decided, which decision records tell and no state keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from cx.state import Head

if TYPE_CHECKING:
    from cx.rules import Rung
    from cx.state import Day, Given, Order

Terms = Literal["enter", "keep", ""]
Way = Literal["set", "floor", "exact"]


class Grounds(msgspec.Struct, frozen=True, gc=False):
    """What led from the tier `before` to the one that is held at the instant `at`.

    Attributes:
        first: First local day that was measured.
        last: Last one.
        values: What was measured, by measure.
        days: The days that were measured.
        orders: Those of the customer that could be refunded then.
        rungs: The ladder that was asked.
        terms: By which of its terms; empty where no values would have made a difference.
        guards: By name, whether it held back a promotion.
        mode: How far a tier falls.
        held_until: Until when `before` was held, whatever was measured; 0 where it was not.
        given: The tier that a person gave, or a customer brought along.
        way: Whether it was set, was the least, or just that.
    """

    at: int
    before: str
    first: int
    last: int
    values: dict[str, int]
    days: dict[int, Day]
    orders: dict[str, Order]
    rungs: tuple[Rung, ...]
    terms: Terms
    guards: dict[str, bool]
    mode: Literal["none", "one-step", "to-qualified"]
    held_until: int
    given: Given | None
    way: Way


class Witness(Head):
    """A head that remembers the grounds of its last change of tier; to be folded, and never written down."""

    grounds: Grounds | None = None


def witness(head: Head) -> Witness:
    """Return *head*, which is given away, as one that remembers the grounds of what comes."""
    return Witness(*msgspec.structs.astuple(head))
