"""Samples: small data sets that a benchmark makes on the spot, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lnkit.data.storage import locked, whole_folder, writing
from lnkit.progress import SilentProgress


def made_once(cache: Path, name: str, size: int, write: Callable[[Path], None]) -> Path:
    """The folder of a sample in the cache, filled by ``write(folder)`` when it is first asked for.

    Args:
        cache: the cache folder, such as a run's ``context.cache``.
        name: of the sample and its version: "superres-1". Another name is another folder.
        size: about how many bytes it takes, for the sentence about a full disk.
        write: fills a new folder; nothing is left of it if that fails.

    Raises:
        DataError: the disk is full or closed to us.
    """
    folder = cache / "samples" / name
    doing = "making the sample"
    with writing(folder, size, doing), locked(folder, doing, SilentProgress()):
        if not folder.is_dir():
            with whole_folder(folder) as new:
                write(new)
    return folder
