"""What a dataset's folder says about itself: ``dataset.json`` tells what came from where, and under which terms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lnkit._version import __version__
from lnkit.data.fetch.checksums import write_inventory
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec

FACTS = "dataset.json"


@dataclass(frozen=True, slots=True)
class Provenance:
    """An archive, a folder, or some single files that a dataset was made from."""

    name: str  # of the file or folder; "1,108 files"
    source: str  # URL, or the path it was imported from; of several files what their addresses begin with
    size: int  # bytes
    sha256: str  # "" for a folder and for several files: the inventory has that of each file


def read_facts(folder: Path) -> dict[str, Any]:
    """The content of ``dataset.json``; empty where there is none.

    Raises:
        DataError: It cannot be understood.
    """
    path = folder / FACTS
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}). Import or fetch the dataset again.") from error
    if not isinstance(facts, dict):
        raise DataError(f"{path} is damaged: an object is expected in it. Import or fetch the dataset again.")
    return facts


def known_provenance(folder: Path) -> list[Provenance]:
    """What the dataset in ``folder`` was made from."""
    return [Provenance(**source) for source in read_facts(folder).get("sources", [])]


def describe(spec: DatasetSpec, new: Path, made_from: Sequence[Provenance], progress: Progress) -> None:
    """Write the inventory and ``dataset.json`` of a new dataset.

    Raises:
        DataError: There is no file in it.
    """
    files, size = write_inventory(new, progress)
    if not files:
        raise DataError(f"There is no file in what was to become the dataset {spec.name}. Name what you fetched.")
    facts = {
        "name": spec.name,
        "title": spec.title,
        "license": spec.license,
        "homepage": spec.homepage,
        "sources": [asdict(source) for source in made_from],
        "files": files,
        "bytes": size,
        "lnkit": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (new / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
