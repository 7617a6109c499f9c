"""Checksums of files: compared with published ones, and listed for a whole folder in the format of ``sha256sum``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data.fetch.safe_paths import INVENTORY, RESERVED
from lnkit.data.stored_files import LARGEST, open_regular, read_text
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import RemoteFile

BATCH = 1000  # files between two updates of the progress
BLOCK = 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Differences:
    """How a folder differs from its inventory. Names are relative to the folder."""

    files: int  # in the inventory
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether there are no differences."""
        return not (self.missing or self.changed or self.extra)


@text_paths
def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file in hexadecimal.

    Raises:
        DataError: It is missing, not a regular file, or may not be read.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compare_published(file: RemoteFile, path: Path) -> tuple[str, str]:
    """Compare the file at ``path`` with the published checksums of ``file``, reading it once.

    Returns:
        Its SHA-256, and how it differs from the published checksums as the end of a sentence; "" if it does not.
    """
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open_regular(path) as stream:
        while block := stream.read(BLOCK):
            sha256.update(block)
            if file.md5:
                md5.update(block)
    for kind, actual, expected in (("SHA-256", sha256, file.sha256.lower()), ("MD5", md5, file.md5.lower())):
        if expected and actual.hexdigest() != expected:
            return sha256.hexdigest(), f"has the {kind} {actual.hexdigest()}, but {expected} is published"
    return sha256.hexdigest(), ""


def write_inventory(folder: Path, progress: Progress) -> tuple[int, int]:
    """List every file under ``folder`` in ``inventory.sha256``; return the number of files and of bytes."""
    names = sorted(_names(folder))
    sums = _sums(folder, names, progress)
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in zip(names, sums, strict=True))
    (folder / INVENTORY).write_text(lines, encoding="utf-8")
    return len(names), sum((folder / name).stat().st_size for name in names)


def compare_inventory(folder: Path, progress: Progress) -> Differences:
    """Read every file under ``folder`` and compare it with the inventory.

    Raises:
        DataError: The inventory is missing or damaged.
    """
    listed = _read_inventory(folder / INVENTORY)
    present = set(_names(folder))
    common = sorted(present & set(listed))
    sums = _sums(folder, common, progress)
    return Differences(
        files=len(listed),
        missing=tuple(sorted(set(listed) - present)),
        changed=tuple(name for name, sha256 in zip(common, sums, strict=True) if listed[name] != sha256),
        extra=tuple(sorted(present - set(listed))),
    )


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name not in RESERVED and path.is_file():
            yield name


def _sums(folder: Path, names: list[str], progress: Progress) -> list[str]:
    sums: list[str] = []
    with progress.task("computing checksums", len(names), unit="files") as advance, ThreadPoolExecutor() as pool:
        for start in range(0, len(names), BATCH):
            batch = [folder / name for name in names[start : start + BATCH]]
            sums += pool.map(file_sha256, batch)
            advance(len(batch))
    return sums


def _read_inventory(path: Path) -> dict[str, str]:
    try:
        lines = read_text(path, LARGEST).splitlines()
        return {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines)}
    except (DataError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged ({error}). Import or fetch the dataset again.") from error
