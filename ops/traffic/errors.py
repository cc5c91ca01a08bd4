"""What can go wrong while making traffic."""

from schemas.errors import CxError


class OptionsError(CxError):
    """Options that cannot be honoured together; the message says in one line what to change."""


class LaterTicksError(CxError):
    """The stack has seen ticks later than the span's first instant, so its events would come too late."""


class SinkError(CxError):
    """A record could not be delivered; the run ends."""
