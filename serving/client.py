"""A client of the API: typed answers, and calls that may be repeated are, under the same ids."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from schemas.answers import BatchAnswer, EventAnswer, NotYetRevealed, Quote, RedemptionAnswer, Revealed
from schemas.envelope import encode
from schemas.errors import CxError
from schemas.profiles import Decisions, Journey, PointsView, Profile, RewardsView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from schemas.answers import Basket, Choice, Redemption
    from schemas.envelope import CustomerEnvelope

TIMEOUT_S: Final = 15.0
TRIES: Final = 4
PAUSE_S: Final = 0.2  # after the first try; it doubles
PAUSE_MAX_S: Final = 5.0
AGAIN: Final = frozenset({429, 503})
POLL_S: Final = 0.05
WAIT_MS: Final = 300
_ONE: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_JSON: Final = "application/json"
_TYPE: Final = "urn:cxstream:problem:"
_Answer = TypeVar("_Answer", bound=BaseModel)


class RefusedError(CxError):
    """The API refused a call.

    Attributes:
        status: The HTTP status.
        code: The kind of the problem, such as `conflicting-id`; empty where the answer is none of the API's.
        errors: Where the fault is, as (place, kind).
    """

    def __init__(self, status: int, code: str, detail: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        """See the class."""
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.errors = status, code, errors


class UnreachableError(CxError):
    """The API does not answer; what was sent may have arrived, and can be sent again under the same ids."""


class Client:
    """Calls the API at *url* with a token; an async context manager."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
        verify: Any = True,  # noqa: ANN401  # as httpx has it: True, or an SSLContext
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            transport=transport,
            verify=verify,
        )

    async def __aenter__(self) -> Self:
        """Return this client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def customer(self, customer: str) -> Profile:
        """Return where a customer stands; of somebody unknown, or `degraded`, the base tier."""
        return await self._get(Profile, _path(customer))

    async def decisions(self, customer: str) -> Decisions:
        """Return what tier and CX level rest on."""
        return await self._get(Decisions, _path(customer, "decisions"))

    async def journey(self, customer: str) -> Journey:
        """Return where a customer met the brand."""
        return await self._get(Journey, _path(customer, "journey"))

    async def points(self, customer: str) -> PointsView:
        """Return the points, and what runs out when."""
        return await self._get(PointsView, _path(customer, "points"))

    async def rewards(self, customer: str) -> RewardsView:
        """Return all rewards that are still known."""
        return await self._get(RewardsView, _path(customer, "rewards"))

    async def quote(self, basket: Basket) -> Quote:
        """Return what paying *basket* would do."""
        return _read(Quote, await self._call("POST", "/v1/checkout/quote", _body(basket), _JSON))

    async def send(self, event: CustomerEnvelope, *, wait_ms: int | None = WAIT_MS) -> EventAnswer:
        """Write an event; return what became of it, if that is known within *wait_ms*, or with None that it is durable.

        To send the same again does no harm, and gets the first answer.
        """
        return _read(EventAnswer, await self._call("POST", "/v1/events", encode(event), _ONE, _waiting(wait_ms)))

    async def send_all(self, events: Sequence[CustomerEnvelope], *, wait_ms: int | None = None) -> BatchAnswer:
        """Write up to 100 events; return the same of each."""
        content = b"[" + b",".join(map(encode, events)) + b"]"
        return _read(BatchAnswer, await self._call("POST", "/v1/events", content, _BATCH, _waiting(wait_ms)))

    async def settle(self, answer: EventAnswer, within_s: float) -> EventAnswer:
        """Ask what became of an event until that is known; *answer* itself where it is not within so long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while answer.decision is None and answer.poll is not None and loop.time() < until:
            try:
                return await self._get(EventAnswer, answer.poll)
            except RefusedError as error:
                if error.status != httpx.codes.NOT_FOUND:
                    raise
            await asyncio.sleep(POLL_S)
        return answer

    async def choose(self, customer: str, reward_id: str, choice: Choice) -> EventAnswer:
        """Choose one of the gifts that were offered."""
        path = _path(customer, f"rewards/{quote(reward_id, safe='')}/choose")
        return _read(EventAnswer, await self._call("POST", path, _body(choice), _JSON))

    async def reveal(self, customer: str, reward_id: str) -> Revealed | NotYetRevealed:
        """Return the code of a gift, or that the gift desk has not answered yet."""
        path = _path(customer, f"rewards/{quote(reward_id, safe='')}/reveal")
        answer = await self._call("POST", path)
        return _read(Revealed, answer) if answer.status_code == httpx.codes.OK else _read(NotYetRevealed, answer)

    async def redeem(self, customer: str, redemption: Redemption) -> RedemptionAnswer:
        """Spend points."""
        path = _path(customer, "points/redeem")
        return _read(RedemptionAnswer, await self._call("POST", path, _body(redemption), _JSON))

    async def _get(self, model: type[_Answer], path: str) -> _Answer:
        return _read(model, await self._call("GET", path))

    async def _call(
        self, method: str, path: str, content: bytes = b"", kind: str = "", params: dict[str, str] | None = None
    ) -> httpx.Response:
        """Call until there is an answer, or enough was tried: every call of the API may be repeated.

        Raises:
            RefusedError: the answer is no.
            UnreachableError: there is none.
        """
        headers = {"Content-Type": kind} if kind else {}
        pause_s, left = PAUSE_S, TRIES
        while True:
            left -= 1
            after_s = pause_s
            try:
                # Without other parameters a query in the path itself, of a place to poll, is kept.
                answer = await self._http.request(method, path, content=content, headers=headers, params=params)
            except httpx.TransportError as error:
                if not left:
                    message = f"the API does not answer ({type(error).__name__})"
                    raise UnreachableError(message) from None
            else:
                if answer.is_success:
                    return answer
                if not left or answer.status_code not in AGAIN:
                    raise _refused(answer)
                after_s = max(pause_s, _seconds(answer.headers.get("retry-after", "")))
            await asyncio.sleep(after_s)
            pause_s *= 2


def _seconds(text: str) -> float:
    return min(float(text), PAUSE_MAX_S) if text.isascii() and text.isdigit() else 0.0


def _path(customer: str, rest: str = "") -> str:
    return f"/v1/customers/{quote(customer, safe='')}" + (f"/{rest}" if rest else "")


def _body(model: BaseModel) -> bytes:
    return model.model_dump_json(exclude_none=True).encode()


def _waiting(wait_ms: int | None) -> dict[str, str] | None:
    return None if wait_ms is None else {"wait": "decision", "timeout_ms": str(wait_ms)}


def _read(model: type[_Answer], answer: httpx.Response) -> _Answer:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError:
        raise RefusedError(answer.status_code, "", "the answer is none of this API's") from None


def _refused(answer: httpx.Response) -> RefusedError:
    try:
        told = answer.json()
        errors = tuple((one["loc"], one["type"]) for one in told.get("errors", ()))
        return RefusedError(answer.status_code, told["type"].removeprefix(_TYPE), told["detail"], errors)
    except (ValueError, LookupError, TypeError, AttributeError):
        return RefusedError(answer.status_code, "", "the answer is none of this API's")
