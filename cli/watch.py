"""A watched run: traffic goes in, an audit reads what comes out, and snapshots are shown until all is done."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeVar

from aiokafka.errors import KafkaError

from cli.screen.demo import NEWS_MAX, News, Snapshot
from cx.words import sentence
from ops.audit.reader import Audit
from ops.audit.verdict import judge
from ops.traffic.clockwork import at_once
from ops.traffic.generator import generate
from ops.traffic.instants import to_ms
from ops.traffic.kafka import KafkaSink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cli.giving import Giving
    from ops.audit.verdict import Verdict
    from ops.local import Local
    from ops.traffic.manifest import Manifest
    from ops.traffic.options import Options
    from schemas.outputs import OutputEvent

READ_S: Final = 0.05
SHOW_S: Final = 0.3
LOOK_S: Final = 0.5
GIVE_S: Final = 0.4  # between two ticks of the gift desk
RESTOCKED_AT: Final = 0.5  # of the traffic; then codes come once more
RATE_OVER_S: Final = 3.0
KINDS: Final = ("tier", "cx-level", "reward", "care", "hold")  # of news
DRAIN_S: Final = 60.0  # after the traffic; what is not done by then is a fault
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, with the last snapshot of it."""

    verdict: Verdict
    manifest: Manifest
    p50_ms: float | None
    p99_ms: float | None
    events_per_second: float
    last: Snapshot


