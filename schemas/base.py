"""Bounded types and the base model that every part of the contract is made of."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

ID_LENGTH_MAX: Final = 128
SOURCE_LENGTH_MAX: Final = 256
SHORT_LENGTH_MAX: Final = 64
CUSTOMER_ID_BYTES_MAX: Final = 64
# Of one line or field: 40,000 orders of 200 lines of the largest amount still add up within 64 bits.
MONEY_MAX: Final = 10**12
INT64_MAX: Final = 2**63 - 1

# Far enough from what Python can hold that adding a window or changing the zone of an accepted time cannot overflow.
FIRST_MOMENT: Final = datetime(1900, 1, 1, tzinfo=UTC)
END_OF_MOMENTS: Final = datetime(9000, 1, 1, tzinfo=UTC)

_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LOCAL_TIME: Final = _DAY + r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
_OFFSET: Final = "([Zz]|[+-][0-9]{2}:[0-9]{2})"


class Record(BaseModel):
    """Frozen and strict: no number is read from a string, no integer from a float or a boolean."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",  # a newer producer may add fields
        hide_input_in_errors=True,  # an error that ends up in a log must not carry a customer's data there
    )


@dataclass(frozen=True, slots=True)
class _Written:
    """Says how a time is written in JSON; pydantic alone would also take a count of seconds in a string.

    Attributes:
        accepted: Pattern of the text that is parsed.
        published: Pattern in the JSON Schema; stricter where pydantic has an error of its own for the difference.
        format: JSON Schema's name of the format.
    """

    accepted: str
    published: str
    format: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Check the text first, then let pydantic read it; an object made in Python is checked strictly."""
        in_python = handler(source)
        text = core_schema.str_schema(pattern=self.accepted, max_length=40, strict=True)
        parsed: Any = {**in_python, "strict": False}
        return core_schema.json_or_python_schema(core_schema.chain_schema([text, parsed]), in_python)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Publish the text's pattern, because validators may ignore `format`."""
        del schema, handler
        return {"type": "string", "format": self.format, "pattern": self.published}


def _fits_a_key(customer_id: str) -> str:
    if len(customer_id.encode()) > CUSTOMER_ID_BYTES_MAX:
        code = "customer_id_too_long"
        raise PydanticCustomError(code, "a customer id has at most 64 bytes of UTF-8")
    if customer_id[0] == "\0":
        code = "customer_id_reserved"
        raise PydanticCustomError(code, "a customer id does not begin with a zero byte")
    return customer_id


Short = Annotated[str, Field(min_length=1, max_length=SHORT_LENGTH_MAX)]
EventId = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_MAX)]
Source = Annotated[str, Field(min_length=1, max_length=SOURCE_LENGTH_MAX)]
# A Kafka key: its length counts in bytes, and a first byte of zero is kept for the partition's own record.
CustomerId = Annotated[str, Field(min_length=1, max_length=CUSTOMER_ID_BYTES_MAX), AfterValidator(_fits_a_key)]
# As a policy names it; a Kafka key, and the first part of keys of the gift desk's state.
Programme = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,31}$")]
# Upper-case letters are lowered, since some platforms write UUIDs so.
Uuid = Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", to_lower=True)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Locale = Annotated[str, Field(pattern="^[a-z]{2}(-[A-Z]{2})?$")]
# Minor units of the currency; VND has none, so 1 is one đồng.
Amount = Annotated[int, Field(ge=0, le=MONEY_MAX)]
PositiveAmount = Annotated[int, Field(ge=1, le=MONEY_MAX)]
Count = Annotated[int, Field(ge=0, le=MONEY_MAX)]
Points = Annotated[int, Field(ge=1, le=MONEY_MAX)]
Measure = Annotated[int, Field(ge=-INT64_MAX - 1, le=INT64_MAX)]
Offset = Annotated[int, Field(ge=0, le=INT64_MAX)]

Moment = Annotated[
    AwareDatetime,
    Field(ge=FIRST_MOMENT, lt=END_OF_MOMENTS),
    # A time without an offset passes the pattern, so that it is refused as naive and not as malformed.
    _Written(f"^{_LOCAL_TIME}{_OFFSET}?$", f"^{_LOCAL_TIME}{_OFFSET}$", "date-time"),
]
Day = Annotated[
    date,
    Field(ge=FIRST_MOMENT.date(), lt=END_OF_MOMENTS.date()),
    _Written(f"^{_DAY}$", f"^{_DAY}$", "date"),
]
