"""A server on this machine that stands in for the Hugging Face hub, and serves plain files too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest
from file_server import running

COMMIT = "0123456789" * 4


@dataclass
class Server:
    """A server of plain files, and of files of the hub with their tags."""

    files: dict[str, bytes] = field(default_factory=dict)  # path of the URL -> content
    tags: dict[str, str] = field(default_factory=dict)  # path -> the tag that the hub states, if not the SHA-256
    asked: list[str] = field(default_factory=list)
    address: str = ""


class _Handler(BaseHTTPRequestHandler):
    server_of: Server

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.server_of.asked.append(f"{self.command} {self.path}")
        content = self.server_of.files.get(self.path)
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if "/resolve/" in self.path else "")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        if "/resolve/" in self.path:
            self.send_header("X-Repo-Commit", COMMIT)
            tag = self.server_of.tags.get(self.path, hashlib.sha256(content).hexdigest())
            self.send_header("ETag", f'"{tag}"')
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    from huggingface_hub import constants

    served = Server()
    with running(type("Handler", (_Handler,), {"server_of": served})) as served.address:
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        template = served.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield served
