"""Fetching a file: announced, resumed where it stopped, checked before anybody sees it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from lnkit.data.storage import write_whole, writing
from lnkit.data.transfer import Meter, Partial, receive_all
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import RemoteFile

CHECKSUMS = "checksums.json"  # in the download folder: URL -> SHA-256 of the first download, where none is published
WAYS_ON = (
    "Three ways on: fetch it on another machine and bring it in with `lnkit data import`; name files that you have "
    "with `--data DIR` or `--weights FILE`; or run on the embedded sample with `--sample`."
)


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
        if path.exists() and _fault(file, path, folder) == "":
            return path
        partial = Partial(folder / f"{name}.part", file.url)
        with progress.task(f"fetching {name}", file.size, unit="bytes") as advance:
            receive_all(file, partial, Meter(advance), ways_on)
        fault = _fault(file, partial.path, folder)
        if fault:
            partial.remove()
            raise DataError(f"{file.url} {fault}. The file was removed. Try again later. {ways_on}")
        _remember_checksum(file, partial.path, folder)
        partial.path.replace(path)
        partial.remove()
    return path


def file_name(url: str) -> str:
    """The name that the file of ``url`` gets on disk.

    Raises:
        DataError: The URL names no file, or is not of http, https or file.
    """
    parts = urlsplit(url)
    name = PurePosixPath(unquote(parts.path)).name
    if parts.scheme not in {"http", "https", "file"} or name in {"", ".", ".."} or "\\" in name:
        raise DataError(f"{url!r} cannot be fetched: an http, https or file address of a file is expected.")
    return name


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fault(file: RemoteFile, path: Path, folder: Path) -> str:
    """What is wrong with a complete file, as the end of a sentence; "" if nothing is."""
    size = path.stat().st_size
    if file.exact and size != file.size:
        return f"came with {size:,} bytes, and {file.size:,} are expected"
    first = _checksums(folder).get(file.url, "")
    expected = file.sha256.lower() or first
    if not expected:
        return ""
    got = file_sha256(path)
    if got == expected:
        return ""
    where = "expected" if file.sha256 else f"what came the first time; if it was renewed, delete {folder / CHECKSUMS}"
    return f"has the SHA-256 {got}, and {expected} is {where}"


def _checksums(folder: Path) -> dict[str, str]:
    try:
        known = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(url): str(value) for url, value in known.items()} if isinstance(known, dict) else {}


def _remember_checksum(file: RemoteFile, path: Path, folder: Path) -> None:
    """Keep the checksum of a first download where none is published."""
    if not file.sha256:
        write_whole(folder / CHECKSUMS, json.dumps(_checksums(folder) | {file.url: file_sha256(path)}, indent=1))
