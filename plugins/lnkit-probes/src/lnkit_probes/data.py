"""The data of the probes: judged triplets, and labelled images and TID2013 where they are beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lnkit
from lnkit.data.fetch.choose_folder import data_folder
from lnkit.datasets.judged import Family, open_families
from lnkit.datasets.labelled import LabelledData, open_labelled
from lnkit_probes import BAPPS
from lnkit_probes.protocol import LABELLED, TID2013
from lnkit_probes.sample import NOTE, sample_folder
from lnkit_probes.tid2013 import Opinions, open_tid2013

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts

# Families of BAPPS's validation triplets; Zhang et al. 2018, table 4. K's breakdown is by these groups.
DISTORTION_FAMILIES = ("traditional", "cnn")
REAL_FAMILIES = ("superres", "deblur", "color", "frameinterp")


@dataclass(frozen=True, slots=True)
class Content:
    """What the probes measure on."""

    families: tuple[Family, ...]
    labelled: LabelledData | None
    tid2013: Opinions | None


def open_data(facts: RunFacts) -> lnkit.BenchmarkData:
    """Find, fetch if need be, and pack.

    Raises:
        lnkit.DataError: there are no triplets, or something that is there is damaged.
    """
    root, protocol = data_folder(facts, BAPPS, sample_folder), facts.protocol
    families = open_families(root, "val", facts.cache, facts.progress, protocol.resolution)
    labelled = _labelled(root) if protocol.wants("lowpass") else None
    tid2013 = root / TID2013 if protocol.wants("tid2013") and (root / TID2013).is_dir() else None
    content = Content(
        families,
        open_labelled(labelled, protocol.resolution, facts.cache, facts.progress) if labelled else None,
        open_tid2013(tid2013, facts.cache, facts.progress) if tid2013 else None,
    )
    return lnkit.BenchmarkData(content, _fingerprints(content), _notes(facts, content), protocol.resolution)


def _labelled(root: Path) -> Path | None:
    """A folder ``labelled``, or an archive of that name."""
    found = [path for path in sorted(root.iterdir()) if path.name.partition(".")[0] == LABELLED]
    return found[0] if found else None


def _fingerprints(content: Content) -> dict[str, str]:
    found = {f"2afc/{family.name}": family.table.sha256 for family in content.families}
    if content.labelled:
        found[LABELLED] = content.labelled.sha256
    if content.tid2013:
        found[TID2013] = content.tid2013.sha256
    return found


def _notes(facts: RunFacts, content: Content) -> tuple[str, ...]:
    if facts.sample:
        return (NOTE,)
    here = {family.name for family in content.families}
    missing = [name for name in (*DISTORTION_FAMILIES, *REAL_FAMILIES) if name not in here]
    notes = [f"partial: missing of the official 2AFC families: {', '.join(missing)}"] if missing else []
    where = "in the folder that --data names"
    if content.labelled is None and facts.protocol.wants("lowpass"):
        notes.append(f"absent: low-pass accuracy, for want of labelled images ({LABELLED}/ {where})")
    if content.tid2013 is None and facts.protocol.wants("tid2013"):
        notes.append(f"absent: TID2013 ({TID2013}/ {where})")
    return tuple(notes)
