"""The journey of one customer: where on the map of stages and groups the contacts were, and how each place felt."""

from dataclasses import dataclass, field
from typing import Any

from tests.reference.books import Books, Event
from tests.reference.days import written

STAGES = ("discover", "consider", "purchase", "use", "support", "advocate")
GROUPS = ("people", "product", "digital")
ANSWERS = 4  # of which a mood is the mean
PEOPLE = {"purchase": ("store", "partner"), "support": ("phone", "chat", "email", "store", "social")}


@dataclass
class Place:
    """A stage and a group: the last contact there, its channel if it had one, and what was answered, in per cent."""

    last: int = 0
    channel: str | None = None
    answers: list[int] = field(default_factory=list)
    count: int = 0

    def seen(self) -> dict[str, Any]:
        """Return what is shown of it; its mood is rounded half up."""
        told = self.answers[-ANSWERS:]
        mood = (2 * sum(told) + len(told)) // (2 * len(told)) if told else None
        return {"last": written(self.last), "channel": self.channel, "count": self.count, "mood": mood}


class Journey:
    """The map of one customer."""

    def __init__(self) -> None:
        self.places = dict[tuple[str, str], Place]()

    def contact(self, event: Event, books: Books, percent: int) -> None:
        """Enter a contact after it took effect on the books; *percent* is what was answered."""
        data, channel = event.data, event.data.get("channel")
        if event.kind == "purchase.completed":
            stage, group = "purchase", group_of("purchase", channel)
        elif event.kind == "case.opened":
            stage, group = "support", group_of("support", channel)
        elif event.kind == "feedback.submitted":
            calm = "advocate" if data["instrument"] in ("nps", "review") else "use"
            stage = "support" if data.get("case_id") else "use" if data.get("order_id") else calm
            group = data.get("touchpoint") or about(event, books)
        elif event.kind == "touchpoint.recorded":
            stage, group = data["stage"], data["group"]
        else:
            stage, group = "advocate", "people"
        place = self.places.setdefault((stage, group), Place())
        place.last, place.count, place.channel = event.at, place.count + 1, channel or place.channel
        place.answers += [percent] if event.kind == "feedback.submitted" else []

    def seen(self) -> dict[str, Any]:
        """Return the places at which there was a contact, by stage and group."""
        found = {
            stage: {group: self.places[stage, group].seen() for group in GROUPS if (stage, group) in self.places}
            for stage in STAGES
        }
        return {stage: groups for stage, groups in found.items() if groups}


def about(event: Event, books: Books) -> str:
    """Return the group of the case, or the order, that feedback is about, by its source if that knows it."""
    name, order = event.data.get("case_id"), event.data.get("order_id")
    cases = [(key, group_of("support", case.way[1])) for key, case in books.cases.items() if key[1] == name]
    orders = [(one.name, group_of("purchase", one.data["channel"])) for one in books.orders if one.name[1] == order]
    known = cases if name else orders
    own = [group for key, group in known if key[0] == event.source]
    return [*own[-1:], *(group for _, group in known), "product"][0]


def group_of(stage: str, channel: str | None) -> str:
    return "people" if channel in PEOPLE[stage] else "digital"
