"""Which data a run uses: the sample, the user's own folder, or what is in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit import DataError, DatasetSpec
from lnkit.data.storage import locked, whole_folder, writing
from lnkit.progress import SilentProgress

if TYPE_CHECKING:
    from lnkit.context import RunContext

SAMPLE_BYTES = 20_000_000  # of the largest sample, about


@dataclass(frozen=True, slots=True)
class Sample:
    """Small data in a published layout, made on the spot."""

    name: str  # "nights-1"; the number is raised when other files come out
    write: Callable[[Path], None]  # into an empty folder; writes the same files each time


def data_folder(context: RunContext, sample: Sample, elsewhere: str | DatasetSpec) -> Path:
    """The folder to read.

    Args:
        context: Of the run.
        sample: Made if the run is to use it and it is not there yet.
        elsewhere: The dataset to fetch where the user names no folder, or the sentences that say where to get it.

    Raises:
        DataError: No folder is named, and the data cannot be fetched.
    """
    if context.sample:
        return _made_once(context.cache / "samples" / sample.name, sample.write)
    if context.data is not None:
        return context.data
    if isinstance(elsewhere, str):
        raise DataError(elsewhere)
    from lnkit.data.datasets import ensure_dataset  # noqa: PLC0415 - the network, only when nothing is given

    return ensure_dataset(elsewhere, context.cache, context.progress)


def _made_once(folder: Path, write: Callable[[Path], None]) -> Path:
    doing = "making the sample"
    with writing(folder, SAMPLE_BYTES, doing), locked(folder, doing, SilentProgress()):
        if not folder.is_dir():
            with whole_folder(folder) as new:
                write(new)
    return folder


def text_sha256(lines: Iterable[str]) -> str:
    """The identity of judgments: SHA-256 of their lines."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def what_is_there(folder: Path) -> str:
    """A sentence with the names that a folder holds, for the end of an error."""
    if not folder.is_dir():
        return f"{folder} is not a folder."
    names = sorted(path.name for path in folder.iterdir())
    shown = ", ".join(ascii(name)[1:-1] for name in names[:8]) + (", ..." if len(names) > 8 else "")
    return f"{folder} holds {shown}." if names else f"{folder} is empty."
