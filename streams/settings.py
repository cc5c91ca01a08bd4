"""Settings of every process: `CX_` environment variables over a TOML file over defaults. Imports no Faust."""

from __future__ import annotations

import errno
import os
import re
import ssl
import tomllib
from base64 import b64decode
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from schemas.errors import CxError
from schemas.topics import CUSTOMER_PARTITIONS
from streams.tls import TlsFiles

EXIT_CONFIG: Final = 78  # a process ends with it where settings, policy or topics are wrong
PREFIX: Final = "CX_"
OTHER_VARIABLES: Final = frozenset({"CONFIG", "EXAMPLES"})  # which file to read; how many examples tests make
PRESETS: Final = Path(__file__).resolve().parents[1] / "policies"  # beside us in a checkout as where it is installed

PORTS: Final = 1 << 16
KEY_BYTES: Final = 32
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_ADDRESS = re.compile(r"([^\s:/@\[\]]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?")


def presets() -> list[str]:
    """Return the names of the policies that come along."""
    return sorted(found.stem for found in PRESETS.glob("*.yaml"))


def _servers(text: str) -> str:
    addresses = [part.strip() for part in text.split(",")]
    if not all(map(_ADDRESS.fullmatch, addresses)):
        message = "should be host:port, or several of them with commas between"
        raise ValueError(message)
    return ",".join(addresses)


def _listener(text: str | None) -> str | None:
    found = None if text is None else _ADDRESS.fullmatch(text)
    if text is not None and not (found and found[2] and 0 < int(found[2][1:]) < PORTS):
        message = "should be host:port, where this process listens"
        raise ValueError(message)
    return text


def _redis_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = parts.scheme == "unix" or (parts.scheme in {"redis", "rediss"} and parts.hostname and parts.port != 0)
    except ValueError:
        fits = False
    if not fits:
        # What is wrong with it is not said: it may hold a password.
        message = "should be redis://host:port/number, or rediss://… for TLS"
        raise ValueError(message)
    return text


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = not text or (
            parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not parts.username
        )
    except ValueError:
        fits = False
    if not fits:
        message = "should be https://host/path, or http:// where nobody else listens"
        raise ValueError(message)
    return text


def policy_path(path: Path) -> Path:
    """Return the file of a preset for a bare word; whatever has a folder or an ending is a file from where we stand.

    Raises:
        ValueError: there is no such preset.
    """
    if path.suffix or len(path.parts) != 1:
        return path.absolute()
    preset = PRESETS / f"{path}.yaml"
    if not preset.is_file():
        message = f"there is no preset {path}, but {', '.join(presets())}; a file is named with its ending"
        raise ValueError(message)
    return preset


def _code_keys(text: SecretStr) -> SecretStr:
    pairs = [pair.partition(":") for pair in text.get_secret_value().split(",") if pair]
    names = [name.strip() for name, _, _ in pairs]
    if not all(_KEY_ID.fullmatch(name) and _is_key(key) for name, (_, _, key) in zip(names, pairs, strict=True)):
        message = "should be id:key, or several with commas between; a key is base64 of 32 bytes"
        raise ValueError(message)
    if len(set(names)) != len(names):
        message = "each key has an id of its own"
        raise ValueError(message)
    return text


def _code_key(text: SecretStr) -> SecretStr:
    if text.get_secret_value() and not _is_key(text.get_secret_value()):
        message = "should be base64 of 32 bytes"
        raise ValueError(message)
    return text


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == KEY_BYTES
    except ValueError:
        return False


class SettingsFileError(CxError):
    """The file of settings cannot be used; the text is one line for a person and repeats nothing of what is in it."""

    exit_code = EXIT_CONFIG


class KafkaSettings(TlsFiles):
    """Where Kafka is, and how to prove who we are."""

    bootstrap: Annotated[str, AfterValidator(_servers)] = "127.0.0.1:9092"
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    session_timeout_s: Annotated[float, Field(ge=1, le=300)] = 6.0
    heartbeat_s: Annotated[float, Field(gt=0, le=60)] = 0.5  # by the next one a worker learns that another has left

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse what would connect in another way than its writer believes."""
        if "SASL" not in self.security and (self.username or self.password):
            message = f"a username or password is given, but security {self.security} sends none"
            raise ValueError(message)
        if "SASL" in self.security and not (self.username and self.password):
            message = f"security {self.security} needs a username and a password"
            raise ValueError(message)
        self.refuse_unusable(tls="SSL" in self.security, asked_by="security SSL or SASL_SSL")
        return self

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context that `security` asks for, with host names checked, or None without TLS."""
        return self.context() if "SSL" in self.security else None

    def client_options(self) -> dict[str, Any]:
        """Return what every aiokafka client takes to connect."""
        options: dict[str, Any] = {"bootstrap_servers": self.bootstrap, "security_protocol": self.security}
        if context := self.ssl_context():
            options["ssl_context"] = context
        if "SASL" in self.security:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password.get_secret_value() if self.password else None,
            }
        return options


