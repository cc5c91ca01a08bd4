"""A real worker that says in its log what it folds: a line `folded TOPIC PARTITION FIRST LAST` for each batch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from unittest.mock import patch

from agents.customers import CustomerFold
from cli.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord

    from streams.effects import Effects, PartitionState


class Watched(CustomerFold):
    """The customers' fold, loud."""

    def fold(self, state: PartitionState, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Effects:
        """Fold, and say what."""
        first, last = records[0], records[-1]
        print("folded", first.topic, first.partition, first.offset, last.offset, flush=True)  # noqa: T201  # its purpose
        return super().fold(state, records)


if __name__ == "__main__":
    sys.argv = ["cx", "worker"]
    with patch("agents.app.CustomerFold", Watched):
        main()
