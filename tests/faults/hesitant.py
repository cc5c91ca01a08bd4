"""A real worker whom Kafka's answers, from where it has to read on, reach late."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final
from unittest.mock import patch

from aiokafka import AIOKafkaConsumer

from cli.main import main

LATE_S: Final = 0.3
_committed = AIOKafkaConsumer.committed


async def _late(self: Any, partition: Any) -> int | None:
    offset: int | None = await _committed(self, partition)
    await asyncio.sleep(LATE_S)
    return offset


if __name__ == "__main__":
    sys.argv = ["cx", "worker"]
    with patch.object(AIOKafkaConsumer, "committed", _late):
        main()
