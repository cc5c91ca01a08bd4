"""The journey: at which stages, and over what, a customer has met the brand; how often, and in what mood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cx import cases, scores
from cx.calendar import rfc3339
from cx.orders import DIGITAL, order_key
from cx.state import Spot

if TYPE_CHECKING:
    from cx.moments import CaseOpened, FeedbackGiven, Purchased, Referred, Touched
    from cx.state import Head

STAGES: Final = ("discover", "consider", "purchase", "use", "support", "advocate")
GROUPS: Final = ("people", "product", "digital")
MOODS_MAX: Final = 4
_ABOUT_THE_BRAND: Final = ("nps", "review")


_PLACES: Final = {
    (stage, group): row * len(GROUPS) + column
    for row, stage in enumerate(STAGES)
    for column, group in enumerate(GROUPS)
}
_SHOP: Final = {
    "store": _PLACES["purchase", "people"],
    "partner": _PLACES["purchase", "people"],
    "web": _PLACES["purchase", "digital"],
    "app": _PLACES["purchase", "digital"],
}


def bought(head: Head, moment: Purchased) -> None:
    """Note a purchase: of people in a store or at a partner, else digital."""
    channel = moment.channel
    place = _SHOP[channel]
    before = head.journey.get(place)
    head.journey[place] = (
        Spot(moment.at, channel, before.count + 1, before.moods) if before else Spot(moment.at, channel, 1)
    )


def touched(head: Head, moment: Touched) -> None:
    """Note a contact, which says itself where on the map it is."""
    _note(head, (moment.stage, moment.group), moment.at, moment.channel)


def opened(head: Head, moment: CaseOpened) -> None:
    """Note that the customer came with a case."""
    _note(head, ("support", _group(digital=moment.channel in DIGITAL)), moment.at, moment.channel)


def referred(head: Head, moment: Referred) -> None:
    """Note that the customer brought somebody."""
    _note(head, ("advocate", "people"), moment.at)


def judged(head: Head, moment: FeedbackGiven) -> None:
    """Note what the customer said, and in what mood: a complaint is the worst."""
    if moment.case:
        stage = "support"
    elif moment.order:
        stage = "use"
    else:
        stage = "advocate" if moment.instrument in _ABOUT_THE_BRAND else "use"
    group = moment.touchpoint or _group_about(head, moment)
    _note(head, (stage, group), moment.at, mood=scores.scaled(moment) or 0)


def shown(head: Head) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the map by stage and group; where there was no contact, nothing."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (stage, group), place in _PLACES.items():
        spot = head.journey.get(place)
        if spot is not None:
            found.setdefault(stage, {})[group] = {
                "last": rfc3339(spot.at),
                "channel": spot.channel or None,
                "count": spot.count,
                "mood": mood_of(spot),
            }
    return found


def mood_of(spot: Spot) -> int | None:
    """Return the mean of the last scores given there, rounded half up; None without any."""
    number = len(spot.moods)
    return (2 * sum(spot.moods) + number) // (2 * number) if number else None


def _note(head: Head, where: tuple[str, str], at: int, channel: str = "", mood: int | None = None) -> None:
    place = _PLACES[where]
    before = head.journey.get(place) or Spot(at, "", 0)
    moods = before.moods if mood is None else (*before.moods, mood)[-MOODS_MAX:]
    head.journey[place] = Spot(at, channel or before.channel, before.count + 1, moods)


def _group_about(head: Head, moment: FeedbackGiven) -> str:
    """Return the group of the case, else of the order, that a feedback is about; that of the product for none."""
    if moment.case:
        for key in cases.named(head, moment):
            return _group(digital=head.cases[key].channel in DIGITAL)
    if moment.order:
        own = head.open_orders.get(order_key(moment.source, moment.order))
        orders = (own,) if own else (head.open_orders[key] for key in _numbered(head, moment.order))
        for order in orders:
            return _group(digital=order.digital)
    return "product"


def _numbered(head: Head, order: str) -> list[str]:
    """Return the keys of the orders of a number: a survey has a source of its own, and knows no more."""
    return [key for key in head.open_orders if key.startswith(f"{order}\n")]


def _group(*, digital: bool) -> str:
    return "digital" if digital else "people"
