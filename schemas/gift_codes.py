"""Codes of gifts, encrypted since they were imported; topic `cx.gift-codes`, keyed by programme."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Moment, Record, Short, Uuid
from schemas.envelope import ProgrammeEnvelope

# A gift code is a bearer secret: it crosses Kafka encrypted, and `masked` is what people may see of it.
Ciphertext = Annotated[str, Field(min_length=1, max_length=2048, pattern="^[A-Za-z0-9+/]+={0,2}$")]


class CodeData(Record):
    """One code.

    Attributes:
        code_id: The same for the same code, whenever and by whichever key it was encrypted.
        gift_id: What it is a code of.
        masked: What may be shown of it.
        ciphertext: Base64 of what the key `key_id` encrypted.
        valid_until: When it can be used no longer, if it ends by itself.
        give_until: From when on nobody gets it any more; None for `valid_until`.
    """

    code_id: Uuid
    gift_id: Short
    masked: Short
    ciphertext: Ciphertext
    key_id: Short
    valid_until: Moment | None = None
    give_until: Moment | None = None


class CodeAdded(ProgrammeEnvelope):
    """A code came into stock; one that was there before changes nothing, whatever became of it."""

    type: Literal["code.added"]
    data: CodeData


CodeEvent = CodeAdded
