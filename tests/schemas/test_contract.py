"""The published contract: current, and of one mind with the models."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import contract, desk, inputs, outputs, vendors
from schemas.envelope import encode
from schemas.outputs import OutputEvent
from tests.schemas.samples import LEAST, MORE, changed, full, least, without
from tests.schemas.test_bounds import BOUNDS, case_name
from tests.schemas.test_outputs import OUTPUTS

# What JSON Schema has no words for; the folder's README tells it.
UNSAYABLE = {
    ("data.lines.0.quantity", "1.0"),  # to JSON Schema 1.0 is an integer
    ("data.referred", "é" * 32 + "x"),  # it counts characters, not bytes
    ("data.referred", "\0x"),
    ("time", "1899-12-31T23:59:59Z"),  # it has no order of times, nor a calendar
    ("time", "9000-01-01T00:00:00Z"),
    ("time", "2025-02-29T00:00:00Z"),
    ("time", "2025-01-01T24:00:00Z"),
    ("data.joined", "2025-02-29"),
    ("data.joined", "1899-12-31"),
    ("data.joined", "9000-01-01"),
}
REPEATED_LINES = ("purchase.completed", "data.lines", 2)


@cache
def published(side: str, name: str) -> Draft202012Validator:
    """Return the validator of the committed file of one type."""
    schema = json.loads((contract.FOLDER / side / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_committed_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert contract.stale() == []
    assert contract.main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_there_is_one_file_a_type_and_a_table() -> None:
    paths = {path.relative_to(contract.FOLDER).as_posix() for path in contract.FOLDER.glob("**/*.*")}
    sides = {"in": inputs.TOPIC_OF, "desk": desk.TOPIC_OF, "out": outputs.TOPIC_OF}
    types = {f"{side}/{name}.json" for side, topics in sides.items() for name in topics}
    types |= {f"desk/{name}.json" for reader in vendors.READERS.values() for name in reader.types}
    assert paths == types | {"README.md", "asyncapi.json", "policy.schema.json", "topics.md"}


def test_a_changed_a_missing_and_a_forgotten_file_are_noticed_and_put_right(tmp_path: Path) -> None:
    contract.write(tmp_path)
    assert contract.stale(tmp_path) == []
    (tmp_path / "in" / "case.opened.json").write_text("{}", encoding="utf-8")
    (tmp_path / "in" / "case.closed.json").write_text("{}", encoding="utf-8")
    (tmp_path / "out" / "care.alerted.json").unlink()
    (tmp_path / "topics.md").unlink()
    (tmp_path / "README.md").write_text("not ours", encoding="utf-8")
    noticed = ["in/case.closed.json", "in/case.opened.json", "out/care.alerted.json", "topics.md"]
    assert contract.stale(tmp_path) == noticed
    contract.write(tmp_path)
    assert contract.stale(tmp_path) == []
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "not ours"


def test_a_stale_contract_fails_the_check_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contract.stale, "__defaults__", (tmp_path,))
    assert contract.main(["--check"]) == 1
    assert "in/case.opened.json" in capsys.readouterr().err


def test_two_runs_write_the_same() -> None:
    assert contract.files() == contract.files()


@pytest.mark.parametrize("name", LEAST)
def test_schemas_accept_what_the_models_accept(name: str) -> None:
    published("in", name).validate(least(name))
    published("in", name).validate(full(name))
    published("in", name).validate({**full(name), "unknown": 1})


@pytest.mark.parametrize(("name", "path", "inside", "outside"), BOUNDS, ids=case_name)
def test_schemas_draw_the_same_bounds_as_the_models(name: str, path: str, inside: Any, outside: Any) -> None:
    published("in", name).validate(changed(full(name), path, inside))
    refused = not published("in", name).is_valid(changed(full(name), path, outside))
    repeated = isinstance(outside, list) and (name, path, len(outside)) == REPEATED_LINES
    assert refused is not ((path, str(outside)) in UNSAYABLE or repeated)


def test_a_schema_refuses_a_time_without_an_offset() -> None:
    assert not published("in", "case.opened").is_valid({**least("case.opened"), "time": "2025-03-01T10:00:00"})


@pytest.mark.parametrize("name", LEAST)
def test_schemas_require_what_the_models_require(name: str) -> None:
    whole = least(name)
    for path in [*whole, *(f"data.{field}" for field in LEAST[name])]:
        if (name, path) != ("clock.ticked", "data"):
            assert not published("in", name).is_valid(without(whole, path)), path


@pytest.mark.parametrize("event", OUTPUTS, ids=lambda event: event.type)
def test_what_we_write_fits_its_schema_and_names_itself(event: OutputEvent) -> None:
    whole = json.loads(encode(event))
    published("out", event.type).validate(whole)
    for path in ("specversion", "id", "source", "type", "time", "subject", "data"):
        assert not published("out", event.type).is_valid(without(whole, path)), path


@pytest.mark.parametrize("name", LEAST)
def test_the_fullest_samples_leave_no_field_out(name: str) -> None:
    schema = contract.schema_of(inputs.READERS[inputs.TOPIC_OF[name]].types[name])
    assert set(full(name)) == set(schema["properties"]) - ({"subject"} if name == "clock.ticked" else set())
    shapes = [
        shape["properties"]
        for title, shape in schema["$defs"].items()
        if title.endswith(("Data", "NpsFeedback")) and "properties" in shape
    ]
    assert [set(shape) for shape in shapes] == [{*LEAST[name], *MORE.get(name, ())}]