class Watch:
    """One run on a local system that is up."""

    def __init__(
        self,
        local: Local,
        options: Options,
        tiers: Sequence[str],
        show: Callable[[Snapshot], None],
        giving: Giving | None = None,
    ) -> None:
        """Describe it, in a running event loop; nothing is sent yet.

        Args:
            tiers: Names of the rungs, lowest first.
            show: Gets a snapshot several times a second.
            giving: Looks after the gift desk, where there is one.
        """
        self._local, self._options, self._tiers, self._show = local, options, tiers, show
        self._giving = giving
        self._audit = Audit(local.settings, desk=giving is not None, heard=self._heard)
        self._doing = "traffic"
        self._began = time.monotonic()
        self._simulated: datetime | None = None
        self._done = 0.0
        self._over = False  # whether all traffic has been sent
        self._lag: int | None = None
        self._rates: deque[tuple[float, int]] = deque([(self._began, 0)])

    async def run(self) -> Outcome:
        """Send the traffic, wait until it is worked through, and judge.

        Raises:
            CxError: something of the system ended, or the traffic cannot be sent.
        """
        async with self._audit, self._sink() as sink, self._giving or nullcontext():
            self._began = time.monotonic()
            began_at = time.time_ns() // 1_000
            traffic = asyncio.create_task(generate(self._options, sink, self._progress))
            looking = asyncio.create_task(self._look())
            giving = asyncio.create_task(self._give(sink))
            try:
                manifest = await self._follow(traffic, looking, giving)
                await sink.flush()
                lag = await self._drain(looking)
            finally:
                for task in (traffic, looking, giving):
                    task.cancel()
                await asyncio.gather(traffic, looking, giving, return_exceptions=True)
        if self._giving is not None:
            manifest = manifest.plus(self._giving.recipients.events, self._giving.recipients.customers)
        return self._judged(manifest, lag, began_at)

    def _sink(self) -> KafkaSink:
        hold = at_once if self._giving is None else self._giving.hold
        return KafkaSink(self._local.settings.kafka.client_options(), hold)

    async def _follow(
        self, traffic: asyncio.Task[Manifest], looking: asyncio.Task[None], giving: asyncio.Task[None]
    ) -> Manifest:
        """Read and show until all has been sent."""
        shown_at = 0.0
        while not (traffic.done() and giving.done()) and not looking.done():
            await self._audit.read(READ_S)
            if time.monotonic() - shown_at >= SHOW_S:
                self._show(self._snapshot())
                shown_at = time.monotonic()
            self._over = traffic.done()
            if giving.done():
                await giving  # raises what is wrong, as the next does
        if looking.done():
            await looking  # raises what is wrong with the system
        return await traffic

    async def _give(self, sink: KafkaSink) -> None:
        """Look after the gift desk until the traffic is over."""
        if self._giving is None:
            return
        self._giving.begins(self._options.start_ms)
        restocked = False
        while not self._over:
            at = self._instant
            await self._giving.reacts(sink, at)
            await self._giving.goes_on(at)
            if self._done >= RESTOCKED_AT and not restocked:
                restocked = True
                await self._giving.restocks()
            await asyncio.sleep(GIVE_S)

    async def _drain(self, looking: asyncio.Task[None]) -> int | None:
        """Read until nothing lags, for `DRAIN_S` at most; return the lag."""
        self._doing = "traffic is over, the last events are worked through"
        deadline = time.monotonic() + DRAIN_S
        answers = -1
        while True:
            if looking.done():
                await looking
            lag = await self._ask_lag()
            # Only now the ends of the outputs: what committed the last offsets has written them already.
            await self._audit.read_to_end(max(0.0, deadline - time.monotonic()))
            self._show(self._snapshot())
            before, answers = answers, self._audit.ledger.gifts.answers.total()
            # The gift desk answers with a tick, and an answer is an event again.
            settled = self._giving is None or (before == answers and not self._audit.ledger.gifts.unanswered)
            if (lag == 0 and settled) or time.monotonic() > deadline:
                return lag
            if self._giving is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                        await self._giving.goes_on(self._instant)

    async def _look(self) -> None:
        """Ask now and then how far the workers are, and whether everything still runs."""
        while True:
            self._local.news()
            self._local.check()
            await self._ask_lag()
            await asyncio.sleep(LOOK_S)

    async def _ask_lag(self) -> int | None:
        try:
            self._lag = await self._audit.lag()
        except (KafkaError, OSError):
            self._lag = None
        return self._lag

    def _heard(self, event: OutputEvent) -> None:
        if self._giving is not None:
            self._giving.heard(event, self._instant)

    @property
    def _instant(self) -> int:
        """The simulated instant, in epoch milliseconds."""
        return self._options.start_ms if self._simulated is None else to_ms(self._simulated)

    def _progress(self, done: int, total: int, at: datetime) -> None:
        self._done, self._simulated = done / total, at

    def _judged(self, manifest: Manifest, lag: int | None, began_at: int) -> Outcome:
        self._doing = "done"
        self._lag = lag
        verdict = judge(self._audit.ledger, manifest, lag)
        seconds = max((self._audit.accounted_at - began_at) / 1e6, 0.001)
        per_second = (verdict.decided + verdict.duplicates + verdict.dead_letters) / seconds
        latencies = self._audit.ledger.latencies
        return Outcome(
            verdict=verdict,
            manifest=manifest,
            p50_ms=latencies.percentile_ms(50),
            p99_ms=latencies.percentile_ms(99),
            events_per_second=per_second,
            last=replace(self._snapshot(), per_second=per_second),
        )

    def _snapshot(self) -> Snapshot:
        ledger = self._audit.ledger
        now = time.monotonic()
        self._rates.append((now, ledger.events_in))
        while len(self._rates) > 1 and now - self._rates[0][0] > RATE_OVER_S:
            self._rates.popleft()
        (then, before), (_, after) = self._rates[0], self._rates[-1]
        holdings = ledger.holdings()
        tiers = Counter(holding.tier for holding in holdings)
        levels = Counter(holding.level for holding in holdings)
        return Snapshot(
            doing=self._doing,
            simulated=self._simulated,
            done=self._done,
            seconds=now - self._began,
            events_in=ledger.events_in,
            per_second=(after - before) / (now - then) if now > then else 0.0,
            decided=max(0, ledger.decided()),  # an answer is read before the customer who took it
            duplicates=ledger.duplicates,
            dead_letters=ledger.dead_letters,
            lag=self._lag,
            p50_ms=ledger.latencies.percentile_ms(50),
            p99_ms=ledger.latencies.percentile_ms(99),
            tier_changes=sum(count for kind, count in ledger.outputs.items() if kind.startswith("tier.")),
            level_changes=ledger.outputs["cx-level.changed"],
            rewards_issued=ledger.outputs["reward.issued"],
            rewards_offered=ledger.outputs["reward.offered"],
            alerts=ledger.outputs["care.alerted"],
            holds=ledger.outputs["hold.placed"],
            gifts=None if self._giving is None else ledger.gifts.numbers(),
            ladder=tuple((tier, tiers[tier]) for tier in self._tiers),
            levels=tuple(levels[level] for level in range(1, 6)),
            news=tuple(self._news(event) for event in newest(ledger.latest)),
        )

    def _news(self, event: OutputEvent) -> News:
        plain = event.model_dump(mode="json", by_alias=True)
        tier = plain["data"].get("to") or plain["data"].get("tier")
        rung = self._tiers.index(tier) if tier in self._tiers else 0
        return News(event.type, event.subject, sentence(plain), rung, plain["data"].get("severity", ""))


def newest(latest: Mapping[str, Sequence[T]]) -> list[T]:
    """Return the newest of each kind in turn, newest last: a tick tells so much of one that it hid the rest."""
    turns = zip_longest(*(reversed(latest.get(kind, ())) for kind in KINDS))
    return [event for turn in turns for event in turn if event is not None][:NEWS_MAX][::-1]
