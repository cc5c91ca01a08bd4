"""`cx generate` into a file: lines, manifest, and complaints in one line."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from cli.generate import command
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
