"""Gift codes under lock and key: encrypted when they are imported, decrypted only to be shown, and masked in between.

AES-GCM with a random nonce in front; which gift of which programme it is for is authenticated with it, so that nobody
can put one gift's ciphertext in another's place. A key has an id, which travels along: the first one in the settings is
for new codes, and older ones stay behind it for as long as codes of theirs are around.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64encode
from typing import TYPE_CHECKING, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import CxError
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from streams.settings import CodeSettings

CODE_BYTES_MAX: Final = 512
_NONCE_BYTES: Final = 12
_SHOWN_MAX: Final = 4
_SHOWN_OF: Final = 4  # one character in so many, at most


class NoKeyError(CxError):
    """A key is not in the settings; the text is one line for a person."""

    exit_code = EXIT_CONFIG


class SealError(CxError):
    """A ciphertext that the key did not make for this code."""


class Locker:
    """Seals codes and opens them again."""

    def __init__(self, settings: CodeSettings) -> None:
        """Take the keys out of *settings*."""
        self._keys: Final = {name: AESGCM(key) for name, key in settings.by_id().items()}
        self._identity: Final = settings.identity_key()

    @property
    def key_id(self) -> str:
        """The key for new codes.

        Raises:
            NoKeyError: there is none.
        """
        if not self._keys:
            message = "there is no key for gift codes: set CX_CODES__KEYS"
            raise NoKeyError(message)
        return next(iter(self._keys))

    def check(self) -> None:
        """Make sure that codes can be taken in.

        Raises:
            NoKeyError: they cannot.
        """
        self.entry("", "", "")

    def entry(self, programme: str, gift: str, code: str) -> dict[str, str]:
        """Return what the contract says of a *code* that comes in: its id, what may be shown, and what is sealed.

        Raises:
            NoKeyError: there is no key for it.
        """
        return {
            "code_id": self.code_id(programme, code),
            "masked": mask(code),
            "ciphertext": b64encode(self.seal(programme, gift, code)).decode(),
            "key_id": self.key_id,
        }

    def seal(self, programme: str, gift: str, code: str) -> bytes:
        """Return what may be stored of a *code*, sealed by the key `key_id`.

        Raises:
            NoKeyError: there is none.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._keys[self.key_id].encrypt(nonce, code.encode(), _about(programme, gift))

    def open(self, programme: str, gift: str, key_id: str, sealed: bytes) -> str:
        """Return the code.

        Raises:
            NoKeyError: the key *key_id* is not in the settings.
            SealError: *sealed* was changed, or is of another key, gift or programme.
        """
        key = self._keys.get(key_id)
        if key is None:
            message = f"CX_CODES__KEYS has no key {key_id}"
            raise NoKeyError(message)
        try:
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _about(programme, gift)).decode()
        except (InvalidTag, ValueError):
            message = "a code cannot be opened: its seal is broken"
            raise SealError(message) from None

    def code_id(self, programme: str, code: str) -> str:
        """Return the id of a *code*: always the same, and without the key nothing that the code could be guessed by.

        Raises:
            NoKeyError: there is no key for it.
        """
        if not self._identity:
            message = "there is no key to know gift codes again by: set CX_CODES__IDENTITY"
            raise NoKeyError(message)
        digest = hmac.digest(self._identity, f"{programme}\0{code}".encode(), hashlib.sha256)
        return str(UUID(bytes=digest[:16], version=5))


def mask(code: str) -> str:
    """Return what may be shown of a *code*: its last characters, at most four and a quarter of it."""
    shown = min(_SHOWN_MAX, len(code) // _SHOWN_OF)
    return "••••" + (code[-shown:] if shown else "")


def _about(programme: str, gift: str) -> bytes:
    return f"{programme}\0{gift}".encode()
