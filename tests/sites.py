"""A web site on this machine: many files, listings of them, and as slow or unreliable as a test needs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from file_server import running


@dataclass
class Site:
    """What is served, how, and what was asked for."""

    files: dict[str, bytes]  # path without the first "/" -> content
    seconds: float = 0.0  # before each answer
    block: int = 0  # bytes sent at a time, with as many seconds between them; 0: all at once
    drops: dict[str, list[int]] = field(default_factory=dict)  # path -> after so many bytes the connection is cut
    status: dict[str, int] = field(default_factory=dict)  # path -> error that is answered
    silent: set[str] = field(default_factory=set)  # paths that are answered after 15 seconds
    url: str = ""  # of the site, without the last "/"
    asked: list[str] = field(default_factory=list)  # paths, in order
    ranges: dict[str, list[str]] = field(default_factory=dict)  # path -> Range headers, "" where there was none
    now: int = 0  # requests that are being answered
    most: int = 0  # of them at the same time
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site, path = self.site, self.path.lstrip("/")
        with site.lock:
            site.asked.append(path)
            site.ranges.setdefault(path, []).append(self.headers.get("Range", ""))
            site.now += 1
            site.most = max(site.most, site.now)
        try:
            time.sleep(15 if path in site.silent else site.seconds)
            self._answer(path)
        finally:
            with site.lock:
                site.now -= 1

    def _answer(self, path: str) -> None:
        site = self.site
        if path not in site.files or path in site.status:
            self.send_error(site.status.get(path, 404))
            return
        content = site.files[path]
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{hash(content)}"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        drops = site.drops.get(path)
        self._send(content[start : start + drops.pop(0)] if drops else content[start:])

    def _send(self, body: bytes) -> None:
        step = self.site.block or max(1, len(body))
        with contextlib.suppress(OSError):  # whoever asked has gone
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                time.sleep(self.site.seconds if self.site.block else 0)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


@contextlib.contextmanager
def hosting(site: Site) -> Iterator[Site]:
    """Serve ``site.files`` below ``site.url``."""
    with running(type("Handler", (_Handler,), {"site": site})) as site.url:
        yield site
