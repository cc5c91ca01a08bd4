"""The small HTTP server of a process: `/metrics` for Prometheus, `/live` and `/ready` for whoever restarts it."""

from __future__ import annotations

import socket
import threading
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from prometheus_client import MetricsHandler

from schemas.errors import CxError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PATH: Final = "/metrics"
REQUEST_S: Final = 10.0  # for who connects and then says nothing


class MetricsError(CxError):
    """The port of the metrics cannot be listened on."""


class Health(Protocol):
    """Says whether a process is well; asked from other threads than its own."""

    def ill(self) -> str:
        """Return why the process should be started anew; nothing where it should not."""

    def unready(self) -> str:
        """Return why the process does not do its work now; nothing where it does."""


class Well:
    """The health of a process that has none of its own to tell: where it answers, it is well."""

    def ill(self) -> str:
        """Return nothing."""
        return ""

    def unready(self) -> str:
        """Return nothing."""
        return ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as it is inherited
        """Say nothing: who hangs up in the middle is no news."""


def serve(address: str, registry: CollectorRegistry, health: Health | None = None) -> None:
    """Answer on *address* (host:port) in threads, until the process ends.

    Raises:
        MetricsError: nobody can listen there.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        server = (_ServerV6 if ":" in host else _Server)((host, int(port)), _handler(registry, health or Well()))
    except OSError as error:
        message = f"metrics: {address} cannot be listened on ({error.strerror or type(error).__name__})"
        raise MetricsError(message) from None
    threading.Thread(target=server.serve_forever, name="endpoint", daemon=True).start()


class _ServerV6(_Server):
    address_family = socket.AF_INET6


def _handler(registry: CollectorRegistry, health: Health) -> type[MetricsHandler]:
    class Handler(MetricsHandler):
        timeout = REQUEST_S

        def do_GET(self) -> None:  # noqa: N802  # http.server's name
            path = urlsplit(self.path).path
            if path == PATH:
                super().do_GET()
            elif path in {"/live", "/ready"}:
                why = health.ill() or (health.unready() if path == "/ready" else "")
                self._say(HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK, why or "ok")
            else:
                self._say(HTTPStatus.NOT_FOUND, "there are /metrics, /live and /ready")

        def _say(self, status: HTTPStatus, text: str) -> None:
            body = f"{text}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    Handler.registry = registry
    return Handler
