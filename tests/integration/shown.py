"""What the read model shows of a customer, as whoever reads it makes it of the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.policy import load
from cx.rules import compile_policy
from cx.state import decode
from cx.view import profile_of
from streams.readmodel import read_customer

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def profile_in(client: Redis, customer: str, policy: str = "retail-vn") -> dict[str, Any]:
    """Return the profile of *customer* by *policy*, a file or a preset; nothing of one never seen."""
    stored = await read_customer(client, customer)
    return {} if stored is None else profile_of(decode(stored.state), stored.as_of, compile_policy(load(policy)))
