"""Transfer of one file over HTTP, resumed where it stopped.

The bytes arrive in ``NAME.part``; ``NAME.part.json`` beside it names the version of the remote file, so that a resumed
download never joins two versions.
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

from lnkit.data.atomic import atomic_write_text
from lnkit.data.storage import human_size, require_space
from lnkit.data.stored_files import read_json
from lnkit.errors import DataError
from lnkit.progress import Advance
from lnkit.specs import RemoteFile

TIMEOUT = 30.0  # seconds without a byte before a connection counts as dropped
FIRST_TIMEOUT = 6.0  # the same before a server has answered: a machine without internet is told soon
ATTEMPTS = 5  # in a row without a new byte
FIRST_PAUSE = 1.0  # seconds before the second attempt, doubled before each further one
BLOCK = 2**20  # bytes


class RefusedError(DataError):
    """The server refuses the file; another attempt would not help."""


class UnreachableError(DataError):
    """No connection to the server could be made."""


class StoppedError(Exception):
    """The transfer was stopped because another one of its group failed."""


class _DroppedError(Exception):
    """The connection failed; another attempt may succeed."""


class _UnreachableError(_DroppedError):
    """No connection was made; another attempt makes sense only if a server was reached before."""


@dataclass(frozen=True, slots=True)
class PartialFile:
    """A file during its transfer: the bytes so far, and the version that they belong to."""

    path: Path
    url: str

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def _version_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def validator(self) -> str:
        """The ETag or date of the version that is arriving; "" if unknown: it cannot be resumed then."""
        try:
            version = read_json(self._version_file)
        except DataError:
            return ""
        validator = str(version.get("validator", "")) if version.get("url") == self.url else ""
        return validator if validator.isprintable() else ""

    def begin(self, headers: HTTPMessage) -> None:
        """Start over with the version that ``headers`` describe."""
        etag = headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
        self.path.write_bytes(b"")
        atomic_write_text(self._version_file, json.dumps({"url": self.url, "validator": validator}))

    def remove(self) -> None:
        """Delete all that has arrived."""
        self.path.unlink(missing_ok=True)
        self._version_file.unlink(missing_ok=True)


@dataclass(slots=True)
class TransferGroup:
    """State shared by simultaneous transfers."""

    stopped: Event = field(default_factory=Event)  # set it to end all transfers at their next block
    reached: bool = False  # a server has answered: later failures may be a passing outage

    def check(self) -> None:
        """Raise StoppedError if the transfers have to end."""
        if self.stopped.is_set():
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Sleep; raise StoppedError as soon as the transfers have to end."""
        self.stopped.wait(seconds)
        self.check()


class Meter:
    """Reports positions in a file as steps; a position may go back when a server starts over."""

    def __init__(self, advance: Advance, group: TransferGroup | None = None) -> None:
        self._advance, self._position = advance, 0
        self.group = group or TransferGroup()

    def at(self, position: int) -> None:
        """Report that ``position`` bytes have arrived."""
        self._advance(position - self._position)
        self._position = position


def receive_file(file: RemoteFile, partial: PartialFile, meter: Meter, hint: str) -> None:
    """Receive the rest of a file, retrying until it is complete or ``ATTEMPTS`` attempts in a row give no new byte.

    Args:
        file: The remote file.
        partial: The part that has arrived already; updated.
        meter: Receives the positions, and knows the other transfers of its group.
        hint: What to do if the file cannot be fetched, as whole sentences for the error.

    Raises:
        DataError: The server refuses the file or cannot be reached, or the file does not fit on the disk.
        StoppedError: Another transfer of the group failed.
    """
    failures, group = 0, meter.group
    while True:
        group.check()
        before = partial.size
        try:
            return _receive(file, partial, meter, hint)
        except _DroppedError as dropped:
            failures = 1 if partial.size > before else failures + 1
            group.reached = group.reached or not isinstance(dropped, _UnreachableError)
            if failures >= ATTEMPTS or not group.reached:
                resumable = f"{human_size(partial.size)} are kept, and the same command resumes from there. "
                so_far = resumable if partial.size else ""
                kind = DataError if group.reached else UnreachableError
                raise kind(f"{file.url} could not be fetched ({dropped}). {so_far}{hint}") from dropped
            group.pause(FIRST_PAUSE * 2 ** (failures - 1))


