"""TLS as settings name it: files that are there and belong together, and the context that clients get."""

from __future__ import annotations

import ssl

from pydantic import BaseModel, ConfigDict, FilePath


class TlsFiles(BaseModel):
    """Whom we trust, and how we prove who we are.

    Attributes:
        ca_file: Certificates of the authorities we trust; those of the system by default.
        cert_file: Our own certificate, for servers that ask for one; may hold its key as well.
        key_file: The key of our certificate, without a password.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None

    def refuse_unusable(self, *, tls: bool, asked_by: str) -> None:
        """Make sure now that the files can serve, because clients would only say so when they connect.

        Args:
            tls: Whether the connection is by TLS at all: files that nobody reads are somebody's mistake.
            asked_by: What the settings have to say for TLS.

        Raises:
            ValueError: they cannot.
        """
        if not tls and (self.ca_file or self.cert_file or self.key_file):
            message = f"files for TLS are given, but only {asked_by} asks for TLS"
            raise ValueError(message)
        if self.key_file and not self.cert_file:
            message = "key_file needs cert_file"
            raise ValueError(message)
        if not tls:
            return
        try:
            self.context()
        except OSError as error:  # ssl.SSLError is one
            message = f"ca_file, cert_file or key_file cannot be used: {error.strerror or type(error).__name__}"
            raise ValueError(message) from error

    def context(self) -> ssl.SSLContext:
        """Return a context that checks certificates and host names."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert_file:
            # With a password, else OpenSSL would ask for one, on a terminal that a worker does not have.
            context.load_cert_chain(self.cert_file, self.key_file, password="")
        return context
