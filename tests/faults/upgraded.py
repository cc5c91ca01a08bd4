"""A real worker of a later version, which reads one topic more: `KIOSK`, whose records are like touchpoints."""

from __future__ import annotations

import dataclasses
import sys
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
_build_app = agents.build_app


class UpgradedFold(CustomerFold):
    """The customers' fold with one topic more."""

    def __init__(self, rules: Rules) -> None:
        """Decide by *rules*."""
        super().__init__(rules)
        self.topics = (*self.topics, KIOSK)

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        """Fold records; those of the new topic as what they are like."""
        if records and records[0].topic == KIOSK:
            records = [dataclasses.replace(record, topic=ALIKE[KIOSK]) for record in records]
        return super().fold(state, records)


def _upgraded(*arguments: Any) -> LaneApp:  # passed on as they come
    app = _build_app(*arguments)

    @app.agent(app.input(KIOSK))
    async def kiosk(stream: StreamT[Any]) -> None:
        await app.lane.drive(stream)

    return app


if __name__ == "__main__":
    sys.argv = ["cx", "worker"]
    with patch("agents.app.CustomerFold", UpgradedFold), patch("agents.app.build_app", _upgraded):
        main()
