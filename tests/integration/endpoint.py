"""An endpoint for webhooks, which answers as it is told and checks what it gets with the standard's own package."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.integration.rig import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Endpoint:
    """What it got, and what it says next."""

    def __init__(self) -> None:
        self.url = ""
        self.secrets: list[str] = []
        self.plan: deque[int] = deque()  # statuses of the next answers; then 200
        self.of: Callable[[str, int], int] = lambda _id, _time: 200  # by id and how often it came
        self.slow_s = 0.0
        self.connected = 0
        self.asked = Counter[str]()  # by id
        self.taken = Counter[str]()  # by id, those answered by 200
        self.bodies: dict[str, dict[str, Any]] = {}
        self.signed: list[tuple[bool, ...]] = []  # of each delivery, by which of the secrets
        self.paths: list[str] = []
        self.lock = threading.Lock()

    async def until_asked(self, count: int) -> None:
        await until(lambda: self.asked.total() >= count)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self.lock:
            name = headers["webhook-id"]
            self.paths.append(path)
            self.asked[name] += 1
            self.bodies[name] = json.loads(body)
            self.signed.append(tuple(_verifies(secret, headers, body) for secret in self.secrets))
            status = self.plan.popleft() if self.plan else self.of(name, self.asked[name])
            if status == 200:
                self.taken[name] += 1
            return status


def _verifies(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Run one on a port of this machine."""
    found = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = found.answer(self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            time.sleep(found.slow_s)
            try:
                self.send_response(status)
                if status in {301, 302, 307, 308}:
                    self.send_header("Location", f"{found.url}elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True  # who asked has lost patience

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # with five, who comes sixth waits for a second

        def verify_request(self, request: Any, client_address: Any) -> bool:
            found.connected += 1
            return super().verify_request(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
