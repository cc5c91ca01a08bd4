"""Budgets: accounts by scope, each with what was spent this day, this month and in total, and how much may be."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from cx.desk.state import DAY_MONTH_TOTAL, UNLIMITED, Account

if TYPE_CHECKING:
    from cx.calendar import Calendar
    from cx.desk.book import Book

_MONTHS = 12


def name_of(scope: str, name: str | None) -> str:
    """Return under which name an account stands."""
    return f"{scope}:{name or ''}"


def payers(gift: str, tier: str, campaign: str) -> list[str]:
    """Return the accounts that pay together for a *gift*; a tier or campaign that is empty does not."""
    scopes = (("programme", ""), ("tier", tier), ("campaign", campaign), ("gift", gift))
    return [name_of(scope, name) for scope, name in scopes if name or scope == "programme"]


class Budgets:
    """The accounts of a programme at one instant of the desk."""

    def __init__(self, book: Book, now: int, calendar: Calendar) -> None:
        """Look at the accounts in *book* at the instant *now*, whose local day and month count."""
        self._book, self._calendar = book, calendar
        self._day, self._month = self._period(now)

    def lacking(self, accounts: list[str], cost: int) -> str:
        """Return which budget does not reach for *cost*, by scope and period; empty where all do."""
        for name in accounts:
            account = self._now(name)
            for period, spent, limit in zip(DAY_MONTH_TOTAL, account.spent, account.limits, strict=True):
                if limit != UNLIMITED and spent + cost > limit:
                    return f"budget-{name.partition(':')[0]}-{period}"
        return ""

    def book(self, accounts: list[str], cost: int) -> None:
        """Pay *cost* from each of *accounts*; whether they reach is asked before."""
        for name in accounts:
            account = self._now(name)
            day, month, total = account.spent
            spent = (day + cost, month + cost, total + cost)
            self._book.put_account(name, msgspec.structs.replace(account, spent=spent))

    def give_back(self, accounts: list[str], cost: int, booked: int) -> None:
        """Undo what was paid at the instant *booked*; days and months that are over have nothing to give back."""
        that_day, that_month = self._period(booked)
        for name in accounts:
            account = self._now(name)
            day, month, total = account.spent
            spent = (day - cost * (that_day == account.day), month - cost * (that_month == account.month), total - cost)
            self._book.put_account(name, msgspec.structs.replace(account, spent=spent))

    def limit(self, name: str, limits: tuple[int, int, int], at: int) -> None:
        """Set the *limits* of an account, as of the event time *at*; those of a later time stay."""
        account = self._now(name)
        if at >= account.at:
            self._book.put_account(name, msgspec.structs.replace(account, limits=limits, at=at))

    def _now(self, name: str) -> Account:
        account = self._book.account(name)
        if account.day == self._day:  # and so the month
            return account
        _, month, total = account.spent
        month *= account.month == self._month
        return msgspec.structs.replace(account, spent=(0, month, total), day=self._day, month=self._month)

    def _period(self, at: int) -> tuple[int, int]:
        day = self._calendar.day(at)
        local = date.fromordinal(day)
        return day, local.year * _MONTHS + local.month
