"""The Faust app of a worker: its table, its lane, and one agent for each input topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faust
from faust.auth import SASLCredentials, SSLCredentials

from agents.customers import CustomerFold
from streams.hooks import LaneApp, LaneAssignor, LaneTables
from streams.lane import Lane
from streams.readmodel import ReadModel, connect

if TYPE_CHECKING:
    from faust.types import StreamT, TopicT

    from cx.rules import Rules
    from streams.settings import KafkaSettings, Settings

LANE = "customers"


def build_app(settings: Settings, rules: Rules) -> LaneApp:
    """Return the app of one worker; nothing connects before it is started."""
    kafka = settings.kafka
    app = LaneApp(
        settings.app,
        broker=[f"kafka://{address}" for address in kafka.bootstrap.split(",")],
        broker_credentials=_credentials(kafka),
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=kafka.heartbeat_s,
        broker_request_timeout=max(30.0, kafka.session_timeout_s),
        broker_rebalance_timeout=30.0,
        broker_max_poll_records=4_000,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=1 << 20,
        datadir=str(settings.data / "worker"),
        store="memory://",
        stream_buffer_maxsize=32,
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        topic_replication_factor=kafka.replication,
        web_enabled=False,
        PartitionAssignor=LaneAssignor,
        TableManager=LaneTables,
    )
    # Its changelog is `{app}-customers-changelog`; written by the lane's transactions, read by the lane's recovery.
    app.Table(LANE, key_type=bytes, value_type=bytes, partitions=settings.partitions)
    readmodel = ReadModel(connect(settings.redis), settings.app)
    app.lane = Lane(app, LANE, CustomerFold(rules), readmodel, settings)
    _register(app)
    return app


def _register(app: LaneApp) -> None:
    lane = app.lane

    def topic(name: str) -> TopicT:
        return app.topic(
            name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False
        )

    @app.agent(topic("cx.purchases"))
    async def purchases(stream: StreamT[Any]) -> None:
        """Orders, refunds and cancellations."""
        await lane.drive(stream)

    @app.agent(topic("cx.support"))
    async def support(stream: StreamT[Any]) -> None:
        """The life of support cases."""
        await lane.drive(stream)

    @app.agent(topic("cx.feedback"))
    async def feedback(stream: StreamT[Any]) -> None:
        """Scores and complaints."""
        await lane.drive(stream)

    @app.agent(topic("cx.touchpoints"))
    async def touchpoints(stream: StreamT[Any]) -> None:
        """Contacts on the journey, enrolment, profile, referrals."""
        await lane.drive(stream)

    @app.agent(topic("cx.reward-events"))
    async def reward_events(stream: StreamT[Any]) -> None:
        """What becomes of a gift."""
        await lane.drive(stream)

    @app.agent(topic("cx.gift-answers"))
    async def gift_answers(stream: StreamT[Any]) -> None:
        """What the gift desk decided."""
        await lane.drive(stream)

    @app.agent(topic("cx.clock"))
    async def clock(stream: StreamT[Any]) -> None:
        """Ticks: time passes where no event comes."""
        await lane.drive(stream)


def _credentials(kafka: KafkaSettings) -> faust.types.auth.CredentialsT | None:
    context = kafka.ssl_context()
    if "SASL" in kafka.security:
        return SASLCredentials(
            username=kafka.username,
            password=kafka.password.get_secret_value() if kafka.password else None,
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None
