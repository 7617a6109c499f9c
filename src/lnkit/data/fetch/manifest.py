"""The manifest of a dataset's folder, ``dataset.json``: its sources and its license."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lnkit._version import __version__
from lnkit.data.fetch.checksums import write_inventory
from lnkit.data.fetch.safe_paths import MANIFEST
from lnkit.data.stored_files import read_json
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec


@dataclass(frozen=True, slots=True)
class Provenance:
    """A source of a dataset: an archive, a folder, or several single files."""

    name: str  # of the file or folder; "1,108 files"
    source: str  # URL, or the path it was imported from; for several files their common start
    size: int  # bytes
    sha256: str  # "" for a folder and for several files: the inventory lists each of them


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read ``dataset.json``; return an empty dictionary if there is none.

    Raises:
        DataError: It is damaged.
    """
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return {}
    try:
        return read_json(path)
    except DataError as error:
        raise DataError(f"{error} Import or fetch the dataset again.") from error


def read_provenance(folder: Path) -> list[Provenance]:
    """Return the sources of the dataset in ``folder``.

    Raises:
        DataError: Its manifest is damaged.
    """
    sources = read_manifest(folder).get("sources", [])
    try:
        return [Provenance(**source) for source in sources]
    except TypeError as error:
        raise DataError(f"{folder / MANIFEST} is damaged: it names no sources. Import the dataset again.") from error


def missing_files(folder: Path) -> str:
    """Return what the dataset in ``folder`` lacks: ``5 of 14 files; missing: 006.png``; "" if it is whole.

    A damaged manifest says nothing of it; whoever needs the manifest reports it.
    """
    try:
        return str(read_manifest(folder).get("partial", ""))
    except DataError:
        return ""


def write_manifest(
    spec: DatasetSpec, folder: Path, sources: Sequence[Provenance], progress: Progress, partial: str = ""
) -> None:
    """Write the inventory and ``dataset.json`` of a new dataset.

    Args:
        spec: The dataset.
        folder: Holds all of its files.
        sources: Where they came from.
        progress: Receives the number of files whose checksum is computed.
        partial: What the dataset lacks; "" if it is whole, or if that is not known.

    Raises:
        DataError: The folder has no files.
    """
    files, size = write_inventory(folder, progress)
    if not files:
        raise DataError(f"No files were found for the dataset {spec.name}. Name the archives or folders with its data.")
    manifest = {
        "name": spec.name,
        "title": spec.title,
        "license": spec.license,
        "homepage": spec.homepage,
        "sources": [asdict(source) for source in sources],
        "files": files,
        "bytes": size,
        "partial": partial,
        "lnkit": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
