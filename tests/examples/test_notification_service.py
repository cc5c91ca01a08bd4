"""What the example's notification service says, and what it does with a gateway that fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from examples import notification_service as service
from examples.notification_service import TEMPLATES, Message, Messages, NotTakenError, Teller, message_of
from schemas.outputs import TOPIC_OF
from tests.schemas.test_outputs import OUTPUTS

if TYPE_CHECKING:
    from pathlib import Path

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TOLD: dict[str, Any] = {event.type: event for event in OUTPUTS if TOPIC_OF[event.type] in service.TOPICS}


def told(kind: str, **data: Any) -> Message:
    event = TOLD[kind]
    found = message_of(event.model_copy(update={"data": event.data.model_copy(update=data)}), ZONE)
    assert found is not None
    return found


@pytest.mark.parametrize("language", TEMPLATES)
def test_there_are_words_for_every_reward_and_tier_change(language: str) -> None:
    assert set(TOLD) <= set(TEMPLATES[language])
    assert all("{" not in told(kind, locale=language).text for kind in TOLD)


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("vi-VN", "Quà của bạn: tea-house, trị giá 100.000 đ. Hạn dùng: 01/03/2025."),
        ("en-US", "Your gift: tea-house, worth 100,000 VND. Until 01 March 2025."),
        ("fr", "Your gift: tea-house, worth 100,000 VND. Until 01 March 2025."),
        (None, "Quà của bạn: tea-house, trị giá 100.000 đ. Hạn dùng: 01/03/2025."),
    ],
)
def test_a_gift_is_told_in_the_language_of_the_customer(locale: str | None, text: str) -> None:
    assert told("reward.issued", locale=locale).text == text


def test_who_waits_for_a_gift_is_promised_news_and_who_gets_none_is_not() -> None:
    waiting, none = (
        told("reward.unavailable", locale="en", reason=reason).text for reason in ("waitlisted", "out-of-stock")
    )
    assert "We tell you" in waiting
    assert "We tell you" not in none


def test_what_is_not_to_be_told_is_kept_and_not_told(tmp_path: Path) -> None:
    messages = Messages(tmp_path / "told")
    messages.take([told("tier.upgraded", notify=False)])

    assert messages.waiting() == []


def test_an_event_that_comes_again_is_one_message(tmp_path: Path) -> None:
    for messages in (Messages(tmp_path / "told"), Messages(tmp_path / "told")):  # then as a service that comes back
        messages.take([told("tier.upgraded")] * 2)
        assert len(messages.waiting()) == 1


def test_another_type_of_a_newer_version_is_told_to_nobody() -> None:
    care = next(event for event in OUTPUTS if event.type == "care.alerted")

    assert message_of(care.model_copy(update={"data": TOLD["tier.upgraded"].data}), ZONE) is None


class Failing:
    """A gateway that fails with the errors that it is given, one a call, and then no more."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.asked = list(errors), list[str]()

    def send(self, message: Message) -> None:
        self.asked.append(message.id)
        if self.errors:
            raise self.errors.pop(0)


def left_after(path: Path, gateway: Failing, unsure: str) -> list[Message]:
    """Return what waits after two messages were told."""

    async def rounds() -> list[Message]:
        messages = Messages(path)
        messages.take([Message("1", "lan", "a"), Message("2", "lan", "b")])
        teller = Teller(messages, gateway, hold=unsure == "hold")
        while await teller.tell():
            pass
        return messages.waiting()

    with patch.object(service, "PAUSE_S", 0):
        return asyncio.run(rounds())


def test_a_message_that_was_not_taken_is_told_again_before_those_behind_it(tmp_path: Path) -> None:
    gateway = Failing(NotTakenError())

    assert left_after(tmp_path / "told", gateway, "hold") == []
    assert gateway.asked == ["1", "1", "2"]


@pytest.mark.parametrize(("unsure", "asked"), [("again", ["1", "1", "2"]), ("hold", ["1", "2"])])
def test_what_may_have_been_told_is_told_again_or_left_to_a_person(
    unsure: str, asked: list[str], tmp_path: Path
) -> None:
    gateway = Failing(TimeoutError())

    assert left_after(tmp_path / "told", gateway, unsure) == []
    assert gateway.asked == asked


def test_what_a_killed_service_left_in_between_is_held_when_asked_for(tmp_path: Path) -> None:
    messages = Messages(tmp_path / "told")
    messages.take([Message("1", "lan", "a"), Message("2", "lan", "b")])
    messages.mark(messages.waiting()[0], "telling")

    assert Messages(tmp_path / "told").hold() == 1
    assert [message.id for message in messages.waiting()] == ["2"]
