"""The data of `bapps`: families of judged triplets and pairs."""

from __future__ import annotations

from lnkit import BenchmarkData
from lnkit.benchmark import RunFacts
from lnkit.data import data_folder
from lnkit.datasets.two_afc import family_notes, open_families
from lnkit.datasets.two_afc_layout import BAPPS_DATASET, BAPPS_MIRROR
from lnkit_bapps.sample import NOTE, PREFIX, sample_folder


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find, download if needed, and pack the parts of the protocol."""
    protocol, parts = facts.protocol, tuple(facts.protocol.parts.split("+"))
    families = open_families(
        data_folder(facts, BAPPS_DATASET, sample_folder, others=(BAPPS_MIRROR,)),
        facts.cache,
        facts.progress,
        parts=parts,
        resolution=protocol.resolution,
        resize_filter=protocol.resize_filter,
    )
    notes = (NOTE,) if all(family.name.startswith(PREFIX) for family in families) else family_notes(families, parts)
    fingerprints = {str(family): family.table.sha256 for family in families}
    return BenchmarkData(families, fingerprints, notes, image_size=protocol.resolution)
