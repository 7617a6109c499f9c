"""Getting a file's bytes over the network, going on where it stopped.

The bytes arrive in ``NAME.part``; beside it ``NAME.part.json`` says which version of the remote file they belong to, so
that a resumed download never glues two versions together.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from lnkit.data.storage import human_size, require_space, write_whole
from lnkit.errors import DataError
from lnkit.progress import Advance
from lnkit.specs import RemoteFile

TIMEOUT = 30.0  # seconds without a byte before a connection counts as dropped
ATTEMPTS = 5  # in a row without a new byte; every byte that arrives starts the count anew
FIRST_PAUSE = 1.0  # seconds before the second attempt, doubled before each further one
BLOCK = 2**20  # bytes


class RefusedError(DataError):
    """The server answered that it will not give the file; asking again is of no use."""


class StoppedError(Exception):
    """A transfer ended because the others on its line did."""


class _DroppedError(Exception):
    """The connection failed in a way that may be better next time."""


class _UnreachableError(_DroppedError):
    """There was no connection at all; worth another try only if there has been one before."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What has arrived of a file so far."""

    path: Path
    url: str

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def _facts(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def validator(self) -> str:
        """What the server called this version, an ETag or a date; "" if unknown, and then nothing can be resumed."""
        try:
            facts = json.loads(self._facts.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return str(facts.get("validator", "")) if isinstance(facts, dict) and facts.get("url") == self.url else ""

    def begin(self, headers: HTTPMessage) -> None:
        """Start from nothing with the version that ``headers`` describe."""
        etag = headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
        self.path.write_bytes(b"")
        write_whole(self._facts, json.dumps({"url": self.url, "validator": validator}))

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)


@dataclass(slots=True)
class Line:
    """What transfers at the same time share."""

    stopped: Event = field(default_factory=Event)  # set from outside, to end all of them at their next block
    reached: bool = False  # a server answered, so that an outage may pass

    def check(self) -> None:
        """Raise StoppedError if the transfers are to end."""
        if self.stopped.is_set():
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Wait, unless the transfers are to end."""
        self.stopped.wait(seconds)
        self.check()


class Meter:
    """Tells a listener of positions, which may go back when a server starts over."""

    def __init__(self, advance: Advance, line: Line | None = None) -> None:
        self._advance, self._told = advance, 0
        self.line = line or Line()

    def at(self, position: int) -> None:
        self._advance(position - self._told)
        self._told = position


def receive_all(file: RemoteFile, partial: Partial, meter: Meter, ways_on: str) -> None:
    """Ask again, from where it stopped, until everything is here or nothing new came ``ATTEMPTS`` times in a row."""
    failures, line = 0, meter.line
    while True:
        line.check()
        before = partial.size
        try:
            return _receive(file, partial, meter, ways_on)
        except _DroppedError as dropped:
            failures = 1 if partial.size > before else failures + 1
            line.reached = line.reached or not isinstance(dropped, _UnreachableError)
            if failures >= ATTEMPTS or not line.reached:
                kept = f"{human_size(partial.size)} are kept, and the same command goes on from there. "
                so_far = kept if partial.size else ""
                raise DataError(f"{file.url} could not be fetched ({dropped}). {so_far}{ways_on}") from dropped
            line.pause(FIRST_PAUSE * 2 ** (failures - 1))


def _receive(file: RemoteFile, partial: Partial, meter: Meter, ways_on: str) -> None:
    """One request, from where we are to the end."""
    response = _open(file, partial, ways_on)
    if response is None:  # all of it is here
        return
    meter.line.reached = True
    with contextlib.closing(response):
        resumed = response.status == 206
        if resumed and not _continues(response.headers, partial):
            partial.remove()
            raise _DroppedError("the server sent another part of the file than it was asked for")
        if not resumed:
            partial.begin(response.headers)
        length = response.headers.get("Content-Length")
        total = partial.size + int(length) if length and length.isdigit() else None
        _check_announced(file, total, ways_on)
        require_space(partial.path.parent, (total or file.size) - partial.size, f"Fetching {partial.path.stem}")
        _copy(response, partial.path, meter)
        if total is not None and partial.size < total:
            raise _DroppedError(f"the connection ended after {human_size(partial.size)} of {human_size(total)}")


def _open(file: RemoteFile, partial: Partial, ways_on: str) -> Any:
    """The server's answer to a request for what is missing; None if nothing is."""
    headers = {"User-Agent": "lnkit", "Accept-Encoding": "identity"}
    validator = partial.validator
    if partial.size and validator:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": validator}
    try:
        # An opener of its own: urlopen would keep the proxies that the environment named the first time.
        return build_opener().open(Request(file.url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416:
            return _nothing_left(error, partial)
        if error.code in {408, 429} or error.code >= 500:
            raise _DroppedError(f"the server answered {error.code} {error.reason}") from error
        raise RefusedError(f"{file.url}: the server answered {error.code} {error.reason}. {ways_on}") from error
    except URLError as error:
        passing = isinstance(error.reason, TimeoutError | ConnectionResetError | BrokenPipeError)
        raise (_DroppedError if passing else _UnreachableError)(_words(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise _DroppedError(_words(error)) from error


def _nothing_left(error: HTTPError, partial: Partial) -> None:
    """The server has nothing after what we asked from: right if we have it all, else start over."""
    if error.headers.get("Content-Range", "") != f"bytes */{partial.size}":
        partial.remove()
        raise _DroppedError("the file on the server has become shorter") from error


def _continues(headers: HTTPMessage, partial: Partial) -> bool:
    """Whether a partial answer starts where we stopped, in the version that we have."""
    starts = headers.get("Content-Range", "").startswith(f"bytes {partial.size}-")
    known = {headers.get("ETag"), headers.get("Last-Modified")} - {None}
    return starts and (not known or partial.validator in known)


def _check_announced(file: RemoteFile, total: int | None, ways_on: str) -> None:
    """Refuse a file of another size before it is fetched."""
    if file.exact and total is not None and total != file.size:
        raise DataError(
            f"{file.url} has {total:,} bytes now, and {file.size:,} are expected: it is not the same file. {ways_on}"
        )


def _copy(response: Any, path: Path, meter: Meter) -> None:
    """Append what the server sends to ``path``."""
    with path.open("ab") as out:
        meter.at(out.tell())
        while block := _read(response):
            meter.line.check()  # before the writing: whoever stopped the line may have begun again
            out.write(block)
            meter.at(out.tell())


def _read(response: Any) -> bytes:
    """Some bytes; a failure here is the network's, one in writing is the disk's."""
    try:
        block: bytes = response.read1(BLOCK) if hasattr(response, "read1") else response.read(BLOCK)
    except (OSError, HTTPException) as error:
        raise _DroppedError(_words(error)) from error
    return block


def _words(error: object) -> str:
    """An error without its number."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