def _receive(file: RemoteFile, partial: PartialFile, meter: Meter, hint: str) -> None:
    """Make one request for the missing bytes."""
    response = _open(file, partial, hint, TIMEOUT if meter.group.reached else FIRST_TIMEOUT)
    if response is None:  # the file is complete
        return
    meter.group.reached = True
    with contextlib.closing(response):
        resumed = response.status == 206
        if resumed and not _continues(response.headers, partial):
            partial.remove()
            raise _DroppedError("the server sent another part of the file than requested")
        if not resumed:
            partial.begin(response.headers)
        length = response.headers.get("Content-Length")
        total = partial.size + int(length) if length and length.isdigit() else None
        _check_announced(file, total, hint)
        require_space(partial.path.parent, (total or file.size) - partial.size, f"Fetching {partial.path.stem}")
        _copy(response, partial.path, meter)
        if total is not None and partial.size < total:
            raise _DroppedError(f"the connection ended after {human_size(partial.size)} of {human_size(total)}")


def _open(file: RemoteFile, partial: PartialFile, hint: str, timeout: float) -> Any:
    """Request the missing bytes; return None if none are missing."""
    headers = {"User-Agent": "lnkit", "Accept-Encoding": "identity"}
    validator = partial.validator
    if partial.size and validator:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": validator}
    try:
        # A new opener: urlopen would keep the proxies of its first call.
        return build_opener().open(Request(file.url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code == 416:
            return _require_complete(error, partial)
        if error.code in {408, 429} or error.code >= 500:
            raise _DroppedError(f"the server answered {error.code} {error.reason}") from error
        raise RefusedError(f"{file.url}: the server answered {error.code} {error.reason}. {hint}") from error
    except URLError as error:
        passing = isinstance(error.reason, ConnectionResetError | BrokenPipeError)
        raise (_DroppedError if passing else _UnreachableError)(_words(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise _DroppedError(_words(error)) from error


def _require_complete(error: HTTPError, partial: PartialFile) -> None:
    """Start over if the server has fewer bytes than have arrived (it answered 416)."""
    if error.headers.get("Content-Range", "") != f"bytes */{partial.size}":
        partial.remove()
        raise _DroppedError("the file on the server became shorter") from error


def _continues(headers: HTTPMessage, partial: PartialFile) -> bool:
    """Return whether a partial answer continues the bytes that have arrived, in the same version."""
    starts = headers.get("Content-Range", "").startswith(f"bytes {partial.size}-")
    known = {headers.get("ETag"), headers.get("Last-Modified")} - {None}
    return starts and (not known or partial.validator in known)


def _check_announced(file: RemoteFile, total: int | None, hint: str) -> None:
    """Raise DataError for a file of another size, before it is fetched."""
    if file.exact and total is not None and total != file.size:
        raise DataError(
            f"Expected {file.size:,} bytes from {file.url}, got {total:,}: it is not the same file any more. {hint}"
        )


def _copy(response: Any, path: Path, meter: Meter) -> None:
    """Append the server's answer to ``path``."""
    with path.open("ab") as out:
        meter.at(out.tell())
        while block := _read(response):
            meter.group.check()  # before writing: a new call may fetch the same file already
            out.write(block)
            meter.at(out.tell())


def _read(response: Any) -> bytes:
    """Read some bytes; errors here are the network's, those of writing are the disk's."""
    try:
        block: bytes = response.read1(BLOCK) if hasattr(response, "read1") else response.read(BLOCK)
    except (OSError, HTTPException) as error:
        raise _DroppedError(_words(error)) from error
    return block


def announced_bytes(file: RemoteFile) -> int:
    """Ask a server how many bytes a file has; 0 if it does not say.

    Raises:
        DataError: The server refuses the file or cannot be reached.
    """
    request = Request(file.url, headers={"User-Agent": "lnkit", "Accept-Encoding": "identity"}, method="HEAD")
    try:
        with build_opener().open(request, timeout=TIMEOUT) as response:
            length = response.headers.get("Content-Length", "")
    except (OSError, HTTPException) as error:
        raise DataError(f"{file.url} could not be asked for its size ({_words(error)}).") from error
    return int(length) if length.isdigit() else 0


def _words(error: object) -> str:
    """Return the text of an error without its number."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
