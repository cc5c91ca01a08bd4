"""`cx generate` into a file: lines, manifest, and complaints in one line."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from cli.generate import command
from cli.offline import OptionError
from ops.traffic.errors import OptionsError
from ops.traffic.manifest import Manifest


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_lines_go_to_a_file_and_the_manifest_tells_of_them(tmp_path: Path) -> None:
    file, manifest = tmp_path / "events.jsonl", tmp_path / "manifest.json"
    done = run("--events", "500", "--span", "40d", "--out", str(file), "--manifest", str(manifest), "--seed", "9")
    made = Manifest.read(manifest)
    assert (done.exit_code, made.records, made.ticks) == (0, 500, 40 * 24)
    assert (made.options["seed"], made.options["medium"], made.options["span"]) == (9, "file", 40 * 86_400)
    assert len(file.read_bytes().splitlines()) == 500 + 40 * 24
    assert done.stderr.startswith("500 records in ")


@pytest.mark.parametrize(("policy", "words"), [("retail-vn", True), ("minimal", False)])
def test_customers_use_gifts_of_the_programme_that_is_named(tmp_path: Path, policy: str, *, words: bool) -> None:
    manifest = tmp_path / "manifest.json"
    run(
        *("--rate", "0", "--events", "1500", "--customers", "200", "--span", "400d", "--no-ticks"),
        *("--policy", policy, "--out", str(tmp_path / "events.jsonl"), "--manifest", str(manifest)),
    )
    made = Manifest.read(manifest)
    assert ({"reward.chosen", "gift.delivered", "gift.redeemed"} <= made.events.keys()) is words
    assert (made.options["programme"]["name"] == "retail-vn") is words


def test_a_programme_that_there_is_not_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no preset nope"):
        run("--policy", "nope", "--out", str(tmp_path / "x"))
    assert not list(tmp_path.iterdir())


def test_a_dash_is_standard_output_and_nothing_else_stands_there() -> None:
    done = run("--rate", "100", "--seconds", "3", "--out", "-", "--poison-share", "0", "--no-ticks")
    lines = [orjson.loads(line) for line in done.stdout_bytes.splitlines()]
    assert len(lines) == 300
    assert {line["specversion"] for line in lines} == {"1.0"}
    assert "clock.ticked" not in {line["type"] for line in lines}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--span", "a year"), "such as 400d"),
        (("--rate", "0"), "needs a number of events"),
        (("--poison-share", "2"), "each share"),
        (("--events", "100000", "--customers", "10"), "raise customers or span"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(OptionsError, match=complaint):
        run(*arguments, "--out", "-")
