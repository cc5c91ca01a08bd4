"""A vendor of gifts to try `cx vendor` with: `python examples/gift_vendor.py --port 8900 --trouble 1`.

It shows all that a vendor has to do. `POST /orders` with an `Idempotency-Key` makes a voucher once, and says the same
whenever the key comes again, also after a restart. Anything but 200 or 201 with a code means: 4xx no, for good, and all
else, ask again. With `--trouble` it behaves as badly as one may; how, follows from the key.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LATE_S = 3.0
# What is done with the first try of an order, or with all of them.
TROUBLES = ("error", "error-after", "late", "hangs-up", "gibberish", "never", "refuses", "", "", "")
ALWAYS = ("never", "refuses")


class Orders:
    """What was made, by key, in a file."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("CREATE TABLE IF NOT EXISTS orders (key TEXT PRIMARY KEY, gift TEXT, code TEXT)")
        self._tries: dict[str, int] = {}
        self._lock = threading.Lock()

    def make(self, key: str, gift: str) -> str:
        """Return the voucher of an order, made if it is the first time."""
        with self._lock:
            self._file.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, ?)", (key, gift, new_code()))
            return str(self._file.execute("SELECT code FROM orders WHERE key = ?", (key,)).fetchone()[0])

    def tried(self, key: str) -> int:
        """Count a try of an order; return how many there were before."""
        with self._lock:
            before = self._tries.get(key, 0)
            self._tries[key] = before + 1
            return before


def new_code() -> str:
    """Return a code that nobody guesses."""
    return "-".join(secrets.token_hex(2).upper() for _ in range(4))


def trouble_of(key: str, seed: str) -> str:
    """Return what is done to an order; empty for nothing."""
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    return TROUBLES[digest[0] % len(TROUBLES)] if seed else ""


class Handler(BaseHTTPRequestHandler):
    """Takes orders."""

    orders: Orders
    seed: str

    def do_POST(self) -> None:  # as the standard library calls it
        """Make a voucher, or trouble."""
        key = self.headers.get("Idempotency-Key", "")
        wanted = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path != "/orders" or not key:
            self._say(400, b"{}")
            return
        trouble = trouble_of(key, self.seed)
        if self.orders.tried(key) and trouble not in ALWAYS:
            trouble = ""
        if trouble == "refuses":
            self._say(410, b"{}")
        elif trouble in {"error", "never"}:
            self._say(503, b"{}")
        elif trouble == "hangs-up":
            self.close_connection = True
        else:
            code = self.orders.make(key, wanted["gift_id"])
            if trouble == "late":
                time.sleep(LATE_S)
            if trouble == "error-after":
                self._say(500, b"{}")
            elif trouble == "gibberish":
                self._say(200, b"<html>")
            else:
                self._say(200, json.dumps({"code": code}).encode())

    def _say(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # who asked has lost patience

    def log_message(self, *_: object) -> None:
        """Say nothing: a log is no place for vouchers."""


def serve(port: int, path: Path, seed: str = "") -> ThreadingHTTPServer:
    """Return a vendor at a port of this machine, 0 for any one, that keeps its orders in the file *path*."""
    handler = type("OurHandler", (Handler,), {"orders": Orders(path), "seed": seed})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--file", type=Path, default=Path("gift-vendor.sqlite"), help="where orders are kept")
    parser.add_argument("--trouble", default="", help="any word: which orders are treated badly")
    options = parser.parse_args()
    vendor = serve(options.port, options.file, options.trouble)
    print(f"orders are taken at http://127.0.0.1:{vendor.server_port}")
    vendor.serve_forever()
