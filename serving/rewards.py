"""What customers do with rewards and points: choose a gift, see its code, spend points."""

import asyncio
import logging
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Path
from starlette.responses import JSONResponse, Response

from cx.calendar import rfc3339
from cx.ids import id_of
from cx.lives import reward_id
from cx.moments import Card
from cx.state import Life
from ops.codes import NoKeyError, SealError
from schemas.answers import (
    Asked,
    Choice,
    EventAnswer,
    NotYetRevealed,
    Redemption,
    RedemptionAnswer,
    Revealed,
)
from schemas.base import Uuid
from schemas.decisions import Outcome
from schemas.inputs import parse_line
from serving import events
from serving.access import Caller, allowed
from serving.bodies import body_of, described_body
from serving.customers import Own, Services
from serving.events import TIMEOUT_MS, TimeoutMs
from serving.intake import OURS, Taken, take
from serving.paths import CUSTOMER
from serving.problems import ProblemError, described
from serving.producer import Letter
from serving.profiles import RedisAwayError
from serving.service import Service

log = logging.getLogger(__name__)

REVEAL_MS: Final = 3_000
LOOK_S: Final = 0.05
_SHOWN: Final = frozenset({"issued", "delivered", "redeemed"})
_REQUESTS: Final = "cx.gift-requests"
router = APIRouter(tags=["rewards"])
RewardId = Annotated[Uuid, Path(description="The reward's id.")]
Chooser = Annotated[Caller, Depends(allowed("cx:rewards"))]
_NO_STORE: Final = {"Cache-Control": "no-store"}


@router.post(
    f"{CUSTOMER}/rewards/{{reward}}/choose",
    response_class=Response,
    summary="Choose one of the gifts that were offered",
    responses={
        200: {"model": EventAnswer, "description": "It is decided; the reward is among those of `customer`."},
        202: {"model": EventAnswer, "description": "It is durable, and not decided yet."},
        **described(400, 404, 409, 415, 422, 503),
    },
    openapi_extra=described_body(Choice),
)
async def choose(
    *,
    caller: Chooser,  # first: who may not call is told so, and no more
    customer: Own,
    reward: RewardId,
    choice: Annotated[Choice, Depends(body_of(Choice))],
    service: Services,
    timeout_ms: TimeoutMs = TIMEOUT_MS,
) -> Response:
    """Write `reward.chosen`, and wait for the decision."""
    caller.check_customer(customer)
    one = _said(customer, "reward.chosen", choice, {"reward_id": reward, "gift_id": choice.gift_id})
    outcome = await _known(service, one)
    if outcome is None:
        await _check_choice(service, customer, reward, choice.gift_id)
    (outcome,) = await events.deliver(service, [one], _until(timeout_ms))
    return await events.answer(service, caller, one, outcome)


@router.post(
    f"{CUSTOMER}/points/redeem",
    response_class=Response,
    summary="Spend points",
    responses={
        200: {"model": RedemptionAnswer, "description": "It is decided: `spent` says how."},
        202: {"model": RedemptionAnswer, "description": "It is durable, and not decided yet."},
        **described(400, 409, 415, 422, 503),
    },
    openapi_extra=described_body(Redemption),
)
async def redeem(
    *,
    caller: Chooser,  # first: who may not call is told so, and no more
    customer: Own,
    redemption: Annotated[Redemption, Depends(body_of(Redemption))],
    service: Services,
    timeout_ms: TimeoutMs = TIMEOUT_MS,
) -> Response:
    """Write `points.redemption-requested`, and wait for the decision."""
    caller.check_customer(customer)
    data = redemption.model_dump(include={"points", "reward"}, exclude_none=True)
    one = _said(customer, "points.redemption-requested", redemption, data)
    (outcome,) = await events.deliver(service, [one], _until(timeout_ms))
    told = await events.told(service, caller, one, outcome) | _spent(one, outcome)
    return JSONResponse(told, 202 if outcome is None else 200, {} if outcome else {"Location": told["poll"]})


@router.post(
    f"{CUSTOMER}/rewards/{{reward}}/reveal",
    response_class=Response,
    summary="Show the code of a gift",
    responses={
        200: {"model": Revealed, "description": "The code."},
        202: {"model": NotYetRevealed, "description": "The gift desk has not answered yet: call again."},
        **described(404, 409, 422, 503),
    },
)
async def reveal(
    *,
    caller: Chooser,  # first: who may not call is told so, and no more
    customer: Own,
    reward: RewardId,
    service: Services,
    timeout_ms: TimeoutMs = REVEAL_MS,
) -> Response:
    """Return the code, once the gift desk has it that it may be shown: from then on it is nobody else's.

    Each call may be repeated. It is written to the audit log, without the code.
    """
    caller.check_customer(customer)
    life = await _life(service, customer, reward)
    code = _opened(service, life)  # first: what could not be shown here must not be taken out of stock
    caller.audit("reveal", reward)
    if not life.unsealed:
        await service.producer.send([_asking(service, life)])
        life = await _unsealed(service, customer, reward, life, timeout_ms)
        if not life.unsealed:
            found = {"reward_id": reward, "status": "asked"}
            return JSONResponse(found, 202, {"Retry-After": "1", **_NO_STORE})
    if life.status == "issued":  # durable before anybody sees it
        await service.producer.send([_delivered(customer, reward, life)])
    caller.audit("revealed", reward)
    until = rfc3339(life.valid) if life.valid else None
    told = {"reward_id": reward, "gift": life.gift, "code": code, "valid_until": until}
    return JSONResponse(told, headers=_NO_STORE)


