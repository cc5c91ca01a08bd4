"""The reader of one topic's values: JSON into the event that its `type` names, or a refusal that quotes nothing."""

from collections.abc import Callable, Iterator
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Final, Generic, TypeVar, get_args

from pydantic import Field, TypeAdapter, ValidationError

from schemas.envelope import Envelope
from schemas.errors import Reason, Unreadable

EventT = TypeVar("EventT", bound=Envelope)

_REASONS: Final = {"json_invalid": Reason.NOT_JSON, "timezone_aware": Reason.NAIVE_TIME}


class Reader(Generic[EventT]):
    """Reads the events of one topic.

    Attributes:
        types: Event class by the `type` that it stands for.
    """

    def __init__(self, shape: type[EventT] | UnionType) -> None:
        """Build the parser of *shape*, one event class or a union of them."""
        classes: tuple[type[EventT], ...] = get_args(shape) or (shape,)
        self.types: Final = {type_of(event): event for event in classes}
        # With a discriminator pydantic validates one class instead of trying all.
        annotated: Any = shape if len(classes) == 1 else Annotated[shape, Field(discriminator="type")]
        self._adapter: Final[TypeAdapter[EventT]] = TypeAdapter(annotated)
        self._validate: Final[Callable[[bytes], EventT]] = self._adapter.validator.validate_json

    def read(self, value: bytes) -> EventT:
        """Parse *value*, structured JSON of at most the size that the caller has checked.

        Raises:
            Unreadable: not-json, unknown-type, naive-time or invalid. Text that is not Unicode (lone surrogates,
                broken UTF-8), nesting above 200 and integers of thousands of digits count as not-json.
        """
        try:
            return self._validate(value)
        except ValidationError as error:
            refusal = self._refusal(error)
        # Raised here, because an error raised while another is handled keeps that one, and it holds the input.
        raise refusal

    def _refusal(self, error: ValidationError) -> Unreadable:
        first = error.errors(include_url=False, include_input=False)[0]
        kind = first["type"]
        path = [str(part) for part in first["loc"] if isinstance(part, int) or part in self._names]
        if kind in {"union_tag_invalid", "union_tag_not_found"}:
            path.append(first["ctx"]["discriminator"].strip("'"))
            kind = "missing" if kind == "union_tag_not_found" else kind
        if path == ["type"] and kind in {"union_tag_invalid", "literal_error"}:
            return Unreadable(Reason.UNKNOWN_TYPE, "type", "literal_error")
        return Unreadable(_REASONS.get(kind, Reason.INVALID), ".".join(path), kind)

    @cached_property
    def _names(self) -> frozenset[str]:
        # Pydantic's paths also hold union tags and the input's own dictionary keys; only names of ours may be told.
        return frozenset(_properties(self._adapter.json_schema()))


def type_of(event: type[Envelope]) -> str:
    """Return the CloudEvents type that an event class stands for."""
    name: str = get_args(event.model_fields["type"].annotation)[0]
    return name


def _properties(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _properties(part)
