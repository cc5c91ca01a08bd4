"""Ids of what is told: UUIDs of version 5, so that a rebuild gives the same ones."""

from __future__ import annotations

from hashlib import sha1
from typing import Final
from uuid import NAMESPACE_URL, uuid5

NAMESPACE: Final = uuid5(NAMESPACE_URL, "cxstream")
_BEGUN: Final = sha1(NAMESPACE.bytes, usedforsecurity=False)
_VARIANT: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def id_of(name: str) -> str:
    """Return `str(uuid5(NAMESPACE, name))` in a third of its time: every output has such an id, and some have two."""
    begun = _BEGUN.copy()
    begun.update(name.encode())
    digits = begun.hexdigest()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
