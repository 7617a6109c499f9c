"""Bring the results of several machines into one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.errors import UsageError
from lnkit.progress import Progress, SilentProgress
from lnkit.results.folder import DamagedRecord, ResultsFolder
from lnkit.results.record_files import ARRAYS_FILES
from lnkit.results.records import RunRecord


@dataclass(slots=True)
class Merged:
    """What became of the results."""

    copied: list[str] = field(default_factory=list)  # ids
    present: list[str] = field(default_factory=list)  # were there before, with the same scores
    different: list[str] = field(default_factory=list)  # were there before, with other scores; those stay
    damaged: list[DamagedRecord] = field(default_factory=list)


@text_paths
def merge_results(sources: Sequence[Path], target: Path, progress: Progress | None = None) -> Merged:
    """Copy every result of some folders into another, unless it is there.

    Args:
        sources: Folders of results; they stay as they are.
        target: Is made if it does not exist.
        progress: Receives the progress.

    Raises:
        UsageError: A source is no folder, or is the target.
        LnkitError: The target cannot be written to.
    """
    for source in sources:
        if not source.is_dir():
            raise UsageError(f"Expected a folder of results, got {source}, which is none.")
        if target.exists() and source.samefile(target):
            raise UsageError(f"{source} is the folder that results are merged into: name only the others.")
    merged, into = Merged(), ResultsFolder(target)
    stored, _ = into.load()
    known = {record.id: record.scores for record in stored}
    for source in sources:
        records, damaged = ResultsFolder(source).load()
        merged.damaged += damaged
        with (progress or SilentProgress()).task(f"Merging {source}", len(records), unit="results") as advance:
            for record in records:
                if record.id in known:
                    (merged.present if known[record.id] == record.scores else merged.different).append(record.id)
                else:
                    _copy(ResultsFolder(source), into, record)
                    known[record.id] = record.scores
                    merged.copied.append(record.id)
                advance(1)
    return merged


def _copy(source: ResultsFolder, target: ResultsFolder, record: RunRecord) -> None:
    has_arrays = any(name in ARRAYS_FILES for name in record.files)
    folder = source.folder_of(record)
    files = {name: folder / name for name in record.files if name not in ARRAYS_FILES}
    target.write(record, source.arrays(record) if has_arrays else {}, files)
