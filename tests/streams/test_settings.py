"""Settings: environment over file over defaults; secrets do not show; TLS is never half on."""

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.settings import KafkaSettings, RedisSettings, Settings, SettingsFileError
from tests.integration.certificates import Authority


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


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            b"partitions = 1 2",
            "is no TOML: Expected newline or end of document after a statement (at line 1, column 16)",
        ),
        (b'app = "\xff"', "cannot be read: it is not UTF-8"),
        (None, "cannot be read: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line(
    written: bytes | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cx.toml"
    if written is None:
        file.mkdir()
    else:
        file.write_bytes(written)
    monkeypatch.setenv("CX_CONFIG", str(file))
    with pytest.raises(SettingsFileError) as refused:
        Settings()
    assert (str(refused.value), refused.value.exit_code) == (f"settings file {file} {told}", 78)


def test_a_file_that_is_named_has_to_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().app == "cx"  # nobody has to have one
    monkeypatch.setenv("CX_CONFIG", "nowhere.toml")
    with pytest.raises(SettingsFileError, match=r"^CX_CONFIG: there is no file nowhere\.toml$"):
        Settings()


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
    kafka = KafkaSettings.model_validate({"security": "SASL_SSL", "username": "cx", "password": "s3cret"})
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


def test_an_acl_user_and_the_files_for_tls_reach_the_redis_client(tmp_path: Path) -> None:
    named = {"username": "cx", "password": "s3cret"}
    assert RedisSettings.model_validate(named).client_options() == {
        "socket_timeout": 5.0,
        "socket_connect_timeout": 5.0,
        "username": "cx",
        "password": "s3cret",
    }
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("worker")
    files = {"ca_file": authority.ca_file, "cert_file": certificate, "key_file": key}
    tls = RedisSettings.model_validate({"url": "rediss://redis.example", **files})
    assert tls.client_options() == {
        "socket_timeout": 5.0,
        "socket_connect_timeout": 5.0,
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": str(authority.ca_file),
        "ssl_certfile": str(certificate),
        "ssl_keyfile": str(key),
    }


@pytest.mark.parametrize(
    ("model", "given", "reason"),
    [
        (KafkaSettings, {"username": "cx"}, "is given, but security PLAINTEXT sends none"),
        (KafkaSettings, {"security": "SSL", "password": "s3cret"}, "is given, but security SSL sends none"),
        (KafkaSettings, {"security": "SASL_SSL"}, "security SASL_SSL needs a username and a password"),
        (KafkaSettings, {"security": "SASL_PLAINTEXT", "username": "cx"}, "needs a username and a password"),
        (KafkaSettings, {"ca_file": __file__}, "only security SSL or SASL_SSL asks for TLS"),
        (RedisSettings, {"ca_file": __file__}, "only a url with rediss:// asks for TLS"),
        (KafkaSettings, {"security": "SSL", "key_file": __file__}, "key_file needs cert_file"),
        (KafkaSettings, {"security": "SSL", "ca_file": "/nowhere.pem"}, "does not point to a file"),
        (KafkaSettings, {"security": "SSL", "ca_file": __file__}, "cannot be used: .*no certificate"),
        (RedisSettings, {"url": "rediss://redis.example", "cert_file": __file__}, "cannot be used"),
    ],
)
def test_what_would_connect_otherwise_than_believed_is_refused_before_it_does(
    model: type[KafkaSettings | RedisSettings], given: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason) as refused:
        model.model_validate(given)
    assert "s3cret" not in str(refused.value)


def test_a_key_with_a_password_is_refused_instead_of_asking_for_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("worker", password="s3cret")
    with pytest.raises(ValidationError, match="cannot be used"):
        KafkaSettings(security="SSL", ca_file=authority.ca_file, cert_file=certificate, key_file=key)


@pytest.mark.parametrize(
    "wrong", ["", "host", "localhost:6379", "http://host", "redis://", "redis://u:s3cret@host:x/0"]
)
def test_what_is_no_address_of_redis_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(ValidationError, match=r"should be redis://host:port/number") as refused:
        RedisSettings(url=wrong)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("wrong", ["", ":9092", "kafka://host:1", "host:port", "a:1,", "a:1 b:2", "user@host:1"])
def test_what_are_no_servers_of_kafka_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="should be host:port"):
        KafkaSettings(bootstrap=wrong)


@pytest.mark.parametrize("wrong", ["", "9100", ":9100", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536"])
def test_where_nobody_can_listen_for_prometheus_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="should be host:port, where this process listens"):
        Settings(metrics=wrong)


def test_a_worker_answers_prometheus_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().metrics is None
    monkeypatch.setenv("CX_METRICS", "[::1]:9100")
    assert Settings().metrics == "[::1]:9100"


def test_several_servers_are_told_apart_by_commas() -> None:
    assert KafkaSettings(bootstrap="a.example:1, [::1]:2,b").bootstrap == "a.example:1,[::1]:2,b"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://user:s3cret@redis.example:7000/1", "redis.example:7000"),
        ("rediss://redis.example", "redis.example:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
    ],
)
def test_a_person_is_told_where_redis_is_and_nothing_secret(url: str, address: str) -> None:
    assert RedisSettings(url=url).address == address


def test_a_misspelt_variable_is_refused_and_its_value_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CX_NOPE", "CX_KAFKA__PASWORD"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "hunter2")
            with pytest.raises(ValidationError) as refused:
                Settings()
            assert "hunter2" not in str(refused.value)
