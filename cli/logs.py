"""Logs of our processes: one line a fact, `time level logger message key=value …`, never a payload."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

_OWN = set(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}
# Libraries, and our subclasses of their services, which log under our name.
_CHATTY = ("aiokafka", "faust", "mode", "asyncio", "kafka", "streams.hooks")
Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class FactsFormatter(logging.Formatter):
    """Puts what is in `extra` behind the message."""

    def __init__(self) -> None:
        """Use UTC-free local ISO time; milliseconds are kept."""
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Return the line with its facts."""
        facts = " ".join(
            f"{key}={value}" for key, value in record.__dict__.items() if key not in _OWN and key != "data"
        )
        line = super().formatMessage(record)
        return f"{line} {facts}" if facts else line

    def formatException(self, ei: Raised) -> str:  # noqa: N802  # logging's name
        """Return where *ei* was raised and of what types it and its causes are: messages quote values."""
        told, error = list[str](), ei[1]
        while error:
            told.append("".join(traceback.format_tb(error.__traceback__)) + _type(error))
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nwhile handling or because of:\n".join(told)


def _type(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def set_up(level: str) -> None:
    """Send logs of *level* and above to standard error; libraries speak from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FactsFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def quieten() -> None:
    """Keep the Kafka client to itself where a person watches: what it retries is no news, what it cannot do raises."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
