"""Reads a policy from YAML text; every complaint names line, path and what would be allowed."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, BinaryIO, Final

import orjson
import yaml
from pydantic import ValidationError

from schemas.errors import CxError
from schemas.policy import Policy, ScoresPolicy

BYTES_MAX = 256 * 1024
DEPTH_MAX = 20
_TOO_LARGE: Final = f"larger than {BYTES_MAX} bytes"
_EMPTY: Final = ""  # no key takes it
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9_]*)")


class PolicyError(CxError):
    """A policy that cannot be used; `complaints` holds one line for each fault."""

    def __init__(self, name: str, complaints: list[str]) -> None:
        """Keep *complaints*, each already naming its line and path in the file *name*."""
        super().__init__("\n".join(f"{name}: {complaint}" for complaint in complaints))
        self.complaints = tuple(complaints)


def parse_policy(text: str, name: str = "policy") -> Policy:
    """Validate the YAML *text* of a policy file called *name*.

    Raises:
        PolicyError: the text is not YAML, too large, or not a policy; with one line a fault.
    """
    if len(text.encode(errors="replace")) > BYTES_MAX:
        raise PolicyError(name, [_TOO_LARGE])
    lines: dict[tuple[str | int, ...], int] = {(): 1}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = _Reader(lines).plain(node, ()) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise PolicyError(name, [f"line {mark.line + 1 if mark else '?'}: {error.problem}"]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise PolicyError(name, [f"line {line}: a character that YAML does not allow"]) from None
    except yaml.YAMLError as error:
        raise PolicyError(name, [f"not YAML: {type(error).__name__}"]) from None
    except RecursionError:  # the parser's own, before we see a node
        raise PolicyError(name, [f"nested deeper than {DEPTH_MAX} levels"]) from None
    except _RefusedError as error:
        raise PolicyError(name, [str(error)]) from None
    try:
        # JSON mode, so that YAML lists may fill tuples while numbers stay strict. YAML reads 2026-01-01 as a date;
        # policies have none, so the model says what it wants instead.
        return Policy.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise PolicyError(name, _complaints(error, lines)) from None


def read_policy(file: BinaryIO, name: str = "policy") -> Policy:
    """Validate what *file*, called *name*, holds; no more of it is read than a policy may have.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
        PolicyError: it is too large, or no policy.
    """
    raw = file.read(BYTES_MAX + 1)
    if len(raw) > BYTES_MAX:
        raise PolicyError(name, [_TOO_LARGE])
    return parse_policy(raw.decode(), name)


def policy_hash(policy: Policy) -> str:
    """Return the SHA-256, in hex, of the validated content, as far as it differs from the defaults.

    So a policy keeps its hash when a later version lets more be set.
    """
    return hashlib.sha256(policy.model_dump_json(exclude_defaults=True).encode()).hexdigest()


def first_hash(policy: Policy) -> str | None:
    """Return the hash that states of format 1 have of *policy*; None where it sets what could not be set then."""
    full = policy.model_dump(mode="json")
    tiers = full["tiers"]
    known = {part: full[part] for part in _FIRST_PARTS} | {
        "levels": [{"level": level["level"], "all": level["all"]} for level in full["levels"]],
        "tiers": {
            "ladder": [
                {
                    "name": rung["name"],
                    "enter": {measure: rung["enter"][measure] for measure in ("spend", "orders")},
                    "benefits": rung["benefits"],
                }
                for rung in tiers["ladder"]
            ],
            "window": {"rolling_days": tiers["window"]["rolling_days"]},
            "no_promotion_while": tiers["no_promotion_while"],
        },
        "rewards": [
            {"id": rule["id"], "when": {"tier_reached": rule["when"]["tier_reached"]}}
            | {name: rule[name] for name in ("every", "quantity", "gift")}
            for rule in full["rewards"]
        ],
    }
    try:
        if Policy.model_validate_json(orjson.dumps(known)) != policy:
            return None
    except ValidationError:
        return None
    if policy.scores.contributions == ScoresPolicy().contributions:  # of which one has come since
        moved = [item for item in known["scores"]["contributions"] if item["when"] != "seam"]
        known["scores"] = known["scores"] | {"contributions": moved}
    return hashlib.sha256(orjson.dumps(known)).hexdigest()


_FIRST_PARTS = (
    "format", "programme", "currency", "time_zone", "locale", "clock", "spend", "tiers", "scores", "sla_hours",
    "levels", "rewards",
)  # fmt: skip


class _RefusedError(Exception):
    """YAML that we do not take, although YAML allows it."""


class _Reader:
    """Turns YAML nodes into plain data, noting the line of every path."""

    def __init__(self, lines: dict[tuple[str | int, ...], int]) -> None:
        self.lines = lines
        self.scalars = yaml.SafeLoader("")
        self.seen: set[int] = set()

    def plain(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401  # YAML is any
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if len(path) > DEPTH_MAX:
            raise _refused(line, path, f"nested deeper than {DEPTH_MAX} levels")
        if id(node) in self.seen:
            # An alias: a few lines of them expand to billions of nodes.
            raise _refused(line, path, "anchors and aliases are not used in policies")
        self.seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            if not isinstance(key, str) or not _is_unicode(key):
                raise _refused(line, path, "a key is a plain word")
            if key in result:
                raise _refused(line, (*path, key), "stands twice; each key is allowed once")
            self.lines[(*path, key)] = line
            result[key] = self.plain(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401  # YAML is any
        """Return the value of a word, or the word where YAML would make of it what nobody meant.

        The model then says what it wants there.
        """
        text = node.value
        if not _is_unicode(text):
            raise _refused(node.start_mark.line + 1, path, "is no text; half of a surrogate pair is no character")
        try:
            value = self.scalars.construct_object(node)
        except ValueError:  # a day that no calendar has, an integer of thousands of digits
            return text
        if value is None and not text and path and isinstance(path[-1], str):
            # Nothing after the colon is a slip, and must not pass for leaving a bound out; for that `null` may stand.
            return _EMPTY
        if isinstance(value, int) and not isinstance(value, bool) and not _INT.fullmatch(text):
            return text  # 0100 would be 64, and 1:30 would be 90
        if isinstance(value, float) and not math.isfinite(value):
            return text
        return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refused(line: int, path: tuple[str | int, ...], what: str) -> _RefusedError:
    return _RefusedError(f"line {line}: {_dotted(path)}: {what}")


def _dotted(path: tuple[str | int, ...]) -> str:
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return parts.lstrip(".") or "the policy"


def _complaints(error: ValidationError, lines: dict[tuple[str | int, ...], int]) -> list[str]:
    faults = [(_path(fault, lines), fault) for fault in error.errors(include_url=False)]
    return list(
        dict.fromkeys(
            _complaint(path, fault, lines)
            for path, fault in faults
            if not any(_says_more(other, path, fault) for other in faults)
        )
    )


def _path(fault: Any, lines: dict[tuple[str | int, ...], int]) -> tuple[str | int, ...]:  # noqa: ANN401  # pydantic's ErrorDetails
    """Return the path of a fault in the file: pydantic adds to it which branch of a union was tried."""
    path: tuple[str | int, ...] = ()
    for part in (*fault["loc"], *(fault.get("ctx") or {}).get("at", ())):
        if (*path, part) in lines:
            path = (*path, part)
    return (*path, fault["loc"][-1]) if fault["type"] == "missing" else path


def _says_more(other: tuple[tuple[str | int, ...], Any], path: tuple[str | int, ...], fault: Any) -> bool:  # noqa: ANN401
    """Tell whether *other* makes a fault needless.

    Of a list whose items are all refused pydantic also says that it is too short; of what may be a number or a mapping,
    that it is neither.
    """
    found, what = other
    deeper = len(found) > len(path) and found[: len(path)] == path
    if fault["type"] == "model_type":
        return found == path and what["type"] != "model_type"
    return deeper and fault["type"] in {"too_short", "int_type"}


def _complaint(path: tuple[str | int, ...], fault: Any, lines: dict[tuple[str | int, ...], int]) -> str:  # noqa: ANN401  # pydantic's ErrorDetails
    context = fault.get("ctx") or {}
    known = path
    while known not in lines:
        known = known[:-1]
    allowed = context.get("expected")
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = f"is not a known key; allowed here: {', '.join(_siblings(path[:-1]))}"
    elif fault["type"] in {"model_type", "dict_type"} and (keys := _siblings(path)):
        message = f"{message}; its keys may be: {', '.join(keys)}"
    elif allowed and str(allowed) not in message:
        message = f"{message}; allowed: {allowed}"
    return f"line {lines[known]}: {_dotted(path)}: {message}"


def _siblings(path: tuple[str | int, ...]) -> list[str]:
    """Name the keys that the model at *path* takes, as its JSON Schema says."""
    schema: Any = Policy.model_json_schema()
    definitions = schema["$defs"]
    here = schema
    for part in path:
        options = [here, *here.get("anyOf", ())]
        here = next(
            (option for option in options if "$ref" in option or "properties" in option or "items" in option), here
        )
        here = _resolved(here, definitions)
        here = here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(part, {})
        here = _resolved(here, definitions)
    options = [_resolved(option, definitions) for option in (here, *here.get("anyOf", ()))]
    return sorted({key for option in options for key in option.get("properties", {})})


def _resolved(schema: Any, definitions: Any) -> Any:  # noqa: ANN401  # JSON Schema is any
    reference = schema.get("$ref")
    return definitions[reference.rsplit("/", 1)[1]] if reference else schema
