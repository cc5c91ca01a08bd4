"""A real worker of another lane in the customers' app: it says of each visit the how-manieth of its visitor it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from faust import Worker

from cli.logs import set_up
from streams.app import lane_app
from streams.effects import NO_DEADLINE, Effects, Fold, Outgoing, View
from streams.readmodel import ReadModel, connect
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord
    from faust.types import StreamT

    from streams.effects import PartitionState

LANE: Final = "visits"
VISITS: Final = "shop.visits"
COUNTS: Final = "shop.counts"


class Visits(Fold):
    """Counts the visits of each visitor."""

    topics = (VISITS,)
    policy = "visits"

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        """Count, and tell each count."""
        effects = Effects()
        for record in records:
            assert record.key is not None
            before = effects.changed.get(record.key) or state.encoded(record.key)
            count = (counted(before) if before else 0) + 1
            effects.changed[record.key] = NO_DEADLINE + count.to_bytes(8) + record.key
            effects.outputs.append(Outgoing(COUNTS, record.key, b"%d" % count))
        effects.views = [shown(value) for value in effects.changed.values() if value]
        return effects

    def view(self, value: bytes, tick: int) -> View:
        """Show how many visits there were."""
        del tick
        return shown(value)


def counted(state: bytes) -> int:
    """Return how many visits a visitor in *state* has made: 8 bytes, before who it is."""
    return int.from_bytes(state[len(NO_DEADLINE) :][:8])


def shown(state: bytes) -> View:
    """Return what Redis shows of a visitor; the version is the count."""
    return View(state[len(NO_DEADLINE) + 8 :].decode(), counted(state), state, 0)


if __name__ == "__main__":
    set_up("info")
    settings = Settings()
    settings = settings.model_copy(update={"data": settings.data.with_name("neighbour")})
    app = lane_app(settings, LANE, Visits(), ReadModel(connect(settings.redis), settings.app, LANE))

    @app.agent(app.input(VISITS))
    async def visits(stream: StreamT[Any]) -> None:
        """Drive the lane."""
        await app.lane.drive(stream)

    Worker(
        app, loglevel=None, logfile=None, redirect_stdouts=False, quiet=True, override_logging=False
    ).execute_from_commandline()
