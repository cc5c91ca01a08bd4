"""Settings of every process: `CX_` environment variables over a TOML file over defaults. Imports no Faust."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from schemas.topics import CUSTOMER_PARTITIONS

EXIT_CONFIG: Final = 78  # a process ends with it where settings, policy or topics are wrong
PREFIX: Final = "CX_"
OTHER_VARIABLES: Final = frozenset({"CONFIG", "EXAMPLES"})  # which file to read; how many examples tests make


class KafkaSettings(BaseModel):
    """Where Kafka is, and how to prove who we are."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bootstrap: str = "127.0.0.1:9092"
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    session_timeout_s: Annotated[float, Field(ge=1, le=300)] = 6.0
    heartbeat_s: Annotated[float, Field(gt=0, le=60)] = 1.5

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context that `security` asks for, with host names checked, or None without TLS."""
        return _tls(self.ca_file, self.cert_file, self.key_file) if "SSL" in self.security else None

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


class RedisSettings(BaseModel):
    """Where the read model is; `rediss://` means TLS, and an ACL user may be named."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = "redis://127.0.0.1:6379/0"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0

    def client_options(self) -> dict[str, Any]:
        """Return what `redis.asyncio.from_url` takes beside the address."""
        options: dict[str, Any] = {"socket_timeout": self.timeout_s, "socket_connect_timeout": self.timeout_s}
        if self.username:
            options["username"] = self.username
        if self.password:
            options["password"] = self.password.get_secret_value()
        if self.ca_file:
            options["ssl_ca_certs"] = str(self.ca_file)
        return options


class Settings(BaseSettings):
    """One worker's settings.

    Attributes:
        app: Kafka group of the workers, and first part of the changelogs' names.
        clock: Who writes ticks: the `owner` of a partition, or an `external` producer (a generator, an import).
        partitions: Partitions of each topic of the customer lane; final once events are in.
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
    policy: Path = Path("policies/retail-vn.yaml")
    data: Path = Path(".cx")
    clock: Literal["owner", "external"] = "owner"
    tick_seconds: Annotated[float, Field(ge=0.2, le=3600)] = 1.0
    partitions: Annotated[int, Field(ge=1, le=1_000)] = CUSTOMER_PARTITIONS
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()

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
        file = Path(os.environ.get("CX_CONFIG", "cx.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def _tls(ca_file: Path | None, cert_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert_file:
        context.load_cert_chain(cert_file, key_file)
    return context
