"""Fetching a file: announced, resumed where it stopped, checked before anybody sees it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import unquote, urlsplit

from lnkit.data.fetch.transfer import Line, Meter, Partial, receive_all
from lnkit.data.storage import writing
from lnkit.errors import DataError
from lnkit.progress import Advance, Progress
from lnkit.specs import RemoteFile

CHECKSUMS = "checksums.jsonl"  # in the download folder: of first downloads, where no checksum is published
BEFORE = "checksums.json"  # how lnkit 0.1 kept them
BLOCK = 2**20  # bytes
WAYS_ON = (
    "Three ways on: fetch it on another machine and bring it in with `lnkit data import`; name files that you have "
    "with `--data DIR` or `--weights FILE`; or run on the embedded sample with `--sample`."
)


class Checksums:
    """The SHA-256 of first downloads by URL, on disk. One line is added for each, by any thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / CHECKSUMS
        self._lock = Lock()
        self._known = dict(_read_object(folder / BEFORE)) | dict(_read_lines(self.path))

    def first(self, url: str) -> str:
        """What came first from ``url``; "" if nothing did."""
        return self._known.get(url, "")

    def remember(self, url: str, sha256: str) -> None:
        """Keep what came from ``url``, unless something came before."""
        with self._lock:
            if url in self._known:
                return
            self._known[url] = sha256
            with self.path.open("a", encoding="utf-8") as file:  # begins with a break: the last line may be half
                file.write(f"\n{json.dumps([url, sha256])}\n")


def _read_object(path: Path) -> Iterator[tuple[str, str]]:
    with suppress(OSError, ValueError, AttributeError):
        yield from json.loads(path.read_text(encoding="utf-8")).items()


def _read_lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return
    for line in lines:
        with suppress(ValueError, TypeError):  # half a line, of a process that was killed
            url, sha256 = json.loads(line)
            yield str(url), str(sha256)


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the files of one download folder are fetched and checked. Several threads may use it at once."""

    checksums: Checksums  # of first downloads
    ways_on: str = WAYS_ON  # what to do if a file cannot be reached, as whole sentences
    line: Line | None = None  # shared by files that are fetched at the same time

    def is_here(self, file: RemoteFile, path: Path) -> str:
        """The SHA-256 of the file at ``path`` if it is there and nothing is wrong with it, else ""."""
        if not path.is_file():
            return ""
        sha256, fault = self._checked(file, path)
        return "" if fault else sha256

    def receive(self, file: RemoteFile, path: Path, advance: Advance) -> str:
        """Fetch ``file`` to ``path``, on from what is there of it, and return its SHA-256.

        Raises:
            DataError: It cannot be reached, is not what was expected, or does not fit on the disk.
            StoppedError: Another file on the same line failed.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Partial(path.with_name(f"{path.name}.part"), file.url)
        receive_all(file, partial, Meter(advance, self.line), self.ways_on)
        sha256, fault = self._checked(file, partial.path)
        if fault:
            partial.remove()
            raise DataError(f"{file.url} {fault}. The file was removed. Try again later. {self.ways_on}")
        if not file.sha256:
            self.checksums.remember(file.url, sha256)
        partial.path.replace(path)
        partial.remove()
        return sha256

    def _checked(self, file: RemoteFile, path: Path) -> tuple[str, str]:
        """SHA-256 of a complete file, and what is wrong with it as the end of a sentence; "" if nothing is."""
        size = path.stat().st_size
        if file.exact and size != file.size:
            return "", f"came with {size:,} bytes, and {file.size:,} are expected"
        sha256, fault = published_fault(file, path)
        first = self.checksums.first(file.url) if not file.sha256 else ""
        if not fault and first and first != sha256:
            where = f"what came the first time; if it was renewed, delete {self.checksums.path}"
            fault = f"has the SHA-256 {sha256}, and {first} is {where}"
        return sha256, fault


def fetch(file: RemoteFile, folder: Path, progress: Progress, *, ways_on: str = WAYS_ON) -> Path:
    """Fetch ``file`` into ``folder`` and return its path; what is there already is checked and kept.

    Proxies are taken from the environment (``https_proxy``, ``no_proxy``).

    Args:
        file: Where it lies and what is known about it.
        folder: Made if need be.
        progress: Hears of the bytes.
        ways_on: What to do if it cannot be reached, as whole sentences.

    Raises:
        DataError: It cannot be reached, is not what was expected, or does not fit on the disk.
    """
    name = file_name(file.url)
    path = folder / name
    with writing(folder, file.size, f"fetching {name}"):
        folder.mkdir(parents=True, exist_ok=True)
        arrival = Arrival(Checksums(folder), ways_on)
        if not arrival.is_here(file, path):
            with progress.task(f"fetching {name}", file.size, unit="bytes") as advance:
                arrival.receive(file, path, advance)
    return path


def file_name(url: str) -> str:
    """The name that the file of ``url`` gets on disk.

    Raises:
        DataError: The URL names no file, or is not of http, https or file.
    """
    parts = urlsplit(url)
    name = unquote(parts.path).rpartition("/")[2]
    wrong = name in {"", ".", ".."} or "\\" in name or not name.isprintable()
    if wrong or parts.scheme not in {"http", "https", "file"}:
        raise DataError(f"{url!r} cannot be fetched: an http, https or file address of a file is expected.")
    return name


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def published_fault(file: RemoteFile, path: Path) -> tuple[str, str]:
    """SHA-256 of what lies at ``path``, and how it differs from the published checksums; "" if it does not."""
    sha256, md5 = _digests(path, bool(file.md5))
    for kind, got, expected in (("SHA-256", sha256, file.sha256.lower()), ("MD5", md5, file.md5.lower())):
        if expected and got != expected:
            return sha256, f"has the {kind} {got}, and {expected} is published"
    return sha256, ""


def _digests(path: Path, with_md5: bool) -> tuple[str, str]:
    """SHA-256 and, where it is wanted, MD5 of a file that is read once."""
    if not with_md5:
        return file_sha256(path), ""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha256.update(block)
            md5.update(block)
    return sha256.hexdigest(), md5.hexdigest()
