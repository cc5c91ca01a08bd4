"""The published contract: JSON Schemas of events and of the policy file, the table of topics, the AsyncAPI document.

They are files under `docs/contract/`: `python -m schemas.contract --write` writes them, `--check` says which are not
current.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from schemas import asyncapi, desk, inputs, outputs, vendors
from schemas.envelope import Envelope
from schemas.output import OutputEnvelope
from schemas.policy import Policy
from schemas.reader import Reader
from schemas.topics import TOMBSTONE_DAYS, TOPICS, Cleanup, Topic

FOLDER: Final = Path(__file__).parent.parent / "docs" / "contract"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
POLICY_SCHEMA: Final = "policy.schema.json"
ASYNCAPI: Final = "asyncapi.json"
SINGLE: Final = frozenset({POLICY_SCHEMA, ASYNCAPI, "topics.md"})  # beside the folders


def schema_of(event: type[Envelope]) -> dict[str, Any]:
    """Return the JSON Schema of one event as it is written on its topic."""
    schema = event.model_json_schema()
    if issubclass(event, OutputEnvelope):
        # Defaults spare us writing them; a reader finds these attributes in every event.
        schema["required"] = sorted({*schema["required"], "specversion", "source", "type"})
    return {"$schema": DIALECT, **schema}


def policy_schema() -> dict[str, Any]:
    """Return the JSON Schema of the policy file, as editors use it."""
    return {"$schema": DIALECT, **Policy.model_json_schema(), "title": "Policy of a loyalty programme"}


def text_of(schema: Mapping[str, Any]) -> str:
    """Return a schema as its published file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def files() -> dict[str, str]:
    """Return the text of each published file by its path under the folder."""
    return {
        **dict(_schemas("in", inputs.READERS)),
        **dict(_schemas("desk", desk.READERS)),
        **dict(_schemas("desk", vendors.READERS)),
        **dict(_schemas("out", outputs.READERS)),
        POLICY_SCHEMA: text_of(policy_schema()),
        ASYNCAPI: text_of(asyncapi.document()),
        "topics.md": _table(),
    }


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the paths under *folder* that are missing, differ from the models or belong to no event any more."""
    wanted = files()
    found = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.json")} | SINGLE
    return sorted(path for path in found | wanted.keys() if _text(folder / path) != wanted.get(path))


def write(folder: Path = FOLDER) -> None:
    """Bring *folder* up to date."""
    wanted = files()
    for path in stale(folder):
        if path not in wanted:
            (folder / path).unlink()
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(wanted[path], encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the files; 1 when a check finds one that is not current."""
    parser = argparse.ArgumentParser(description="Publish the contract of events, topics and the policy file.")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="bring the files up to date")
    action.add_argument("--check", action="store_true", help="name the files that are not")
    options = parser.parse_args(arguments)
    if options.write:
        write()
        return 0
    paths = stale()
    if paths:
        sys.stderr.write("not current, run `python -m schemas.contract --write`: " + ", ".join(paths) + "\n")
    return 1 if paths else 0


def _schemas(side: str, readers: Mapping[str, Reader[Any]]) -> Iterator[tuple[str, str]]:
    for reader in readers.values():
        for name, event in reader.types.items():
            yield f"{side}/{name}.json", text_of(schema_of(event))


def _table() -> str:
    header = (
        "# Topics\n\n"
        "Made from `schemas/topics.py` by `python -m schemas.contract --write`. Partition counts are\n"
        "defaults: they are set once, before the first event, and are equal over a lane.\n\n"
        "| topic | lane | role | partitions | key | kept | cleanup | largest batch | types |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    return header + "".join(_row(topic) for topic in TOPICS.values())


def _row(topic: Topic) -> str:
    reader = asyncapi.READERS.get(topic.name)
    if topic.cleanup is Cleanup.COMPACT:
        kept = f"newest per key, tombstones {TOMBSTONE_DAYS} day"
    else:
        kept = "for ever" if topic.retention_days is None else f"{topic.retention_days} days"
    cells = (
        f"`{topic.name}`",
        topic.lane,
        topic.role,
        str(topic.partitions()),
        topic.key,
        kept,
        topic.cleanup,
        f"{topic.batch_bytes_max // 1024} KiB",
        ", ".join(f"`{name}`" for name in reader.types) if reader else "",
    )
    return "| " + " | ".join(cells) + " |\n"


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
