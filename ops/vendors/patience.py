"""Patience with a vendor: a time limit for each try, and longer and longer pauses of uneven length between them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ops.vendors.vendor import VendorBusyError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from ops.vendors.vendor import Order, Vendor, Voucher
    from streams.settings import VendorSettings

log = logging.getLogger(__name__)


class Patience:
    """Asks one vendor, again where that may help."""

    def __init__(
        self,
        vendor: Vendor,
        settings: VendorSettings,
        chance: Random,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Ask *vendor* as often and as long as *settings* say; *chance* keeps many from asking at the same instant."""
        self._vendor, self._settings, self._chance, self._sleep = vendor, settings, chance, sleep

    async def fulfil(self, order: Order) -> Voucher:
        """Return the voucher of *order*.

        Raises:
            VendorRefusedError: the vendor will not.
            VendorBusyError: it had nothing to say at the last try either.
        """
        tries = self._settings.tries
        for number in range(1, tries + 1):
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    return await self._vendor.fulfil(order)
            except (VendorBusyError, TimeoutError) as error:
                log.warning("vendor is busy", extra={"tries": number, "error": type(error).__name__})
            if number < tries:
                await self._sleep(self.pause_s(number))
        message = f"the vendor has not answered as it should after {tries} tries"
        raise VendorBusyError(message)

    def pause_s(self, number: int) -> float:
        """Return how long to wait after so many tries: between a half and the whole of what doubles each time."""
        most: float = min(self._settings.pause_s * 2 ** (number - 1), self._settings.pause_max_s)
        return most * self._chance.uniform(0.5, 1)