class RedisSettings(TlsFiles):
    """Where the read model is; `rediss://` means TLS, and an ACL user may be named."""

    url: Annotated[str, AfterValidator(_redis_url)] = "redis://127.0.0.1:6379/0"
    username: str | None = None
    password: SecretStr | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse what would connect in another way than its writer believes."""
        self.refuse_unusable(tls=self.is_tls, asked_by="a url with rediss://")
        return self

    @property
    def address(self) -> str:
        """Where it is, in words for a person: without user name and password."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path

    def client_options(self) -> dict[str, Any]:
        """Return what `redis.asyncio.from_url` takes beside the address."""
        options: dict[str, Any] = {"socket_timeout": self.timeout_s, "socket_connect_timeout": self.timeout_s}
        if self.username:
            options["username"] = self.username
        if self.password:
            options["password"] = self.password.get_secret_value()
        if self.is_tls:
            options |= {"ssl_check_hostname": True, "ssl_min_version": ssl.TLSVersion.TLSv1_2}
        for name, file in (("ca_certs", self.ca_file), ("certfile", self.cert_file), ("keyfile", self.key_file)):
            if file:
                options[f"ssl_{name}"] = str(file)
        return options

    @property
    def is_tls(self) -> bool:
        """Whether the address asks for TLS."""
        return self.url.startswith("rediss:")


class CodeSettings(BaseModel):
    """Keys of gift codes; only whoever imports codes, or shows them, has any.

    Attributes:
        keys: `id:key`, or several of them with commas between, each key base64 of 32 bytes. The first one is for new
            codes: to change it, put another one in front.
        identity: Base64 of 32 bytes, by which a code is known again; it never changes, else codes could come twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    keys: Annotated[SecretStr, AfterValidator(_code_keys)] = SecretStr("")
    identity: Annotated[SecretStr, AfterValidator(_code_key)] = SecretStr("")

    def by_id(self) -> dict[str, bytes]:
        """Return the keys by id, that for new codes first."""
        pairs = (pair.partition(":") for pair in self.keys.get_secret_value().split(",") if pair)
        return {name.strip(): b64decode(key) for name, _, key in pairs}

    def identity_key(self) -> bytes:
        """Return the key of identity, empty where there is none."""
        return b64decode(self.identity.get_secret_value())


class VendorSettings(BaseModel):
    """The vendor that `cx vendor` speaks for, and how patient it is.

    Attributes:
        name: As the catalogue has it.
        url: Where it is asked; `/orders` is added.
        token: Sent as a bearer token.
        timeout_s: For one try.
        tries: Before an order is given up.
        pause_s: After the first try; it doubles, up to `pause_max_s`.
        at_once: How many orders are with the vendor at the same time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(max_length=64)] = ""
    url: Annotated[str, AfterValidator(_http_url)] = ""
    token: SecretStr | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    tries: Annotated[int, Field(ge=1, le=50)] = 8
    pause_s: Annotated[float, Field(gt=0, le=60)] = 0.5
    pause_max_s: Annotated[float, Field(gt=0, le=3_600)] = 60.0
    at_once: Annotated[int, Field(ge=1, le=200)] = 8


