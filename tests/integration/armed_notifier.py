"""The example's notification service, made to die by SIGKILL before or after its n-th call of one of its steps.

`python -m tests.integration.armed_notifier take:after 2 --file …`, with the service's own arguments behind.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer

from examples import notification_service as service

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS: Final = {
    "take": (service.Messages, "take"),
    "commit": (AIOKafkaConsumer, "commit"),
    "mark": (service.Messages, "mark"),
    "send": (service.Table, "send"),
}


def arm(step: str, when: str, passes: int) -> None:
    """Let the process die at a *step*, *when* is before or after."""
    owner, name = STEPS[step]
    kept: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def reach(moment: str) -> None:
        if moment == when and calls == passes:
            os.kill(os.getpid(), signal.SIGKILL)

    def plain(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        reach("before")
        done = kept(*arguments)
        reach("after")
        return done

    async def awaited(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        reach("before")
        done = await kept(*arguments)
        reach("after")
        return done

    setattr(owner, name, awaited if inspect.iscoroutinefunction(kept) else plain)


if __name__ == "__main__":
    point, count, *own = sys.argv[1:]
    step, when = point.split(":")
    arm(step, when, int(count))
    asyncio.run(service.main(service.options_of(own)))
