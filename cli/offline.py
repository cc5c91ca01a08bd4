"""What the commands that need no server read from their options: the policy, an instant, answers given before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from cli.events import opened
from cli.policy import NoPolicyError, load
from cx.calendar import micros
from cx.replay import Answers
from cx.rules import compile_policy
from schemas.base import END_OF_MOMENTS, FIRST_MOMENT, MONEY_MAX
from schemas.errors import CxError
from schemas.policy_file import PolicyError

if TYPE_CHECKING:
    from cx.rules import Rules

_GRANTED: Final = "points.spent"
_REFUSED: Final = "points.refused"


class OptionError(CxError):
    """An option that cannot be used; the text is one line for a person."""

    exit_code = 2


def rules_of(name: str) -> Rules:
    """Return the rules of a policy file, or of a preset.

    Raises:
        OptionError: there is none, or it is not a policy.
    """
    try:
        return compile_policy(load(name))
    except NoPolicyError as error:
        raise OptionError(str(error)) from None
    except PolicyError as error:
        first, *more = str(error).splitlines()
        rest = f" (and {len(more)} more: cx policy check tells all)" if more else ""
        raise OptionError(first + rest) from None


def instant_of(option: str, text: str) -> int:
    """Return the instant that *text* says, in microseconds.

    Raises:
        OptionError: it says none, leaves out its offset, or is further away than an event may be.
    """
    try:
        at = datetime.fromisoformat(text.upper())
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        message = f"{option}: {text!r} is no instant such as 2026-03-01T10:00:00+07:00"
        raise OptionError(message)
    if not FIRST_MOMENT <= at < END_OF_MOMENTS:
        message = f"{option}: {text!r} is not between the years {FIRST_MOMENT.year} and {END_OF_MOMENTS.year}"
        raise OptionError(message)
    return micros(at)


class _Moved(msgspec.Struct):
    """What an answer says."""

    request_id: str
    points: Annotated[int, msgspec.Meta(ge=1, le=MONEY_MAX)]
    request_source: str | None = None


class _Answer(msgspec.Struct):
    """An output, of which only the answers to requests count."""

    subject: str
    data: _Moved


class _Output(msgspec.Struct):
    type: str


def answers_of(name: str) -> Answers:
    """Return what the file *name*, outputs in lines of JSON, says of requests to spend points.

    Raises:
        NoEventsError: it cannot be read.
        OptionError: a line of it is no output, or answers a request again, and otherwise.
    """
    answers = Answers()
    with opened([name]) as lines:
        for place in range(len(lines)):
            value = lines[place]
            try:
                kind = msgspec.json.decode(value, type=_Output).type
                if kind in {_GRANTED, _REFUSED}:
                    answer = msgspec.json.decode(value, type=_Answer)
                    data = answer.data
                    points = data.points if kind == _GRANTED else 0
                    if not answers.note(answer.subject, data.request_source, data.request_id, points):
                        file, number = lines.where(place)
                        message = f"--answers: line {number} of {file} is another answer to a request answered before"
                        raise OptionError(message)
            except (msgspec.DecodeError, UnicodeDecodeError):
                file, number = lines.where(place)
                message = f"--answers: line {number} of {file} is no output"
                raise OptionError(message) from None
    return answers
