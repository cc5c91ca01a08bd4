"""A real worker of another version: `upgraded TOPIC` reads that one as well, whose records are like touchpoints."""

from __future__ import annotations

import dataclasses
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from agents import app as agents
from agents.customers import CustomerFold
from cli.main import main
from tests.faults.reference import ALIKE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord
    from faust.types import StreamT

    from cx.rules import Rules
    from streams.effects import Effects, PartitionState
    from streams.hooks import LaneApp

KIOSK: Final = "cx.kiosk"
BOOTH: Final = "cx.booth"
_build_app = agents.build_app


class UpgradedFold(CustomerFold):
    """The customers' fold with some topics more."""

    def __init__(self, rules: Rules, *more: str) -> None:
        """Decide by *rules*."""
        super().__init__(rules)
        self.topics = (*self.topics, *more)

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        """Fold records; those of the other topics as what they are like."""
        if records and (alike := ALIKE.get(records[0].topic)):
            records = [dataclasses.replace(record, topic=alike) for record in records]
        return super().fold(state, records)


def _upgraded(topic: str, *arguments: Any) -> LaneApp:  # passed on as they come
    app = _build_app(*arguments)

    @app.agent(app.input(topic))
    async def more(stream: StreamT[Any]) -> None:
        await app.lane.drive(stream)

    return app


if __name__ == "__main__":
    topic = sys.argv[1]
    sys.argv = ["cx", "worker"]
    with (
        patch("agents.app.CustomerFold", lambda rules: UpgradedFold(rules, topic)),
        patch("agents.app.build_app", partial(_upgraded, topic)),
    ):
        main()
