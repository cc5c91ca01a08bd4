"""The audit log: who was let do what only few may, and who was refused; never a code, a secret or a customer."""

from __future__ import annotations

import logging
from typing import Final

LOGGER: Final = "audit"
log = logging.getLogger(LOGGER)
log.setLevel(logging.INFO)  # whatever level other logs have


def note(action: str, by: str, about: str) -> None:
    """Write down that *by* does *action*.

    Args:
        by: The id of a token, or of whom a command was run by.
        about: An id of ours, a scope, or a fingerprint.
    """
    log.info("audit", extra={"action": action, "by": by, "about": about})


def refusal(what: str, by: str) -> None:
    """Write down that *by* was refused *what*: a scope, or the kind of a bound."""
    log.warning("audit", extra={"action": "refused", "by": by, "about": what})
