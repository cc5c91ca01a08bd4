"""A real worker whose client does not hear its group for as long as it is in its first generation."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

from aiokafka.consumer.group_coordinator import GroupCoordinator

from cli.main import main

_heartbeat = GroupCoordinator._do_heartbeat  # noqa: SLF001  # to break it


async def _deaf(self: Any) -> bool:
    """Have sent a heartbeat, and been answered, by its own account."""
    first = vars(self).setdefault("first", self.generation)
    return self.generation == first or bool(await _heartbeat(self))


if __name__ == "__main__":
    sys.argv = ["cx", "worker"]
    with patch.object(GroupCoordinator, "_do_heartbeat", _deaf):
        main()
