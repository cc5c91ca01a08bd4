"""Files of events: which lines are about which customer, and where the clock ticks; the lines stay in the files."""

from __future__ import annotations

import mmap
import shutil
import stat
from array import array
from bisect import bisect_right
from codecs import BOM_UTF8
from contextlib import ExitStack, contextmanager
from datetime import datetime
from os import SEEK_END
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click
import msgspec

from cli.screen.parts import plain
from cx.calendar import instant, micros
from cx.replay import Clock, letter, replay
from schemas.base import END_OF_MOMENTS, FIRST_MOMENT
from schemas.errors import CxError, Reason, Unreadable
from schemas.inputs import TOPIC_OF, VALUE_BYTES_MAX, parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cx.replay import Letter, Line
    from cx.rules import Rules

STDIN: Final = "-"
_TICK: Final = "clock.ticked"


class NoEventsError(CxError):
    """A file that cannot be read; the text is one line for a person."""

    exit_code = 2


class Lines:
    """The lines of files one after another, as if it were one file; those that hold nothing do not count."""

    def __init__(self, names: Sequence[str], texts: Sequence[mmap.mmap | bytes]) -> None:
        """Find the lines of *texts*, which have to stay open."""
        self._names, self._texts = names, texts
        self._firsts: list[int] = []  # place of the first line of each text
        self._starts = array("Q")  # by place, in its text
        self._sizes = array("I")
        self._numbers = array("I")  # counted from 1, empty ones included
        for text in texts:
            self._firsts.append(len(self._starts))
            self._find(text)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._starts)

    def __getitem__(self, place: int) -> bytes:
        """Return the line at a place, counted from 0."""
        start = self._starts[place]
        return self._texts[self._text(place)][start : start + self._sizes[place]].rstrip()

    def where(self, place: int) -> tuple[str, int]:
        """Return the file's name and the number of the line in it, counted from 1."""
        return self._names[self._text(place)], self._numbers[place]

    def _text(self, place: int) -> int:
        return bisect_right(self._firsts, place) - 1

    def _find(self, text: mmap.mmap | bytes) -> None:
        start, number = len(BOM_UTF8) if text[: len(BOM_UTF8)] == BOM_UTF8 else 0, 0  # some editors put a mark first
        while start < len(text):
            end = text.find(b"\n", start)
            end = len(text) if end < 0 else end
            number += 1
            if text[start:end].strip():
                self._starts.append(start)
                self._sizes.append(end - start)
                self._numbers.append(number)
            start = end + 1


class _Peek(msgspec.Struct):
    """What says whose a line is, and when; the rest is read when its customer's turn has come."""

    type: str
    subject: str | None = None
    time: str = ""
    recordedtime: str | None = None