def _said(customer: str, kind: str, asked: Asked, data: dict[str, Any]) -> Taken:
    event = {
        "specversion": "1.0",
        "id": asked.id,
        # Each customer's own, so that ids of different apps are in nobody's way, whoever's token they come with.
        "source": f"/api/customers/{customer}",
        "type": kind,
        "time": asked.time.isoformat(),
        "subject": customer,
        "data": data,
    }
    return take(parse_line(orjson.dumps(event)), reply=True)


def _until(timeout_ms: int) -> float:
    return asyncio.get_running_loop().time() + timeout_ms / 1_000


async def _known(service: Service, one: Taken) -> Outcome | None:
    """Return what was said of the same call before."""
    try:
        (known,) = await service.waiting.known([one.place[0]])
    except RedisAwayError:
        return None
    return known.get(one.place[1])


async def _check_choice(service: Service, customer: str, reward: str, gift: str) -> None:
    """Refuse what would wait for an offer that there is not; while Redis is away the worker alone knows.

    Raises:
        ProblemError: 404 or 409.
    """
    known = await service.profiles.know(customer)
    if known.is_degraded:
        return
    life = next((life for key, life in known.customer.told.rewards.items() if reward_id(customer, key) == reward), None)
    if life is None:
        raise _unknown()
    if life.status != "offered":
        raise ProblemError(409, "not-offered", "there is nothing to choose, or not any more")
    if gift not in life.choices:
        raise ProblemError(409, "not-a-choice", "this gift is not among those that were offered")


def _spent(one: Taken, outcome: Outcome | None) -> dict[str, Any]:
    """Return what became of the points, of those that the outcome tells of: others' may have been decided with them."""
    for output in outcome.outputs if outcome else ():
        if output.request_id == one.event.id and output.type in {"points.spent", "points.refused"}:
            is_spent = output.type == "points.spent"
            return {"spent": is_spent} | ({} if is_spent else {"refused_for": output.reason})
    return {}


async def _life(service: Service, customer: str, reward: str) -> Life:
    """Return the reward, which has a code that may be shown.

    Raises:
        ProblemError: 404, there is no such reward; 409, it has no code, or not any more; 503, nobody knows now.
    """
    known = await service.profiles.know(customer)
    if known.is_degraded:
        raise ProblemError(503, "redis-away", "rewards cannot be looked up now", headers={"Retry-After": "1"})
    for key, life in known.customer.told.rewards.items():
        if reward_id(customer, key) == reward:
            if life.card is None or life.status not in _SHOWN:
                raise ProblemError(409, "no-code", "this reward has no code to show, or not any more")
            return life
    raise _unknown()


def _unknown() -> ProblemError:
    return ProblemError(404, "no-such-reward", "this customer has no such reward")


def _opened(service: Service, life: Life) -> str:
    card = _card(life)
    try:
        return service.locker.open(service.rules.policy.programme, life.gift, card.key_id, card.sealed)
    except (NoKeyError, SealError) as error:
        log.error("a code cannot be opened", extra={"error": type(error).__name__})  # noqa: TRY400  # no trace helps
        raise ProblemError(503, "no-key", "codes cannot be opened here: the key is missing, or a wrong one") from None


def _card(life: Life) -> Card:
    assert life.card is not None  # noqa: S101  # `_life` has seen to it
    return life.card


async def _unsealed(service: Service, customer: str, reward: str, life: Life, timeout_ms: int) -> Life:
    """Return the reward once the gift desk has let it be shown, or as it is when the time is up."""
    until = _until(timeout_ms)
    while not life.unsealed and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(LOOK_S)
        life = await _life(service, customer, reward)
    return life


def _asking(service: Service, life: Life) -> Letter:
    """Return what the gift desk is asked; the same again is a repeat."""
    request = _card(life).claim
    programme = service.rules.policy.programme
    event = {
        "specversion": "1.0",
        "id": id_of(f"reveal\n{request}"),
        "source": OURS,
        "type": "reveal.requested",
        "time": rfc3339(life.issued),
        "subject": programme,
        "data": {"request_id": request},
    }
    return Letter(_REQUESTS, programme.encode(), orjson.dumps(event))


def _delivered(customer: str, reward: str, life: Life) -> Letter:
    request = _card(life).claim
    event = {
        "specversion": "1.0",
        "id": id_of(f"shown\n{request}"),
        "source": OURS,
        "type": "gift.delivered",
        "time": rfc3339(max(life.unsealed, life.issued)),
        "subject": customer,
        "data": {"reward_id": reward, "gift_id": life.gift},
    }
    return Letter("cx.reward-events", customer.encode(), orjson.dumps(event))
