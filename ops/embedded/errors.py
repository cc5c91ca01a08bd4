"""What can keep Kafka or Redis from running here; every message is one line and says what to do."""

from schemas.errors import CxError


class EmbeddedError(CxError):
    """Base of this package's errors; never raised itself."""


class JavaMissingError(EmbeddedError):
    """No Java runtime was found."""


class JavaTooOldError(EmbeddedError):
    """The only Java runtime found cannot run Kafka."""


class RedisMissingError(EmbeddedError):
    """No redis-server was found."""


class DownloadError(EmbeddedError):
    """Kafka's files are not in the cache and could not be fetched."""


class CorruptDownloadError(EmbeddedError):
    """A file arrived, but not the one that `kafka.lock` names."""


class PortTakenError(EmbeddedError):
    """Something else listens on a port asked for."""


class DiskFullError(EmbeddedError):
    """The disk that holds the data, the logs or the cache is full."""


class RootUnusableError(EmbeddedError):
    """The data folder cannot be created or written."""


class RootInUseError(EmbeddedError):
    """Another stack runs on the same data folder."""


class RootMismatchError(EmbeddedError):
    """The data folder holds a cluster of another shape than asked for."""


class StartError(EmbeddedError):
    """A program cannot be executed at all."""


class DiedError(EmbeddedError):
    """Kafka or Redis ended, or does not answer, for a reason that only its log knows."""


class NotRunningError(EmbeddedError):
    """Something was asked of a stack that is not started."""
