"""Settings: environment over file over defaults; secrets do not show; TLS is never half on."""

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.settings import KafkaSettings, RedisSettings, Settings


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cx.toml"
    file.write_text('app = "from-file"\npartitions = 3\n[kafka]\nbootstrap = "file:1"\nreplication = 3\n')
    monkeypatch.setenv("CX_CONFIG", str(file))
    monkeypatch.setenv("CX_APP", "from-environment")
    monkeypatch.setenv("CX_KAFKA__BOOTSTRAP", "environment:2")
    settings = Settings()
    assert (settings.app, settings.partitions) == ("from-environment", 3)
    assert (settings.kafka.bootstrap, settings.kafka.replication) == ("environment:2", 3)
    assert settings.clock == "owner"


def test_a_setting_with_an_underscore_in_its_name_can_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CX_KAFKA__SESSION_TIMEOUT_S", "9")
    monkeypatch.setenv("CX_TICK_SECONDS", "2.5")
    settings = Settings()
    assert (settings.kafka.session_timeout_s, settings.tick_seconds) == (9, 2.5)


@pytest.mark.parametrize(
    ("name", "wrong"), [("CX_CLOCK", "sundial"), ("CX_PARTITIONS", "0"), ("CX_KAFKA__SECURITY", "x")]
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, wrong: str) -> None:
    monkeypatch.setenv(name, wrong)
    with pytest.raises(ValidationError):
        Settings()


def test_an_unknown_key_in_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cx.toml"
    file.write_text("partitons = 3\n")
    monkeypatch.setenv("CX_CONFIG", str(file))
    with pytest.raises(ValidationError):
        Settings()


def test_passwords_do_not_show_in_a_printed_setting() -> None:
    kafka = KafkaSettings.model_validate({"password": "s3cret"})
    redis = RedisSettings.model_validate({"password": "s3cret"})
    assert "s3cret" not in f"{kafka!r}{redis!r}{kafka.model_dump_json()}"


def test_sasl_over_tls_reaches_the_client_with_host_names_checked() -> None:
    kafka = KafkaSettings.model_validate({"security": "SASL_SSL", "username": "cx", "password": "s3cret"})
    options = kafka.client_options()
    context = options["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert (options["sasl_mechanism"], options["sasl_plain_password"]) == ("SCRAM-SHA-512", "s3cret")


def test_without_tls_no_context_is_sent_along() -> None:
    assert KafkaSettings().client_options() == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "PLAINTEXT",
    }


def test_an_acl_user_and_its_ca_reach_the_redis_client() -> None:
    redis = RedisSettings.model_validate({"username": "cx", "password": "s3cret", "ca_file": Path("/ca.pem")})
    assert redis.client_options() == {
        "socket_timeout": 5.0,
        "socket_connect_timeout": 5.0,
        "username": "cx",
        "password": "s3cret",
        "ssl_ca_certs": "/ca.pem",
    }


def test_a_misspelt_variable_is_refused_and_its_value_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CX_NOPE", "CX_KAFKA__PASWORD"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "hunter2")
            with pytest.raises(ValidationError) as refused:
                Settings()
            assert "hunter2" not in str(refused.value)
