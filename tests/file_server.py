"""A web server on this machine that behaves as well or as badly as a test needs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behavior:
    """What the server serves, and how."""

    content: bytes
    etag: str = '"v1"'
    ranges: bool = True  # honors Range
    heeds_versions: bool = True  # honors If-Range
    drops: list[int] = field(default_factory=list)  # after so many bytes, one entry per request, the connection is cut
    status: int = 0  # answer every request with this error
    pauses: list[float] = field(default_factory=list)  # seconds before an answer, one entry per request
    failures: int = 0  # answer 503 to so many requests first
    asked: list[str] = field(default_factory=list)  # the Range header of each request, "" if none
    versions: list[str] = field(default_factory=list)  # the If-Range header of each request, "" if none
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    behavior: Behavior

    def do_GET(self) -> None:
        b = self.behavior
        if b.pauses:
            time.sleep(b.pauses.pop(0))
        b.asked.append(self.headers.get("Range", ""))
        b.versions.append(self.headers.get("If-Range", ""))
        if b.status or b.failures:
            b.failures = max(0, b.failures - 1)
            self.send_error(b.status or 503)
            return
        start = self._start()
        if start > 0 and start >= len(b.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(b.content)}")
            self.end_headers()
            return
        self._send(start)

    def _start(self) -> int:
        b = self.behavior
        wanted = self.headers.get("Range", "")
        fresh = not b.heeds_versions or self.headers.get("If-Range", b.etag) == b.etag
        return int(wanted[len("bytes=") :].rstrip("-")) if b.ranges and wanted and fresh else 0

    def _send(self, start: int) -> None:
        b = self.behavior
        body = b.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if b.etag:
            self.send_header("ETag", b.etag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(b.content) - 1}/{len(b.content)}")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who asked may have gone
            self.end_headers()
            self.wfile.write(body[: b.drops.pop(0)] if b.drops else body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # with 5, the system drops some of many connections at once, which then wait a second


@contextlib.contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer requests by ``handler``; gives the server's address, without the last "/"."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def serving(behavior: Behavior, name: str = "data.bin") -> Iterator[Behavior]:
    """Serve ``behavior.content`` at ``behavior.url``."""
    with running(type("Handler", (_Handler,), {"behavior": behavior})) as address:
        behavior.url = f"{address}/{name}"
        yield behavior