class WebhookSettings(BaseModel):
    """How `cx webhooks run` delivers.

    Attributes:
        inside: Whether addresses of private networks and of this machine may be delivered to, and http:// without TLS.
        timeout_s: For one try, from the name's address to the answer.
        tries: Before a delivery is given up.
        pause_s: After the first try; each pause is five times the last one, up to `pause_max_s`.
        at_once: Deliveries to one endpoint at the same time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    inside: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 15.0
    tries: Annotated[int, Field(ge=1, le=50)] = 9
    pause_s: Annotated[float, Field(gt=0, le=3_600)] = 5.0
    pause_max_s: Annotated[float, Field(gt=0, le=86_400)] = 43_200.0
    at_once: Annotated[int, Field(ge=1, le=100)] = 8


class ApiSettings(BaseModel):
    """Where `cx serve` listens, and how much it lets a caller do.

    Attributes:
        listen: host:port. Other hosts than loopback need TLS, or `plain`.
        cert_file: Its certificate, with `key_file`: then it speaks TLS and nothing else.
        plain: Whether it may listen on other hosts without TLS, behind a proxy that ends TLS.
        calls_per_second: Of one token.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    listen: Annotated[str, AfterValidator(_listener)] = "127.0.0.1:8400"
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    plain: bool = False
    calls_per_second: Annotated[int, Field(ge=1, le=100_000)] = 200

    @model_validator(mode="after")
    def _safe(self) -> Self:
        """Refuse to have tokens sent over a network in the clear, unless somebody says so."""
        if (self.cert_file is None) != (self.key_file is None):
            message = "cert_file and key_file go together"
            raise ValueError(message)
        if not (self.is_tls or self.plain or _is_loopback(self.host)):
            message = "listening on other than loopback needs cert_file and key_file, or plain where a proxy has TLS"
            raise ValueError(message)
        return self

    @property
    def is_tls(self) -> bool:
        """Whether it speaks TLS."""
        return self.cert_file is not None

    @property
    def host(self) -> str:
        """The host it listens on, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.listen.rpartition(":")[2])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Settings(BaseSettings):
    """One worker's settings.

    Attributes:
        app: Kafka group of the workers, and first part of the changelogs' names.
        policy: A file, or one of the presets that come along: `retail-vn`, `minimal`.
        clock: Who writes ticks: the `owner` of a partition, or an `external` producer (a generator, an import).
        partitions: Partitions of each topic of the customer lane; final once events are in.
        stuck_seconds: After so long `/live` says of a worker that has work, and of which nothing moves, that it is not.
        metrics: Where a worker answers Prometheus, host:port; without it nowhere.
        weeks: How many weeks of customers' levels and scores `cx aggregate` remembers for reports.
    """

    model_config = SettingsConfigDict(
        hide_input_in_errors=True,
        env_prefix="CX_",
        env_nested_delimiter="__",
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
    )

    app: str = "cx"
    policy: Annotated[Path, AfterValidator(policy_path)] = Path("retail-vn")
    data: Path = Path(".cx")
    clock: Literal["owner", "external"] = "owner"
    tick_seconds: Annotated[float, Field(ge=0.2, le=3600)] = 1.0
    partitions: Annotated[int, Field(ge=1, le=1_000)] = CUSTOMER_PARTITIONS
    stuck_seconds: Annotated[float, Field(ge=5, le=3_600)] = 60.0
    metrics: Annotated[str | None, AfterValidator(_listener)] = None
    weeks: Annotated[int, Field(ge=2, le=1_000)] = 104
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    codes: CodeSettings = CodeSettings()
    vendor: VendorSettings = VendorSettings()
    webhooks: WebhookSettings = WebhookSettings()
    api: ApiSettings = ApiSettings()

    @model_validator(mode="after")
    def _no_unknown_variables(self) -> Self:
        """Refuse a misspelt variable: taken for a default, it would be found out in production."""
        known = {name.upper() for name in type(self).model_fields} | OTHER_VARIABLES
        found = {name.removeprefix(PREFIX).split("__")[0] for name in os.environ if name.startswith(PREFIX)}
        if unknown := sorted(found - known):
            message = f"there is no {', '.join(PREFIX + name for name in unknown)}"
            raise ValueError(message)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Rank the sources: arguments, environment, then the TOML file that `CX_CONFIG` names (`cx.toml`)."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _file_source(settings_cls)


def _file_source(settings_cls: type[BaseSettings]) -> TomlConfigSettingsSource:
    """Return what the file says.

    Raises:
        SettingsFileError: it is named and not there, or cannot be read.
    """
    named = os.environ.get("CX_CONFIG")
    file = Path(named or "cx.toml")
    if named and not file.exists():
        message = f"CX_CONFIG: there is no file {named}"
        raise SettingsFileError(message)
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return TomlConfigSettingsSource(settings_cls, toml_file=file)
    except tomllib.TOMLDecodeError as error:
        reason = f"is no TOML: {error}"
    except (OSError, UnicodeDecodeError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"
    message = f"settings file {file} {reason}"
    raise SettingsFileError(message)
