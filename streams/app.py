"""A Faust app with a batch lane in it: what a job of this kind is built from.

    readmodel = ReadModel(connect(settings.redis), settings.app, "customers")
    app = lane_app(settings, "customers", CustomerFold(rules), readmodel)

    @app.agent(app.input("cx.purchases"))
    async def purchases(stream):
        await app.lane.drive(stream)

One agent for each topic of the fold; docs/lane.md explains the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faust.auth import SASLCredentials, SSLCredentials

from streams.hooks import LaneApp, LaneAssignor, LaneTable, LaneTables
from streams.lane import Lane
from streams.meter import SILENT

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

    from streams.effects import Fold
    from streams.meter import Meter
    from streams.settings import KafkaSettings, Settings
    from streams.showing import Showing

POLL_RECORDS_MAX = 4_000
FETCH_BYTES_MAX = 1 << 20  # of a partition
BUFFERED_BATCHES_MAX = 1 << 16  # of a topic: never reached, the lane itself bounds what is handed over
REBALANCE_TIMEOUT_S = 30.0
REQUEST_TIMEOUT_S = 30.0


def lane_app(settings: Settings, name: str, fold: Fold, readmodel: Showing, *, meter: Meter = SILENT) -> LaneApp:
    """Return an app whose lane *name* runs *fold*; nothing connects before it is started.

    Its table is *name*, its changelog `{settings.app}-{name}-changelog`, its consumer group `settings.app`; *meter*
    takes its figures.
    """
    kafka = settings.kafka
    app = LaneApp(
        settings.app,
        broker=[f"kafka://{address}" for address in kafka.bootstrap.split(",")],
        broker_credentials=_credentials(kafka),
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=kafka.heartbeat_s,
        broker_request_timeout=max(REQUEST_TIMEOUT_S, kafka.session_timeout_s),
        broker_rebalance_timeout=REBALANCE_TIMEOUT_S,
        broker_max_poll_records=POLL_RECORDS_MAX,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        datadir=str(settings.data / "worker"),
        store="memory://",  # of Faust's own; the lane's is streams/store.py
        stream_buffer_maxsize=BUFFERED_BATCHES_MAX,
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        topic_replication_factor=kafka.replication,
        web_enabled=False,
        PartitionAssignor=LaneAssignor,
        Table=LaneTable,
        TableManager=LaneTables,
    )
    app.Table(name, key_type=bytes, value_type=bytes, partitions=settings.partitions)
    app.lane = Lane(app, name, fold, readmodel, settings, meter=meter)
    return app


def _credentials(kafka: KafkaSettings) -> CredentialsT | None:
    context = kafka.ssl_context()
    if "SASL" in kafka.security:
        return SASLCredentials(
            username=kafka.username,
            password=kafka.password.get_secret_value() if kafka.password else None,
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None
