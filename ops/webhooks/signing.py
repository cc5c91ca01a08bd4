"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 over id, timestamp and body, one for each secret that holds."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final

from schemas.webhooks import SealedSecret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ops.codes import Locker
    from schemas.webhooks import Subscription

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
_PURPOSE: Final = "webhook"  # sealed with it, so that no gift code can be put in a secret's place


def new_secret() -> str:
    """Return a secret that nobody guesses, as its receiver is given it."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sealed(locker: Locker, subscription: str, secret: str) -> SealedSecret:
    """Return *secret* as it may be stored.

    Raises:
        NoKeyError: there is no key for it.
    """
    seal = b64encode(locker.seal(_PURPOSE, subscription, secret)).decode()
    return SealedSecret(key_id=locker.key_id, sealed=seal)


def opened(locker: Locker, subscription: Subscription, now: datetime) -> list[str]:
    """Return the secrets that deliveries are signed by at *now*, the newest first.

    Raises:
        NoKeyError: a key is missing.
        SealError: one of them was changed.
    """
    return [
        locker.open(_PURPOSE, subscription.id, one.key_id, b64decode(one.sealed))
        for one in subscription.secrets
        if one.until is None or now < one.until
    ]


def headers(signed_by: Sequence[str], event_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the headers by which the receiver knows that *body* is ours, and of now."""
    stamp = str(int(now.timestamp()))
    content = f"{event_id}.{stamp}.".encode() + body
    signatures = [_signature(b64decode(secret.removeprefix(PREFIX)), content) for secret in signed_by]
    return {"webhook-id": event_id, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}


def _signature(key: bytes, content: bytes) -> str:
    return "v1," + b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
