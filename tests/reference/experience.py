"""The measures of the CX levels, each worked out anew from all that a customer went through."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

from tests.reference.books import Books, Fact
from tests.reference.cases import seam_ends
from tests.reference.days import DAY, day_of

FOLLOWED, LOOKED_AT = 7 * DAY, 32  # how long a case may follow a question, and how many questions are looked at
GRUDGE = 30 * DAY  # so long after a complaint help is no proof of foresight
CONTACTS = ("asked", "case-opened", "case-reopened")
GAPS, ORDERS = 8, 3


def evidence(books: Books, at: int, asked: set[str]) -> dict[str, int | None]:
    """Return what is asked of facts, answers and cases as of an instant; None where there is no evidence."""
    said, nps = books.said, books.said.get("nps", [])
    promoters = [score >= 9 for score in [*nps, 0, 0]]
    ways: dict[str, Callable[[], int | None]] = {
        "channels": lambda: len(books.channels),
        "informed_pct": lambda: informed_pct(books.facts),
        "answered_in_time_pct": lambda: answered_in_time_pct(books, at),
        "resolved_for_good_pct": lambda: resolved_for_good_pct(books),
        "last_ces": lambda: said.get("ces", [None])[0],
        "last_csat": lambda: said.get("csat", [None])[0],
        "in_rhythm": lambda: in_rhythm(books, day_of(at, books.policy["time_zone"])),
        "late_cases": lambda: late_cases(books, at),
        "seams": lambda: sum(at < end for end in seam_ends(books.cases.values())),
        "care_accepted": lambda: care_accepted(books.facts),
        "contacts_rise": lambda: contacts_rise(books.facts),
        "nps_rise": lambda: nps[0] - nps[1] if len(nps) > 1 else None,
        "promoter_streak": lambda: promoters.index(False) if False in promoters[:2] else 2,
        "advocacy": lambda: books.counts["advocacy"],
    }
    return {name: ways[name]() for name in asked & ways.keys()}


def answered_in_time_pct(books: Books, at: int) -> int | None:
    """Return the share of cases answered in time, of those answered or late by now."""
    names = [what for what, _ in books.facts]
    in_time, late = names.count("case-answered"), names.count("case-answered-late") + late_cases(books, at)
    return in_time * 100 // (in_time + late) if in_time + late else None


def late_cases(books: Books, at: int) -> int:
    return sum(since <= at for since in lateness(books))


def resolved_for_good_pct(books: Books) -> int | None:
    solved, back = books.counts["case.resolved"], books.counts["case.reopened"]
    return (solved - back) * 100 // solved if solved else None


def informed_pct(facts: list[Fact]) -> int | None:
    """Return the share of questions that no case followed."""
    asked = [place for place, (what, _) in enumerate(facts) if what == "asked"]
    enough = [place for place in asked if not led(facts[place:])]
    return len(enough) * 100 // len(asked) if asked else None


def led(facts: list[Fact]) -> bool:
    """Tell whether a case followed a question, which is the first of the facts since."""
    names = [what for what, _ in facts]
    if "case-opened" not in names:
        return False
    place = names.index("case-opened")
    soon = facts[place][1] <= facts[0][1] + FOLLOWED
    return soon and names[:place].count("asked") <= LOOKED_AT


def in_rhythm(books: Books, today: int) -> int | None:
    """Tell whether the customer has been silent no longer than usual; orders count whether undone or not."""
    days = tuple(sorted({order.day for order in books.orders}))
    usual = usual_silence(days, **books.policy["rhythm"])
    return None if usual is None else int(today - days[-1] <= usual)


@cache
def usual_silence(days: tuple[int, ...], factor_pct: int, least_gaps: int) -> int | None:
    """Return for how many days whoever bought on these is silent as a rule; None where too few are known."""
    return twice_median_gap(days) * factor_pct // 200 if len(days) > least_gaps else None


def twice_median_gap(days: tuple[int, ...]) -> int:
    gaps = sorted([later - day for day, later in pairwise(days)][-GAPS:])
    return gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]


def care_accepted(facts: list[Fact]) -> int:
    """Return how often help was accepted while nothing had gone wrong: no case open, no complaint of late."""
    return sum(what == "care-accepted" and at_peace(facts[:place], at) for place, (what, at) in enumerate(facts))


def at_peace(facts: list[Fact], at: int) -> bool:
    names = [what for what, _ in facts]
    opened = names.count("case-opened") + names.count("case-reopened") - names.count("case-resolved")
    return not opened and not any(what == "detracted" and then >= at - GRUDGE for what, then in facts)


def contacts_rise(facts: list[Fact]) -> int | None:
    """Return how many contacts more there were since the third order from the last than over three orders before."""
    orders = [place for place, (what, _) in enumerate(facts) if what == "purchase"]
    if len(orders) < 2 * ORDERS:
        return None
    middle, first = orders[-ORDERS], orders[-2 * ORDERS]
    return contacts(facts[middle:]) - contacts(facts[first:middle])


def contacts(facts: list[Fact]) -> int:
    return sum(what in CONTACTS for what, _ in facts)


def lateness(books: Books) -> list[int]:
    """Return from when on the cases are late that nobody has answered."""
    return [case.due + 1 for case in books.cases.values() if case.open and not case.answered]
