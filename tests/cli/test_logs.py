"""What our processes log holds facts, and nothing of what a record said."""

from __future__ import annotations

import io
import logging
import os

from cli.logs import FactsFormatter


def logged(cause: Exception | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FactsFormatter())
    log = logging.getLogger("test")
    log.propagate, log.handlers = False, [handler]
    try:
        try:
            os.environ["LINH"]
        except KeyError as error:
            message = "gift code 4711"
            raise ValueError(message) from cause or error
    except ValueError:
        log.exception("rule failed", extra={"partition": 3, "data": "linh"})
    return stream.getvalue()


def test_facts_stand_behind_the_message_and_payloads_do_not() -> None:
    first = logged().splitlines()[0]

    assert first.endswith("ERROR test rule failed partition=3")


def test_an_exception_is_told_by_place_and_type_and_what_it_quotes_is_not() -> None:
    told = logged()

    assert "test_logs.py" in told
    assert "in logged" in told
    assert told.count("builtins.ValueError") == told.count("builtins.KeyError") == 1
    assert "4711" not in told
    assert "KeyError: " not in told  # the line of our own source that is shown holds the key, but no message does


def test_a_cause_that_was_given_is_told_instead_of_what_was_being_handled() -> None:
    told = logged(OSError("10.0.0.1"))

    assert "builtins.OSError" in told
    assert "KeyError" not in told.replace("except KeyError", "")
    assert "10.0.0.1" not in told
