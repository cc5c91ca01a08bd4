"""Lag for people: a table of groups, their topics and the partitions in which something waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from cli.screen.parts import counted, plain
from ops.lag.groups import Verdict, longest, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ops.lag.groups import GroupLag, PartitionLag

_COLOURS: Final = {Verdict.OK: "green", Verdict.BEHIND: "yellow", Verdict.STALLED: "bold red", Verdict.UNKNOWN: "red"}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def table(groups: Sequence[GroupLag], *, partitions: bool) -> Table:
    """Return a row for each group and topic, and for each partition that lags, or for all *partitions*."""
    drawn = Table("group, topic, partition", "messages", "oldest waits", "state", "who", box=None, header_style="bold")
    for column in drawn.columns[1:3]:
        column.justify = "right"
    for group in groups:
        colour = _COLOURS[group.verdict]
        who = counted(len(group.members), "member")
        state = Text(f"{group.verdict.value}, {group.state}", colour)
        drawn.add_row(Text(plain(group.group), "bold"), *_figures(group.partitions), state, who)
        for topic, own in group.by_topic().items():
            drawn.add_row(f"  {plain(topic)}", *_figures(own), _state(own), "")
            for one in own:
                if partitions or one.messages != 0:
                    member = plain(f"{one.member.host} {one.member.client}") if one.member else "nobody"
                    drawn.add_row(f"    {one.partition}", *_figures([one]), _state([one]), member)
    return drawn


def age(seconds: float) -> str:
    """Return how long something waits, in two units at most."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
    return f"{seconds // _DAY:.0f} d {seconds % _DAY // _HOUR:.0f} h"


def _figures(partitions: Sequence[PartitionLag]) -> tuple[str, str]:
    unknown = any(one.messages is None for one in partitions)
    vague = any(one.seconds is None for one in partitions)
    messages = total(partitions)
    waits = age(longest(partitions)) if messages else "-"
    return f"{messages:,}{'+?' if unknown else ''}", f"{waits}{' ?' if vague else ''}"


def _state(partitions: Iterable[PartitionLag]) -> Text:
    found = list(partitions)
    if any(one.stalled for one in found):
        return Text("stalled", _COLOURS[Verdict.STALLED])
    if any(one.messages is None for one in found):
        return Text("no leader", _COLOURS[Verdict.UNKNOWN])
    return Text("never committed" if all(one.committed is None and one.end for one in found) else "")
