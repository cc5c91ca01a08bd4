"""Errors: the project's one base class, the reason codes of dead letters, and the refusal of a record."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a record went to dead letters; a reader may switch on these, so a code is never renamed."""

    NOT_JSON = "not-json"
    INVALID = "invalid"
    UNKNOWN_TYPE = "unknown-type"
    MISSING_KEY = "missing-key"
    KEY_TOO_LONG = "key-too-long"
    KEY_MISMATCH = "key-mismatch"
    FORBIDDEN_KEY = "forbidden-key"
    WRONG_PARTITION = "wrong-partition"
    NULL_VALUE = "null-value"
    NAIVE_TIME = "naive-time"
    FUTURE = "future"
    TOO_LATE = "too-late"
    TOO_LARGE = "too-large"
    STATE_TOO_LARGE = "state-too-large"
    UNKNOWN_ORDER = "unknown-order"
    REFUND_TOO_LARGE = "refund-too-large"
    CONFLICTING_ORDER = "conflicting-order"
    CONFLICTING_ID = "conflicting-id"
    UNKNOWN_CASE = "unknown-case"
    UNKNOWN_TIER = "unknown-tier"
    UNKNOWN_REWARD = "unknown-reward"
    UNKNOWN_HOLD = "unknown-hold"
    CURRENCY = "currency"
    NOT_YET_SUPPORTED = "not-yet-supported"
    VENDOR_FAILED = "vendor-failed"
    RULE_ERROR = "rule-error"


class CxError(Exception):
    """Base of every error that the project raises itself; never raised as such."""


class Unreadable(CxError):
    """A record that the contract refuses.

    Its parts are constants of ours and of pydantic and names of the contract's fields, so they may be logged and
    published: nothing of the record's own text is in them.

    Attributes:
        reason: The dead letter's reason code.
        loc: Dotted path of the first refused field, such as `data.lines.0.amount`; `key` for the Kafka key; empty
            when the record as a whole is refused.
        error_type: What pydantic calls the fault (`missing`, `int_type`, ...), or a word of ours in its manner.
    """

    def __init__(self, reason: Reason, loc: str, error_type: str) -> None:
        """Refuse a record for *reason*, at *loc*."""
        super().__init__(reason, loc, error_type)
        self.reason = reason
        self.loc = loc
        self.error_type = error_type


class UnknownTopicError(CxError):
    """A topic was asked for that the contract does not have: a fault of the caller, not of a record."""
