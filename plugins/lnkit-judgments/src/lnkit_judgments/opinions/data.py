"""Which data a run uses, and what identifies them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit import BenchmarkData, DatasetSpec
from lnkit.datasets.image_files import content_sha256
from lnkit.datasets.opinions import OpinionSet
from lnkit_judgments.opinions.sample import NOTE
from lnkit_judgments.places import Sample, data_folder, text_sha256

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set comes from, and how it is read."""

    name: str  # "tid2013"
    read: Callable[[Path], OpinionSet]
    sample: Sample
    elsewhere: str | DatasetSpec
    official: int  # distorted images


def open_data(facts: RunFacts, source: Source) -> BenchmarkData:
    """Find, fetch if need be, and read what the protocol asks for; images are decoded when they are compared."""
    found = source.read(data_folder(facts, source.sample, source.elsewhere))
    chosen = found.first_references(facts.protocol.references)
    files = {o.name: o.image for o in chosen.opinions} | {o.reference_name: o.reference for o in chosen.opinions}
    fingerprints = {
        "images": content_sha256(source.name, files, found.folder, facts.cache, facts.progress),
        "opinions": text_sha256(f"{o.name} {o.score!r}" for o in chosen.opinions),
    }
    notes = (NOTE,) if facts.sample else _partial(found, source.official)
    return BenchmarkData(chosen, fingerprints, notes, image_size=facts.protocol.resolution or 384)


def _partial(found: OpinionSet, official: int) -> tuple[str, ...]:
    if len(found.opinions) == official:
        return ()
    return (f"partial: {len(found.opinions):,} distorted images, and the official set has {official:,}",)
