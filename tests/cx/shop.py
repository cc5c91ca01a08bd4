"""A customer's story and a gift desk that talk to each other, as two lanes do, by events alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cx.calendar import micros
from cx.decide import Arrival
from cx.intake import NotTakenError, moment_of
from schemas.inputs import TOPIC_OF, parse
from tests.cx.desk.counter import PROGRAMME, Counter
from tests.spec import Spec, given, reward, rules

if TYPE_CHECKING:
    from cx.moments import AnyMoment
    from cx.rules import Rules


def from_desk(*given_by: dict[str, Any], **parts: Any) -> Rules:
    """Return rules of a programme whose gifts come from the desk; a coffee for silver where none are given."""
    return rules(programme=PROGRAMME, gifts_from="desk", rewards=list(given_by) or [reward("gift", "silver")], **parts)


@dataclass
class Shop:
    """Both sides, and how many words of each the other one has heard."""

    story: Spec
    desk: Counter = field(default_factory=Counter)
    asked: int = 0
    answered: int = 0
    letters: list[str] = field(default_factory=list)

    @classmethod
    def opened(cls, now: int, by: Rules | None = None) -> Shop:
        """Return a shop at the instant *now*, with nothing on its shelves."""
        shop = cls(given(by=by or from_desk()))
        shop.desk.now = instant(now)
        return shop

    def when(self, *moments: AnyMoment) -> list[str]:
        """Let *moments* arrive together and everybody answer; return what was told since, both ways."""
        before = len(self.story.told)
        self.story = self.story.when(*moments)
        self.desk.now = max(self.desk.now, *(instant(moment.at) for moment in moments))
        self.talk()
        return self.story.told[before:]

    def tick(self, now: int) -> list[str]:
        """Let time pass on both sides; return what was told since."""
        before = len(self.story.told)
        self.story = self.story.tick(now)
        self.desk.passes(instant(now) - self.desk.now)
        self.talk()
        return self.story.told[before:]

    def talk(self) -> None:
        """Let each hear what the other has said, until nobody has anything to say."""
        while self.ask() or self.answer():
            pass

    def ask(self) -> bool:
        """Let the desk hear what it was asked and told; return whether there was anything."""
        words = [output.event for output in self.story.outputs if output.topic == "cx.gift-requests"][self.asked :]
        self.asked += len(words)
        for event in words:
            try:
                self.desk.hears(event)
            except NotTakenError as refusal:
                self.letters.append(refusal.reason)
        return bool(words)

    def answer(self) -> bool:
        """Let the customer hear what the desk said; return whether there was anything."""
        words = self.desk.told[self.answered :]
        self.answered += len(words)
        if words:
            self.story = self.story.take(*(Arrival(self.moment(event), micros(self.desk.now)) for event in words))
        return bool(words)

    def moment(self, event: dict[str, Any]) -> AnyMoment:
        """Return an answer as the customer's lane reads it."""
        value = json.dumps(event).encode()
        return moment_of(parse(TOPIC_OF[event["type"]], event["subject"].encode(), value), self.story.rules)

    @property
    def status(self) -> str:
        """What has become of the only reward."""
        (one,) = self.story.statuses.values()
        return one


def instant(now: int) -> datetime:
    """Return an instant in microseconds as the desk of the tests has it."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now)
