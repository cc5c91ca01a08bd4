"""The Faust apps of workers: the customers' lane and the gift desk's, with one agent for each of their input topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.customers import CustomerFold
from agents.gift_desk import BEHIND, DeskFold
from cx.calendar import SECOND
from schemas.topics import GIFT_PARTITIONS, Lane
from streams.app import lane_app
from streams.meter import SILENT
from streams.readmodel import NoReadModel, ReadModel, connect

if TYPE_CHECKING:
    from faust.types import StreamT

    from cx.rules import Rules
    from streams.hooks import LaneApp
    from streams.meter import Meter
    from streams.settings import Settings

LANE = "customers"
TICKS_MISSED = 3  # after which a gift desk is behind


def build_app(settings: Settings, rules: Rules, meter: Meter = SILENT) -> LaneApp:
    """Return the app of one worker, its figures going to *meter*; nothing connects before it is started."""
    readmodel = ReadModel(connect(settings.redis), settings.app, LANE, meter)
    app = lane_app(settings, LANE, CustomerFold(rules), readmodel, meter=meter)
    _register(app)
    return app


def build_desk(settings: Settings, rules: Rules, meter: Meter = SILENT) -> LaneApp:
    """Return the app of one gift desk; a group of its own, so that neither lane waits for the other's rebalances."""
    own = settings.model_copy(update={"app": f"{settings.app}-desk", "partitions": GIFT_PARTITIONS})
    behind = max(BEHIND, int(TICKS_MISSED * settings.tick_seconds * SECOND))
    app = lane_app(own, Lane.GIFTS, DeskFold(rules, behind), NoReadModel(), meter=meter)
    lane = app.lane

    @app.agent(app.input("cx.gift-requests"))
    async def gift_requests(stream: StreamT[Any]) -> None:
        """Requests, and what becomes of gifts."""
        await lane.drive(stream)

    @app.agent(app.input("cx.gifts"))
    async def gifts(stream: StreamT[Any]) -> None:
        """Catalogue and budgets."""
        await lane.drive(stream)

    @app.agent(app.input("cx.gift-codes"))
    async def gift_codes(stream: StreamT[Any]) -> None:
        """Codes that come into stock."""
        await lane.drive(stream)

    @app.agent(app.input("cx.vendor-answers"))
    async def vendor_answers(stream: StreamT[Any]) -> None:
        """What vendors have made, or not."""
        await lane.drive(stream)

    @app.agent(app.input("cx.gift-clock"))
    async def gift_clock(stream: StreamT[Any]) -> None:
        """Ticks: those who wait are served, gifts run out."""
        await lane.drive(stream)

    return app


def _register(app: LaneApp) -> None:
    lane = app.lane

    @app.agent(app.input("cx.purchases"))
    async def purchases(stream: StreamT[Any]) -> None:
        """Orders, refunds and cancellations."""
        await lane.drive(stream)

    @app.agent(app.input("cx.support"))
    async def support(stream: StreamT[Any]) -> None:
        """The life of support cases."""
        await lane.drive(stream)

    @app.agent(app.input("cx.feedback"))
    async def feedback(stream: StreamT[Any]) -> None:
        """Scores and complaints."""
        await lane.drive(stream)

    @app.agent(app.input("cx.touchpoints"))
    async def touchpoints(stream: StreamT[Any]) -> None:
        """Contacts on the journey, enrolment, profile, referrals."""
        await lane.drive(stream)

    @app.agent(app.input("cx.reward-events"))
    async def reward_events(stream: StreamT[Any]) -> None:
        """What becomes of a gift."""
        await lane.drive(stream)

    @app.agent(app.input("cx.gift-answers"))
    async def gift_answers(stream: StreamT[Any]) -> None:
        """What the gift desk decided."""
        await lane.drive(stream)

    @app.agent(app.input("cx.clock"))
    async def clock(stream: StreamT[Any]) -> None:
        """Ticks: time passes where no event comes."""
        await lane.drive(stream)
