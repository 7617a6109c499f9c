"""Which data a run uses: the sample, the user's own folder, or what is in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit import DatasetSpec
from lnkit.data.cache import made_once
from lnkit.data.fetch import choose_folder as choosing

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts

SAMPLE_BYTES = 20_000_000  # of the largest sample, about


@dataclass(frozen=True, slots=True)
class Sample:
    """Small data in a published layout, made on the spot."""

    name: str  # "nights-1"; the number is raised when other files come out
    write: Callable[[Path], None]  # into an empty folder; writes the same files each time


def data_folder(facts: RunFacts, sample: Sample, elsewhere: str | DatasetSpec) -> Path:
    """The folder to read.

    Args:
        facts: Of the run.
        sample: Made if the run is to use it and it is not there yet.
        elsewhere: The dataset to fetch where the user names no folder, or the sentences that say where to get it.

    Raises:
        DataError: No folder is named, and the data cannot be fetched.
    """
    return choosing.data_folder(
        facts, elsewhere, lambda cache: made_once(cache, sample.name, SAMPLE_BYTES, sample.write)
    )


def text_sha256(lines: Iterable[str]) -> str:
    """The identity of judgments: SHA-256 of their lines."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
