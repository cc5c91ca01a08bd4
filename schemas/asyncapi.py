"""The AsyncAPI 3.0 document: every topic, what it carries, under which key, for how long, and how it is to be read."""

import inspect
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from schemas import desk, inputs, outputs, vendors
from schemas.dead_letters import HEADERS as DEAD_LETTER_HEADERS
from schemas.envelope import STRUCTURED, Envelope
from schemas.output import OutputEnvelope
from schemas.reader import Reader
from schemas.topics import DEAD_LETTERS, POLICIES, TOPICS, Cleanup, Role, Topic

SPECIFICATION: Final = "3.0.0"
BINDING: Final = "0.5.0"
COMMITTED: Final = {"isolation.level": "read_committed"}
READERS: Final[Mapping[str, Reader[Any]]] = MappingProxyType(
    {**inputs.READERS, **desk.READERS, **vendors.READERS, **outputs.READERS}
)
_SCHEMAS: Final = "#/components/schemas/"
_KEYLESS: Final = "none"
_DESCRIPTION: Final = (
    "cxstream reads events of customers and says when a tier changes or a reward is due. Everything is a CloudEvent. "
    "Whoever subscribes reads committed (isolation.level=read_committed), else they see what a failed transaction left "
    "behind. The pair of source and id names an event: the same again is the same event."
)
_ROLES: Final = {
    Role.INPUT: "Read by cxstream, committed.",
    Role.OUTPUT: "Written by cxstream in transactions: subscribe with isolation.level=read_committed.",
    Role.CHANGELOG: "Internal: cxstream's own state, in a form that changes with versions. Nobody else writes to it.",
}
_CUSTOMARY: Final = {POLICIES: "Kept for the policies in force; nothing is read from it yet."}


def document() -> dict[str, Any]:
    """Return the document, ready to be written as JSON."""
    names, schemas = _schemas()
    return {
        "asyncapi": SPECIFICATION,
        "info": {
            "title": "cxstream",
            "version": version("cxstream"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": STRUCTURED.decode(),
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "variables": {
                    "bootstrap": {"default": "127.0.0.1:9092", "description": "As in CX_KAFKA__BOOTSTRAP."},
                },
            }
        },
        "channels": {topic.name: _channel(topic, names) for topic in TOPICS.values()},
        "operations": dict(filter(None, map(_operation, TOPICS.values()))),
        "components": {"schemas": schemas},
    }


def _schemas() -> tuple[dict[type[Envelope], str], dict[str, Any]]:
    """Return the name of each event's schema, and all schemas by name."""
    events = [event for reader in READERS.values() for event in reader.types.values()]
    found, told = models_json_schema(
        [(event, "validation") for event in dict.fromkeys(events)], ref_template=_SCHEMAS + "{model}"
    )
    names = {model: str(ref["$ref"]).removeprefix(_SCHEMAS) for (model, _), ref in found.items()}
    schemas: dict[str, Any] = _plain(told["$defs"])
    for event, name in names.items():
        if issubclass(event, OutputEnvelope):
            # Defaults spare us writing them; a reader finds these attributes in every event.
            schemas[name]["required"] = sorted({*schemas[name]["required"], "specversion", "source", "type"})
    return {event: names[event] for event in events}, schemas


def _plain(schema: Any) -> Any:  # noqa: ANN401  # JSON
    """Return *schema* without OpenAPI's discriminators, which in AsyncAPI have another form; `const` says the same."""
    if isinstance(schema, dict):
        drop = isinstance(schema.get("discriminator"), dict)
        return {name: _plain(part) for name, part in schema.items() if not (drop and name == "discriminator")}
    return [_plain(part) for part in schema] if isinstance(schema, list) else schema


def _channel(topic: Topic, names: Mapping[type[Envelope], str]) -> dict[str, Any]:
    messages = dict(_messages(topic, names))
    return {
        "address": topic.name,
        "title": topic.name,
        "description": " ".join(filter(None, (_ROLES[topic.role], _CUSTOMARY.get(topic.name), f"Key: {topic.key}."))),
        **({"messages": messages} if messages else {}),
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions(),
                "topicConfiguration": _configuration(topic),
                "bindingVersion": BINDING,
            }
        },
        "x-lane": topic.lane.value,
        "x-consumer-config": COMMITTED,
    }


def _configuration(topic: Topic) -> dict[str, Any]:
    settings = topic.config()
    numbers: dict[str, int] = {
        name: int(settings[name]) for name in ("retention.ms", "delete.retention.ms") if name in settings
    }
    return {
        "cleanup.policy": [topic.cleanup.value],
        **numbers,
        "max.message.bytes": topic.batch_bytes_max,
        **({"retention.ms": -1} if topic.cleanup is Cleanup.COMPACT else {}),
    }


def _messages(topic: Topic, names: Mapping[type[Envelope], str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if topic.name == DEAD_LETTERS:
        yield "dead-letter", _dead_letter(topic)
    elif topic.name in READERS:
        for kind, event in READERS[topic.name].types.items():
            yield (
                kind,
                {
                    "name": kind,
                    "title": kind,
                    "summary": (inspect.getdoc(event) or "").partition("\n")[0],
                    "contentType": STRUCTURED.decode(),
                    "payload": {"$ref": _SCHEMAS + names[event]},
                    **_keyed(topic),
                },
            )


def _dead_letter(topic: Topic) -> dict[str, Any]:
    return {
        "name": "dead-letter",
        "title": "A refused record",
        "summary": "The record as it came; headers say from where, and why it was refused.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": {key: {"type": "string"} for key in DEAD_LETTER_HEADERS}},
        "payload": {"description": "Whatever was sent: bytes of any kind, cut after 64 KiB where they are too many."},
        **_keyed(topic),
    }


def _keyed(topic: Topic) -> dict[str, Any]:
    if topic.key == _KEYLESS:
        return {}
    key = {"type": "string", "description": topic.key}
    return {"bindings": {"kafka": {"key": key, "bindingVersion": BINDING}}}


def _operation(topic: Topic) -> tuple[str, dict[str, Any]] | None:
    """Return what cxstream does with a topic that others may write to or read."""
    if topic.role is Role.CHANGELOG or (topic.name not in READERS and topic.name != DEAD_LETTERS):
        return None
    action = "send" if topic.is_output else "receive"
    return f"{action}-{topic.name}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": _ROLES[topic.role],
    }
