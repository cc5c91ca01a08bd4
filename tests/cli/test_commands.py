"""The commands as a person types them, where no server is needed: what they refuse, in one line."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from cli.tail import NAMES
from tests.commands import Said, typed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cx = Callable[..., "Said"]

NOWHERE = {"CX_KAFKA__BOOTSTRAP": "127.0.0.1:1", "CX_REDIS__URL": "redis://user:pass-w0rd@127.0.0.1:1/0"}


@pytest.fixture
def cx(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cx:
    """What runs `cx` with arguments, in this process: starting one takes longer than the command."""
    for name, value in {**NOWHERE, "CX_CONFIG": os.devnull}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Said:
        return typed(monkeypatch, capsys, *arguments)

    return run


def test_tail_offers_the_outputs_of_the_customers_lane() -> None:
    assert NAMES == (
        "cx.tier-changes",
        "cx.level-changes",
        "cx.rewards",
        "cx.points",
        "cx.care",
        "cx.dead-letters",
    )


@pytest.mark.parametrize("topic", ["cx.purchases", "nonsense"])
def test_tail_refuses_what_is_no_output(cx: Cx, topic: str) -> None:
    said = cx("tail", topic)

    assert said.returncode == 2
    assert f"{topic} is no output topic; there are: cx.tier-changes" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("customer", "lan"), "cx: Redis at 127.0.0.1:1 does not answer as it should (ConnectionError): is it running"),
        (("tail", "--limit", "1"), "cx: Kafka at 127.0.0.1:1 does not answer as it should (ConnectionRefusedError)"),
        (("worker",), "cx: Kafka at 127.0.0.1:1 does not answer as it should (ConnectionRefusedError)"),
        (("topics", "check"), "cx: Kafka at 127.0.0.1:1 does not answer as it should (ConnectionRefusedError)"),
        (("generate", "--seconds", "1"), "cx: Kafka at 127.0.0.1:1 does not answer as it should"),
    ],
)
def test_a_server_that_is_away_is_said_in_one_line_without_its_password(
    cx: Cx, arguments: tuple[str, ...], line: str
) -> None:
    said = cx(*arguments)

    assert said.returncode == 1
    assert said.stderr.startswith(line)
    assert said.stderr.count("\n") == 1
    assert "pass-w0rd" not in said.stderr


def test_a_misspelt_variable_and_a_wrong_value_are_one_line_each(cx: Cx, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, line in (
        ("CX_REDDIS__URL", "cx: there is no CX_REDDIS\n"),
        ("CX_KAFKA__PASWORD", "cx: there is no setting kafka.pasword, neither in a file nor as CX_KAFKA__PASWORD\n"),
        ("CX_KAFKA__SECURITY", "cx: setting kafka.security: Input should be 'PLAINTEXT', 'SSL', "),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, "pass-w0rd")
            said = cx("topics", "check")

        assert said.returncode == 78
        assert said.stderr.startswith(line)
        assert said.stderr.count("\n") == 1
        assert "pass-w0rd" not in said.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--out", "/dev/full"), "cx: /dev/full cannot be written (No space left on device)"),
        (("--out", "{}/no/x"), "cx: {}/no/x cannot be written (No such file or directory)"),
        (("--manifest", "{}/no/m"), "cx: {}/no/m cannot be written (No such file or directory)"),
        (("--out", "{}/x", "--rate", "nan"), "cx: rate, seconds and shares are numbers"),
        (("--out", "{}/x", "--now", "0001-01-01T00:00:00Z"), "cx: the run's instant lies in the years 1920 to 8979"),
        (("--out", "{}/x", "--now", "9999-12-31T23:59:59Z"), "cx: the run's instant lies in the years 1920 to 8979"),
        (("--out", "{}/x", "--seconds", "inf"), "cx: rate, seconds and shares are numbers"),
        (("--out", "{}/x", "--late-share", "nan"), "cx: rate, seconds and shares are numbers"),
    ],
)
def test_traffic_that_cannot_be_written_is_one_line(
    cx: Cx, arguments: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    said = cx("generate", "--rate", "0", "--events", "2000", *(word.format(tmp_path) for word in arguments))

    assert (said.returncode, said.stderr) == (1, line.format(tmp_path) + "\n")


def test_traffic_and_its_manifest_are_two_files(cx: Cx, tmp_path: Path) -> None:
    said = cx("generate", "--rate", "0", "--events", "9", "--out", f"{tmp_path}/x", "--manifest", f"{tmp_path}/./x")

    assert (said.returncode, list(tmp_path.iterdir())) == (2, [])
    assert said.stderr == f"cx: {tmp_path}/./x: cannot be written for two things at the same time\n"


def test_a_manifest_may_go_to_standard_output(cx: Cx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = ("generate", "--rate", "0", "--events", "9", "--manifest", "-")
    assert json.loads(cx(*run, "--out", "x").stdout)["records"] == 9
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    both = cx(*run, "--out", "-")
    assert (both.returncode, both.stdout) == (2, "")


def test_what_a_manifest_says_makes_the_same_traffic_again(cx: Cx, tmp_path: Path) -> None:
    told = ("--rate", "0", "--events", "500", "--customers", "50", "--span", "90d", "--seed", "5")
    assert cx("generate", *told, "--out", f"{tmp_path}/first", "--manifest", f"{tmp_path}/m").returncode == 0
    now = json.loads((tmp_path / "m").read_bytes())["options"]["now"]
    assert cx("generate", *told, "--out", f"{tmp_path}/again", "--now", now).returncode == 0
    assert (tmp_path / "again").read_bytes() == (tmp_path / "first").read_bytes()
    for wrong in ("2026-03-01", "noon"):
        said = cx("generate", *told, "--out", f"{tmp_path}/x", "--now", wrong)
        assert (said.returncode, f"{wrong} is no instant such as 2026-03-01T10:00:00+07:00" in said.stderr) == (2, True)


@pytest.mark.parametrize("customer", ["", "\udcff", "x" * 65])
def test_what_can_be_no_customer_is_said_without_repeating_it(cx: Cx, customer: str) -> None:
    said = cx("customer", customer)

    assert (said.returncode, said.stderr) == (1, "no such customer: an id is 1 to 64 bytes of UTF-8\n")


def test_a_demo_that_cannot_be_is_refused_before_anything_starts(cx: Cx, tmp_path: Path) -> None:
    said = cx("demo", "--span", "5s", "--root", str(tmp_path / "demo"))

    assert (said.returncode, said.stderr) == (1, "cx: a span is at least a minute\n")
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("name", ["kept", ""])
def test_a_demo_never_empties_what_is_not_its_own(cx: Cx, name: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    said = cx("demo", "--root", str(tmp_path / name) if not name else str(tmp_path))

    assert said.returncode == 1
    assert said.stderr.count("\n") == 1
    assert [found.name for found in tmp_path.iterdir()] == ["thesis.txt"]
