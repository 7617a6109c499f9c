"""The data of `perceptual_probes`: judged triplets, and labelled images and TID2013 if they are beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lnkit
from lnkit.data import data_folder
from lnkit.datasets.labelled import LabelledData, open_labelled
from lnkit.datasets.tid2013 import OpinionImages, open_tid2013
from lnkit.datasets.two_afc import JudgedFamily, open_families
from lnkit.datasets.two_afc_layout import BAPPS_DATASET, TWO_AFC
from lnkit_probes.protocol import LABELLED, TID2013
from lnkit_probes.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts


@dataclass(frozen=True, slots=True)
class Content:
    """The data of a run."""

    families: tuple[JudgedFamily, ...]  # by name
    labelled: LabelledData | None
    tid2013: OpinionImages | None


def open_data(facts: RunFacts) -> lnkit.BenchmarkData:
    """Find, download if needed, and pack.

    Raises:
        lnkit.DataError: there are no triplets, or a part of the data is damaged.
    """
    root, protocol = data_folder(facts, BAPPS_DATASET, sample_folder), facts.protocol
    families = open_families(root, facts.cache, facts.progress, resolution=protocol.resolution)
    labelled = _labelled(root) if protocol.wants("lowpass") else None
    tid2013 = root / TID2013 if protocol.wants("tid2013") and (root / TID2013).is_dir() else None
    content = Content(
        tuple(sorted(families, key=lambda family: family.name)),
        open_labelled(labelled, protocol.resolution, facts.cache, facts.progress) if labelled else None,
        open_tid2013(tid2013, facts.cache, facts.progress) if tid2013 else None,
    )
    return lnkit.BenchmarkData(content, _fingerprints(content), _notes(facts, content), protocol.resolution)


def _labelled(root: Path) -> Path | None:
    """Find a folder ``labelled``, or an archive of that name."""
    return next((path for path in sorted(root.iterdir()) if path.name.partition(".")[0] == LABELLED), None)


def _fingerprints(content: Content) -> dict[str, str]:
    fingerprints = {str(family): family.table.sha256 for family in content.families}
    if content.labelled:
        fingerprints[LABELLED] = content.labelled.sha256
    if content.tid2013:
        fingerprints[TID2013] = content.tid2013.sha256
    return fingerprints


def _notes(facts: RunFacts, content: Content) -> tuple[str, ...]:
    if facts.sample:
        return (NOTE,)
    here = {family.name for family in content.families}
    missing = [name for name in TWO_AFC if name not in here]
    notes = [f"partial: missing of the official 2AFC families: {', '.join(missing)}"] if missing else []
    where = "in the folder that --data names"
    if content.labelled is None and facts.protocol.wants("lowpass"):
        notes.append(f"absent: low-pass accuracy, for want of labelled images ({LABELLED}/ {where})")
    if content.tid2013 is None and facts.protocol.wants("tid2013"):
        notes.append(f"absent: TID2013 ({TID2013}/ {where})")
    return tuple(notes)