class Log:
    """What is in *lines*, sorted by whom it is about.

    Attributes:
        clock: The ticks, at their places.
        letters: The lines that are about nobody, because they cannot be read, and the ticks from the future.
    """

    def __init__(self, lines: Lines, rules: Rules, until: int | None = None) -> None:
        """Look through *lines*; what happened after *until*, in microseconds, is left out."""
        self.lines: Final = lines
        self.clock: Final = Clock()
        self.letters: Final[list[Letter]] = []
        self._rules: Final = rules
        self._until: Final = None if until is None else instant(until)
        self._places: Final[dict[str, array[int]]] = {}
        self._newest: Final[dict[str, int]] = {}  # of each customer, whether it is taken or not
        self._recorded = 0  # a line that tells no time is taken to be as old as the one before
        decode = msgspec.json.Decoder(_Peek).decode
        for place in range(len(lines)):
            value = lines[place]
            try:
                peek = decode(value) if len(value) <= VALUE_BYTES_MAX else None
            except (msgspec.DecodeError, UnicodeDecodeError):
                peek = None
            if peek is None or peek.type not in TOPIC_OF or peek.type == _TICK or not peek.subject:
                self._read(place, value)
            else:
                self._see(place, peek.subject, peek)

    @property
    def customers(self) -> list[str]:
        """All whom a line is about, sorted."""
        return sorted(self._places)

    def of(self, customer: str) -> Iterator[Line]:
        """Yield the lines about a customer, with their places."""
        for place in self._places.get(customer, ()):
            yield place, self.lines[place]

    def newest(self) -> int:
        """Return the newest time, in microseconds, of all that is taken; 0 where nothing is.

        Only a fold tells what is refused, so those of whom the newest is said are folded first, until nobody is left of
        whom anything newer is.
        """
        newest = self.clock.last
        for customer in sorted(self._newest, key=self._newest.__getitem__, reverse=True):
            if self._newest[customer] <= newest:
                break
            found = replay(customer, self.of(customer), self.clock, 0, self._rules)
            newest = max(newest, max((arrival.moment.at for arrival in found.taken), default=0))
        return newest

    def _note(self, place: int, customer: str, at: int | None) -> None:
        places = self._places.get(customer)
        if places is None:
            places = self._places[customer] = array("I")
        places.append(place)
        if at is not None:
            self._newest[customer] = max(at, self._newest.get(customer, at))

    def _see(self, place: int, customer: str, peek: _Peek) -> None:
        """Note whose a line is, and when it was, unless it is left out."""
        try:
            at = datetime.fromisoformat(peek.time.upper())
            recorded = datetime.fromisoformat(peek.recordedtime.upper()) if peek.recordedtime else at
            told = at >= FIRST_MOMENT and FIRST_MOMENT <= recorded < END_OF_MOMENTS
        except (ValueError, TypeError):  # no time, or one without its offset: the reader will say so
            self._note(place, customer, None)
            return
        if not told:
            self._note(place, customer, None)
        elif self._until is None or at <= self._until:
            self._recorded = micros(recorded)
            self._note(place, customer, micros(at))

    def _read(self, place: int, value: bytes) -> None:
        """Read what no look has told enough of."""
        try:
            event: Any = parse_line(value)
        except Unreadable as refusal:
            self.letters.append(letter(place, value, refusal, self._recorded))
            return
        if self._until is not None and event.time > self._until:
            return
        at = micros(event.time)
        self._recorded = micros(event.recordedtime or event.time)
        if event.type != _TICK:
            self._note(place, event.subject, at)
        elif at > self._recorded + self._rules.future:
            # Time cannot be taken back: every event after this tick would be too late.
            self.letters.append(letter(place, value, Unreadable(Reason.FUTURE, "time", "future"), self._recorded))
        else:
            self.clock.tick(place, at)


@contextmanager
def opened(names: Sequence[str]) -> Iterator[Lines]:
    """Open the files *names*, `-` being standard input, and find their lines.

    Raises:
        NoEventsError: one cannot be read.
    """
    with ExitStack() as files:
        yield Lines([called(name) for name in names], [_text(name, files) for name in names])


def called(name: str) -> str:
    """Return how a file is spoken of."""
    return "standard input" if name == STDIN else plain(click.format_filename(name))


def _text(name: str, files: ExitStack) -> mmap.mmap | bytes:
    try:
        file: BinaryIO = click.get_binary_stream("stdin")
        if name != STDIN:
            file = files.enter_context(Path(name).open("rb"))  # noqa: SIM115  # closed by the stack
        if name == STDIN or not stat.S_ISREG(Path(name).stat().st_mode):
            copy: Any = files.enter_context(TemporaryFile())  # noqa: SIM115  # what flows by can be read only once
            shutil.copyfileobj(file, copy)
            copy.flush()
            file = copy
        size = file.seek(0, SEEK_END)
        return files.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if size else b""
    except OSError as error:
        message = f"{called(name)}: cannot be read ({error.strerror or type(error).__name__})"
        raise NoEventsError(message) from None
