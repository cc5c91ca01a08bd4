"""A finding: one fact about what we run on, and how bad it is."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Grade(StrEnum):
    """How bad a finding is, worst last."""

    OK = "ok"
    UNKNOWN = "unknown"  # we may not look, or could not
    WARNING = "warning"  # it works, and somebody should know
    FAULT = "fault"  # a promise would be broken: no worker starts


class Finding(NamedTuple):
    """One fact; the text is one line for a person, and holds no secret."""

    area: str
    grade: Grade
    text: str


def ok(area: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(area, Grade.OK, text)


def unknown(area: str, text: str) -> Finding:
    """Return that something could not be looked at."""
    return Finding(area, Grade.UNKNOWN, text)


def warning(area: str, text: str) -> Finding:
    """Return what somebody should know."""
    return Finding(area, Grade.WARNING, text)


def fault(area: str, text: str) -> Finding:
    """Return what breaks a promise."""
    return Finding(area, Grade.FAULT, text)


def faults(findings: Iterable[Finding]) -> list[str]:
    """Return the texts of what breaks a promise."""
    return [found.text for found in findings if found.grade is Grade.FAULT]
