"""Whether Kafka and Redis let us in: asked once, before clients that would try again and again in silence."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING, Final

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from schemas.errors import CxError
from streams.readmodel import connect, position_key
from streams.settings import EXIT_CONFIG

if TYPE_CHECKING:
    from streams.settings import KafkaSettings, RedisSettings

TIMEOUT_MS: Final = 10_000
CLOSE_S: Final = 1.0
_OURS: Final = re.compile(r"ALERT_(?:\w*CERTIFICATE|UNKNOWN_CA)")  # what the other side says of our certificate
_OTHER_NAME: Final = {62, 64}  # OpenSSL's codes for a certificate of another host or address


class RefusedError(CxError):
    """A server is there and does not let us in: settings are wrong; one line for a person, without a secret."""

    exit_code = EXIT_CONFIG


class AwayError(CxError):
    """A server does not answer, or not as one should; another try may help; one line for a person."""


async def ask_kafka(settings: KafkaSettings) -> None:
    """Return when one of the bootstrap servers lets us in.

    Raises:
        RefusedError: none does, and one has a reason.
        AwayError: none does, and none says why.
    """
    refused = away = None
    for host, port, _ in collect_hosts(settings.bootstrap, randomize=False):
        try:
            return await _knock(settings, host, port)
        except (errors.KafkaError, OSError) as error:
            fault = _of_kafka(error, settings, f"{host}:{port}")
            if isinstance(fault, RefusedError):
                refused = fault
            else:
                away = fault
    raise refused or away or AwayError("no Kafka is named: see CX_KAFKA__BOOTSTRAP")


async def ask_redis(settings: RedisSettings, app: str, lane: str) -> None:
    """Return when Redis lets us read where the workers of *app* are.

    Raises:
        RefusedError: it does not let us.
        AwayError: it does not answer.
    """
    client = connect(settings)
    try:
        await client.mget([position_key(app, lane, 0)])
    except (RedisError, OSError) as error:
        raise of_redis(error, settings) from error
    finally:
        await client.aclose()


def of_redis(error: BaseException, settings: RedisSettings) -> RefusedError | AwayError:
    """Return what *error* of a Redis client means."""
    who, kind = f"Redis at {settings.address}", type(error).__name__
    if fault := _of_tls(error, who, "CX_REDIS"):
        return fault
    if isinstance(error, AuthenticationError):
        return RefusedError(f"{who} does not know this user name with this password")
    if isinstance(error, NoPermissionError):
        return RefusedError(f"{who} does not let this user do what we need")
    # Redis ends a connection that lacks a certificate without a word.
    also = ", or does it ask for CX_REDIS__CERT_FILE" if settings.is_tls and not settings.cert_file else ""
    return AwayError(f"{who} does not answer as it should ({kind}): is it running, and CX_REDIS__URL right{also}?")


async def _knock(settings: KafkaSettings, host: str, port: int) -> None:
    options = settings.client_options()
    del options["bootstrap_servers"]
    connection = await create_conn(host, port, request_timeout_ms=TIMEOUT_MS, **options)
    try:
        # Only a request tells: a listener that wants a user name or a certificate may shake hands without one.
        await connection.send(MetadataRequest([]))
    finally:
        await asyncio.wait({connection.close()}, timeout=CLOSE_S)


def _of_kafka(error: BaseException, settings: KafkaSettings, address: str) -> RefusedError | AwayError:
    who, kind = f"Kafka at {address}", type(error).__name__
    reasons = {
        errors.SaslAuthenticationFailed: "does not know this user name with this password",
        errors.UnsupportedSaslMechanismError: f"does not take {settings.sasl_mechanism}: see CX_KAFKA__SASL_MECHANISM",
        errors.IllegalSaslStateError: "wants no user name here: see CX_KAFKA__SECURITY",
    }
    if reason := reasons.get(type(error)):
        return RefusedError(f"{who} {reason}")
    if fault := _of_tls(error, who, "CX_KAFKA"):
        return fault
    if isinstance(error, (errors.KafkaConnectionError, ssl.SSLError, ConnectionResetError)):
        # A wrong kind of listener, most often; a broker that is just ending does the same.
        return AwayError(f"{who} hangs up ({kind}): does it listen for {settings.security}? See CX_KAFKA__SECURITY")
    return AwayError(f"{who} does not answer as it should ({kind}): is it running, and CX_KAFKA__BOOTSTRAP right?")


def _of_tls(error: BaseException | None, who: str, settings: str) -> RefusedError | None:
    """Return what is wrong with a certificate, theirs or ours, where that is behind *error*."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, ssl.SSLCertVerificationError):
            hint = "" if error.verify_code in _OTHER_NAME else f": see {settings}__CA_FILE"
            return RefusedError(f"{who} has a certificate that we do not trust ({error.verify_message}){hint}")
        if isinstance(error, ssl.SSLError) and _OURS.search(error.reason or ""):
            return RefusedError(f"{who} misses our certificate, or does not accept it: see {settings}__CERT_FILE")
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None
