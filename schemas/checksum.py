"""The checksum of what an event says: by it a producer's repeat is told from a second content under the same name."""

from hashlib import blake2b

from schemas.base import Record

_BYTES = 8  # kept with every recent event of a customer, so no longer than it has to be


def checksum(data: Record) -> int:
    """Return 64 bits over an event's *data* as the contract reads it, the same on every machine.

    What a retry may change makes no difference: the envelope (`recordedtime`, `causationid`, `cxreply`, headers or
    structured JSON), key order and white space, fields that the contract does not know, a default that is written out
    or left out, and the text of feedback, which is forgotten on reading. The order of a list counts, and so does the
    offset of an instant inside *data*. A field that a later contract adds with a default leaves old checksums alone.
    """
    written = data.__pydantic_serializer__.to_json(data, exclude_defaults=True)
    return int.from_bytes(blake2b(written, digest_size=_BYTES).digest())
