"""Feedback: what the customer wrote does not stay with us."""

import pytest
from pydantic import TypeAdapter

from schemas.envelope import encode
from schemas.feedback import FeedbackSubmitted, NpsFeedback
from schemas.inputs import parse
from tests.schemas.samples import changed, full, written

WORDS = "the lady at the till was kind"


@pytest.mark.parametrize("instrument", ["nps", "csat", "ces", "review", "complaint"])
def test_the_text_is_nowhere_on_the_event(instrument: str) -> None:
    score = {} if instrument == "complaint" else {"score": 5}
    event = changed(full("feedback.submitted"), "data", {"instrument": instrument, **score, "text": WORDS})
    read = parse("cx.feedback", b"lan", written(event))
    assert isinstance(read, FeedbackSubmitted)
    assert read.data.instrument == instrument
    assert read.data.text is None
    assert read.data.score == score.get("score")
    for trace in (repr(read), repr(vars(read.data)), repr(read.model_dump()), encode(read).decode()):
        assert WORDS not in trace


def test_the_text_is_dropped_also_where_feedback_is_made_in_python() -> None:
    feedback = TypeAdapter(NpsFeedback).validate_python({"instrument": "nps", "score": 1, "text": WORDS})
    assert feedback.text is None


def test_a_text_that_is_not_text_is_refused() -> None:
    with pytest.raises(ValueError, match="string_type"):
        TypeAdapter(NpsFeedback).validate_python({"instrument": "nps", "score": 1, "text": 5})
