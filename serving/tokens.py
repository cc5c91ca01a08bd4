"""Bearer tokens: what they allow, for whom and until when; Redis has a digest, and nobody has the secret."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast, get_args

from pydantic import Field, ValidationError

from schemas.base import CustomerId, Moment, Record, Short, Source
from schemas.errors import CxError
from serving.profiles import RedisAwayError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from serving.profiles import Breaker

Scope = Literal["cx:read", "cx:events", "cx:rewards", "cx:admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
INDEX: Final = "cx:tokens"
REFRESH_S: Final = 5.0  # for so long, and until Redis has answered, a revoked token may be taken yet
STALE_S: Final = 900.0  # the same while Redis is away
CALL_S: Final = 1.0
CACHED_MAX: Final = 10_000
AT_ONCE: Final = 500
_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 6
_PREFIX: Final = "cx"  # by which those who look for leaked secrets know ours


class Token(Record):
    """What is stored of a token.

    Attributes:
        id: Its name in lists and audit logs; no secret.
        digest: SHA-256 of the secret, in hex. The secret has 256 random bits, so nothing slower is called for.
        scopes: What it allows.
        customer: The one customer it speaks for; None for any.
        sources: The sources as which it may write events; none for any.
        expires: From then on it is refused.
        before: The digest of before a rotation, taken until `before_until`.
    """

    id: Short
    name: Short
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created: Moment
    expires: Moment
    customer: CustomerId | None = None
    sources: tuple[Source, ...] = ()
    before: str | None = None
    before_until: Moment | None = None

    def fits(self, secret: str, now: datetime) -> bool:
        """Tell whether *secret* is its own at the instant *now*."""
        if now >= self.expires:
            return False
        digest = digest_of(secret)
        if hmac.compare_digest(digest, self.digest):
            return True
        if self.before is None or self.before_until is None or now >= self.before_until:
            return False
        return hmac.compare_digest(digest, self.before)


class UnknownTokenError(CxError):
    """There is no such token."""


def digest_of(secret: str) -> str:
    """Return what is stored of a *secret*."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def token_key(token_id: str) -> str:
    """Return the Redis key of a token."""
    return f"cx:token:{token_id}"


def made(
    name: str,
    scopes: tuple[Scope, ...],
    *,
    now: datetime,
    expires: datetime,
    customer: str | None = None,
    sources: tuple[str, ...] = (),
) -> tuple[Token, str]:
    """Return a token that nobody knows yet, and what its holder sends, which nobody can find out again.

    Raises:
        ValidationError: a name, a customer or a source is none.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    token = Token(
        id=secrets.token_hex(_ID_BYTES),
        name=name,
        digest=digest_of(secret),
        scopes=scopes,
        created=now,
        expires=expires,
        customer=customer,
        sources=sources,
    )
    return token, _bearer(token, secret)


class Tokens:
    """The tokens in Redis, and for a moment in memory."""

    def __init__(self, redis: Breaker) -> None:
        """Keep them by *redis*."""
        self._redis = redis
        self._known: dict[str, tuple[float, Token]] = {}

    async def keep(self, token: Token) -> None:
        """Store a token; Redis forgets it once it has ended.

        Raises:
            RedisAwayError: it is not known whether it is stored.
        """
        pipeline = self._redis.client.pipeline()
        pipeline.set(token_key(token.id), token.model_dump_json(), exat=int(token.expires.timestamp()) + 1)
        pipeline.sadd(INDEX, token.id)
        await self._redis.ask(pipeline.execute(), CALL_S)
        self._known.pop(token.id, None)

    async def rotate(self, token_id: str, *, until: datetime, expires: datetime | None = None) -> tuple[Token, str]:
        """Give a token another secret; the one of before is taken until the instant *until*.

        Raises:
            UnknownTokenError: there is none.
            RedisAwayError: it is not known whether it is stored.
        """
        token = await self.get(token_id)
        if token is None:
            raise UnknownTokenError
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        change: dict[str, Any] = {"digest": digest_of(secret), "before": token.digest, "before_until": until}
        turned = token.model_copy(update=change | {"expires": expires or token.expires})
        await self.keep(turned)
        return turned, _bearer(turned, secret)

    async def revoke(self, token_id: str) -> None:
        """Forget a token.

        Raises:
            UnknownTokenError: there is none.
            RedisAwayError: it is not known whether it is forgotten.
        """
        pipeline = self._redis.client.pipeline()
        pipeline.delete(token_key(token_id))
        pipeline.srem(INDEX, token_id)
        gone, _ = await self._redis.ask(pipeline.execute(), CALL_S)
        self._known.pop(token_id, None)
        if not gone:
            raise UnknownTokenError

    async def all(self) -> list[Token]:
        """Return all that there are, in the order of their making; what has ended leaves the index.

        Raises:
            RedisAwayError: nobody knows.
        """
        listed = cast("Awaitable[set[bytes]]", self._redis.client.smembers(INDEX))
        found = {name: await self.get(name.decode()) for name in await self._redis.ask(listed, CALL_S)}
        if ended := [name for name, token in found.items() if token is None]:
            await self._redis.ask(self._redis.client.srem(INDEX, *ended), CALL_S)
        return sorted((one for one in found.values() if one), key=lambda one: (one.created, one.id))

    async def get(self, token_id: str) -> Token | None:
        """Return a token as it is stored; None where there is none that can be read.

        Raises:
            RedisAwayError: nobody knows.
        """
        return _read(await self._redis.ask(self._redis.client.get(token_key(token_id)), CALL_S))

    async def known(self, bearer: str, now: datetime) -> Token | None:
        """Return whose *bearer* this is; None for nobody's, or no longer anybody's.

        Raises:
            RedisAwayError: Redis does not answer, and it was not asked about this token lately.
        """
        prefix, _, rest = bearer.partition("_")
        token_id, _, secret = rest.partition("_")
        if prefix != _PREFIX or len(token_id) != 2 * _ID_BYTES or not token_id.isalnum() or not secret:
            return None
        token = await self._looked_up(token_id)
        return token if token and token.fits(secret, now) else None

    def remember(self, token: Token) -> None:
        """Take *token* for known now."""
        if len(self._known) >= CACHED_MAX:
            self._known.clear()
        self._known[token.id] = time.monotonic(), token

    async def refresh(self) -> None:
        """Look again at all that are known: a call waits for Redis only with a token that nobody has seen here yet."""
        oldest = time.monotonic() - STALE_S
        names = [name for name, (since, _) in self._known.items() if since > oldest]
        self._known = {name: self._known[name] for name in names}
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            answer = self._redis.client.mget(map(token_key, some))
            try:
                values = await self._redis.ask(answer, CALL_S)
            except RedisAwayError:
                return
            for name, value in zip(some, values, strict=True):
                self._known.pop(name, None)
                if token := _read(value):
                    self.remember(token)

    async def run(self) -> None:
        """Do so again and again."""
        while True:
            await asyncio.sleep(REFRESH_S)
            await self.refresh()

    async def _looked_up(self, token_id: str) -> Token | None:
        since, token = self._known.get(token_id, (-STALE_S, None))
        if token is not None and time.monotonic() - since < STALE_S:
            return token
        found = await self.get(token_id)
        if found is not None:  # what is none is not kept: guesses would drive out what is known
            self.remember(found)
        return found


def _read(value: bytes | str | None) -> Token | None:
    try:
        return None if value is None else Token.model_validate_json(value)
    except ValidationError:
        return None


def _bearer(token: Token, secret: str) -> str:
    return f"{_PREFIX}_{token.id}_{secret}"
