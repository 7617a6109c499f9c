"""A list of a folder's files with their checksums, in the format of ``sha256sum``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lnkit.data.fetch.download import file_sha256
from lnkit.errors import DataError
from lnkit.progress import Progress

INVENTORY = "inventory.sha256"
OURS = {INVENTORY, "dataset.json"}  # what lnkit adds to a dataset's folder
BATCH = 1000  # files between two signs of life


@dataclass(frozen=True, slots=True)
class Differences:
    """How a folder differs from its inventory. Names are relative to the folder."""

    files: int  # that the inventory lists
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def none(self) -> bool:
        return not (self.missing or self.changed or self.extra)


def write_inventory(folder: Path, progress: Progress) -> tuple[int, int]:
    """List every file under ``folder`` in ``inventory.sha256``; return their number and bytes."""
    names = sorted(_names(folder))
    sums = _sums(folder, names, progress)
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in zip(names, sums, strict=True))
    (folder / INVENTORY).write_text(lines, encoding="utf-8")
    return len(names), sum((folder / name).stat().st_size for name in names)


def compare_inventory(folder: Path, progress: Progress) -> Differences:
    """Read every file under ``folder`` and compare it with the inventory.

    Raises:
        DataError: There is no inventory, or it cannot be understood.
    """
    listed = _read_inventory(folder / INVENTORY)
    here = set(_names(folder))
    common = sorted(here & set(listed))
    sums = _sums(folder, common, progress)
    return Differences(
        files=len(listed),
        missing=tuple(sorted(set(listed) - here)),
        changed=tuple(name for name, sha256 in zip(common, sums, strict=True) if listed[name] != sha256),
        extra=tuple(sorted(here - set(listed))),
    )


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name not in OURS and path.is_file():
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
        lines = path.read_text(encoding="utf-8").splitlines()
        return {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged ({error}). Import or fetch the dataset again.") from error
