"""Feedback: what customers answer when asked, reviews and complaints; topic `cx.feedback`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from schemas.base import Record, Short
from schemas.envelope import CustomerEnvelope

TEXT_LENGTH_MAX = 10_000

TouchpointGroup = Literal["people", "product", "digital"]
Dimension = Literal["emotion", "interaction", "service", "product", "brand"]


def _forget(text: str) -> None:
    """Drop what the customer wrote: it may name people, and no rule reads it."""
    del text


Forgotten = Annotated[str, Field(max_length=TEXT_LENGTH_MAX), AfterValidator(_forget)]


class Feedback(Record):
    """What all instruments share. `text` is checked on reading and then dropped: the attribute is always None."""

    touchpoint: TouchpointGroup | None = None
    dimension: Dimension | None = None
    order_id: Short | None = None
    case_id: Short | None = None
    text: Forgotten | None = None


class NpsFeedback(Feedback):
    """Would you recommend us? 0 (never) to 10 (surely)."""

    instrument: Literal["nps"]
    score: Annotated[int, Field(ge=0, le=10)]


class CsatFeedback(Feedback):
    """Were you satisfied? 1 (not at all) to 5 (fully)."""

    instrument: Literal["csat"]
    score: Annotated[int, Field(ge=1, le=5)]


class CesFeedback(Feedback):
    """Was it easy? 1 (very hard) to 7 (very easy)."""

    instrument: Literal["ces"]
    score: Annotated[int, Field(ge=1, le=7)]


class ReviewFeedback(Feedback):
    """A public review of 1 to 5 stars."""

    instrument: Literal["review"]
    score: Annotated[int, Field(ge=1, le=5)]


class ComplaintFeedback(Feedback):
    """A complaint, which has no score."""

    instrument: Literal["complaint"]
    score: None = None


FeedbackData = Annotated[
    NpsFeedback | CsatFeedback | CesFeedback | ReviewFeedback | ComplaintFeedback, Field(discriminator="instrument")
]


class FeedbackSubmitted(CustomerEnvelope):
    """A customer gave feedback."""

    type: Literal["feedback.submitted"]
    data: FeedbackData


FeedbackEvent = FeedbackSubmitted
