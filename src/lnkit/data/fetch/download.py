"""Download of single files: resumed where it stopped, and verified before it appears under its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import unquote, urlsplit

from lnkit.data.fetch.checksums import compare_published
from lnkit.data.fetch.transfer import Meter, PartialFile, TransferGroup, receive_file
from lnkit.data.storage import explain_disk_errors
from lnkit.data.stored_files import read_bytes
from lnkit.errors import DataError
from lnkit.progress import Advance, Progress
from lnkit.specs import RemoteFile

CHECKSUMS = "checksums.jsonl"  # in the download folder: of first downloads, where no checksum is published
HINT = (
    "Alternatives: fetch it on another machine and use `lnkit data import`; name files that you have "
    "with `--data DIR` or `--weights FILE`; or run on the embedded sample with `--sample`."
)


class FirstChecksums:
    """SHA-256 by URL of first downloads, in a file to which several threads append lines."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / CHECKSUMS
        self._lock = Lock()
        self._known = dict(_read_lines(self.path))

    def get(self, url: str) -> str:
        """Return the SHA-256 of the first download from ``url``; "" if there was none."""
        return self._known.get(url, "")

    def add(self, url: str, sha256: str) -> None:
        """Store the SHA-256 of a download from ``url``, unless it is not the first."""
        with self._lock:
            if url in self._known:
                return
            self._known[url] = sha256
            with self.path.open("a", encoding="utf-8") as file:  # a leading break: the last line may be incomplete
                file.write(f"\n{json.dumps([url, sha256])}\n")


def _read_lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = read_bytes(path).decode(errors="replace").split("\n")
    except DataError:
        return
    for line in lines:
        with suppress(ValueError, TypeError, RecursionError):  # an incomplete line of a killed process
            url, sha256 = json.loads(line)
            yield str(url), str(sha256)


@dataclass(frozen=True, slots=True)
class Downloader:
    """Downloads and verifies the files of one download folder. Several threads may use it at once."""

    checksums: FirstChecksums
    hint: str = HINT  # what to do if a file cannot be fetched, as whole sentences
    group: TransferGroup | None = None  # shared by simultaneous downloads

    def verified(self, file: RemoteFile, path: Path) -> str:
        """Return the SHA-256 of the file at ``path`` if it exists and is intact, else ""."""
        if not path.is_file():
            return ""
        sha256, fault = self._checked(file, path)
        return "" if fault else sha256

    def download(self, file: RemoteFile, path: Path, advance: Advance) -> str:
        """Download ``file`` to ``path``, resuming an earlier attempt, and return its SHA-256.

        Args:
            file: The remote file.
            path: Where it appears once it is complete and verified.
            advance: Called with the number of new bytes.

        Raises:
            DataError: It cannot be fetched, differs from the published file, or does not fit on the disk.
            StoppedError: Another download of the group failed.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = PartialFile(path.with_name(f"{path.name}.part"), file.url)
        receive_file(file, partial, Meter(advance, self.group), self.hint)
        sha256, fault = self._checked(file, partial.path)
        if fault:
            partial.remove()
            raise DataError(f"{file.url} {fault}. The file was removed. Try again later. {self.hint}")
        if not file.sha256:
            self.checksums.add(file.url, sha256)
        partial.path.replace(path)
        partial.remove()
        return sha256

    def _checked(self, file: RemoteFile, path: Path) -> tuple[str, str]:
        """Return the SHA-256 of a complete file, and its fault as the end of a sentence; "" if it has none."""
        size = path.stat().st_size
        if file.exact and size != file.size:
            return "", f"has {size:,} bytes, but {file.size:,} are expected"
        sha256, fault = compare_published(file, path)
        first = self.checksums.get(file.url) if not file.sha256 else ""
        if not fault and first and first != sha256:
            fault = (
                f"has the SHA-256 {sha256}, but the first download had {first}; if the file was renewed on the server, "
                f"delete {self.checksums.path}"
            )
        return sha256, fault


def fetch(file: RemoteFile, folder: Path, progress: Progress, *, hint: str = HINT) -> Path:
    """Download ``file`` into ``folder`` and return its path; an existing intact file is not fetched again.

    Proxies are taken from the environment (``https_proxy``, ``no_proxy``).

    Args:
        file: The remote file.
        folder: Created if necessary.
        progress: Receives the bytes that arrive.
        hint: What to do if the file cannot be fetched, as whole sentences for the error.

    Raises:
        DataError: It cannot be fetched, differs from the published file, or does not fit on the disk.
    """
    name = file_name(file.url)
    path = folder / name
    with explain_disk_errors(folder, file.size, f"fetching {name}"):
        folder.mkdir(parents=True, exist_ok=True)
        downloader = Downloader(FirstChecksums(folder), hint)
        if not downloader.verified(file, path):
            with progress.task(f"fetching {name}", file.size, unit="bytes") as advance:
                downloader.download(file, path, advance)
    return path


def file_name(url: str) -> str:
    """Return the name on disk of the file at ``url``, which may end in a slash, as ``https://osf.io/download/sd3f7/``.

    Raises:
        DataError: The URL names no file, or its scheme is not http, https or file.
    """
    parts = urlsplit(url)
    name = unquote(parts.path).rstrip("/").rpartition("/")[2]
    wrong = name in {"", ".", ".."} or "\\" in name or not name.isprintable()
    if wrong or parts.scheme not in {"http", "https", "file"}:
        raise DataError(f"Expected the http, https or file URL of a file, got {url!r}: it cannot be fetched.")
    return name
