"""The AsyncAPI project's own parser has nothing against the document, and reads of it what it means."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from schemas import contract
from schemas.asyncapi import READERS
from schemas.topics import TOPICS
from tests.verify.npm import installed

PROJECT = Path(__file__).parent / "asyncapi"
# It recommends AsyncAPI 3.1, which came after the tools that most have.
LET_PASS = {"asyncapi-latest-version"}
ERROR = 0  # severity

pytestmark = [pytest.mark.verify, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(PROJECT, tmp_path_factory.mktemp("asyncapi"))


def parsed(project: Path, file: Path) -> dict[str, Any]:
    done = subprocess.run(["node", "check.js", file], cwd=project, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_document_is_valid_and_read_as_it_is_meant(project: Path) -> None:
    found = parsed(project, contract.FOLDER / contract.ASYNCAPI)

    assert [one for one in found["diagnostics"] if one["code"] not in LET_PASS] == []
    assert found["version"] == "3.0.0"
    types = {name: list(READERS[name].types) if name in READERS else [] for name in TOPICS}
    assert found["topics"] == types | {"cx.dead-letters": ["dead-letter"]}


@pytest.mark.parametrize("fault", ["partitions", "reference", "schema"])
def test_a_document_that_is_wrong_is_refused(fault: str, project: Path, tmp_path: Path) -> None:
    document = json.loads((contract.FOLDER / contract.ASYNCAPI).read_text("utf-8"))
    channel = document["channels"]["cx.rewards"]
    if fault == "partitions":
        channel["bindings"]["kafka"]["partitions"] = "twelve"
    elif fault == "reference":
        document["operations"]["send-cx.rewards"]["channel"]["$ref"] = "#/channels/nowhere"
    else:
        channel["messages"]["reward.issued"]["payload"] = {"type": "no type"}
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(document), "utf-8")

    assert ERROR in {one["severity"] for one in parsed(project, file)["diagnostics"]}
