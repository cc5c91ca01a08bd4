"""A whole system on this machine: an embedded stack, its topics, workers, a gift desk, the API, who counts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ops.embedded import ports
from ops.formats import bring_up_to_date
from ops.supervise import SERVE, Worker, settings_for
from streams import admin

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.embedded.stack import Stack
    from streams.settings import Settings


class Local:
    """A stack with topics and workers."""

    def __init__(
        self,
        stack: Stack,
        base: Settings,
        *,
        brokers: int = 1,
        workers: int = 1,
        desk: bool = False,
        api: bool = False,
        clock: str | None = None,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """Describe it; nothing starts yet.

        Args:
            base: The person's own settings; those of the servers are replaced.
            workers: 0 for Kafka, Redis and topics alone.
            desk: Whether a gift desk runs beside the workers.
            api: Whether the API does.
            clock: Who writes ticks, if not as *base* says.
            notify: Gets a line for a person now and then.
        """
        self.stack = stack
        self.settings = base
        self.workers: tuple[Worker, ...] = ()
        self.desks: tuple[Worker, ...] = ()
        self.apis: tuple[Worker, ...] = ()
        self.counting: tuple[Worker, ...] = ()  # who counts for reports, where there are workers
        self._base, self._brokers, self._worker_count, self._clock = base, brokers, workers, clock
        self._desk, self._api, self._notify = desk, api, notify

    def start(self) -> None:
        """Start the stack, make the topics, launch the workers, which take a while longer to be ready.

        Whoever calls this calls `stop` afterwards, also where it raises.

        Raises:
            EmbeddedError: Kafka or Redis could not be started.
            TopicsError: the topics could not be made.
            NewerFormatError: the data is of a newer version.
        """
        self.stack.start()
        self.settings = settings_for(self.stack, self._base, brokers=self._brokers, clock=self._clock)
        asyncio.run(self._prepare())
        taken: set[int] = set()
        for number in range(1, self._worker_count + 1):
            first = number == 1
            data = self.stack.root if first else self.stack.root / f"worker-{number}"
            metrics = (first and self._base.metrics) or f"{ports.HOST}:{ports.choose(None, taken)}"
            own = self.settings.model_copy(update={"data": data, "metrics": metrics})
            worker = Worker(own, self.stack.root / "logs", Path.cwd(), number)
            self.workers += (worker,)
            worker.launch()
        logs = self.stack.root / "logs"
        if self.workers and self._desk:
            own = self.settings.model_copy(update={"metrics": f"{ports.HOST}:{ports.choose(None, taken)}"})
            self.desks = (Worker(own, logs, Path.cwd(), verb="desk"),)
            self.desks[0].launch()
        if self.workers and self._api:
            if "listen" not in self._base.api.model_fields_set:
                found = self._base.api.model_copy(update={"listen": f"{ports.HOST}:{ports.choose(None, taken)}"})
                self.settings = self.settings.model_copy(update={"api": found})
            self.apis = (Worker(self.settings, logs, Path.cwd(), verb=SERVE),)
            self.apis[0].launch()
        if self.workers:
            self.counting = (Worker(self.settings, logs, Path.cwd(), verb="aggregate"),)
            self.counting[0].launch()

    def stop(self) -> None:
        """Stop the workers, then Kafka and Redis; the data stays."""
        self.stop_workers()
        self.stack.stop()

    def stop_workers(self) -> None:
        """Stop the workers, the desk, the API and who counts, all at once."""
        running = self._running
        for worker in running:
            worker.child.ask_to_stop()
        for worker in running:
            worker.child.stop()
        self.workers = self.desks = self.apis = self.counting = ()

    @property
    def ready(self) -> bool:
        """Whether workers and desk have their partitions and the API takes calls, as of the last call of `news`."""
        return all(worker.ready for worker in self.workers + self.desks + self.apis)

    def news(self) -> list[str]:
        """Return what happened to the workers since the last call, one line each."""
        return [f"{worker.name}: {line}" for worker in self._running for line in worker.news()]

    def check(self) -> None:
        """Make sure that everything still runs.

        Raises:
            EmbeddedError: Kafka or Redis ended.
            WorkerDiedError: a worker did, the desk, the API, or who counts.
        """
        self.stack.check()
        for worker in self._running:
            worker.check()

    @property
    def _running(self) -> tuple[Worker, ...]:
        return self.workers + self.desks + self.apis + self.counting

    async def _prepare(self) -> None:
        made = await admin.create(self.settings, keep_for_ever=True)
        # Made just now it holds nothing. Which other topics were missing says nothing about the format: a version may
        # add one, and a rebuild that was cut off has deleted the outputs already.
        if admin.changelog(self.settings) not in made and (line := await bring_up_to_date(self.settings)):
            self._notify(line)
