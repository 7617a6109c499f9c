"""Collects what is to be analyzed: own records, the published scores, or both, and says what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.analysis.measurements import (
    OWN,
    PUBLISHED,
    ScoreRow,
    from_published,
    from_records,
    merge_repeats,
    to_frame,
)
from lnkit.errors import UsageError
from lnkit.results.folder import DamagedRecord, ResultsFolder, results_dir
from lnkit.results.records import RunRecord

if TYPE_CHECKING:
    import pandas as pd

BOTH = "both"
ORIGINS = (OWN, PUBLISHED, BOTH)


@dataclass(frozen=True, slots=True)
class Wishes:
    """Which measurements are wanted; an empty field wants all."""

    bench: str | None = None
    variant: str | None = None  # of own records
    sample: bool = False  # records made on sample data, instead of the others


@dataclass(frozen=True, slots=True)
class Gathered:
    """What there is to analyze."""

    measurements: list[ScoreRow]  # one for each setting, score and loss network
    records: list[RunRecord]  # that the own ones come from
    remarks: list[str]  # sentences: what was left out or merged, and why

    def frame(self) -> pd.DataFrame:
        """The measurements, one row each; see :func:`lnkit.analysis.measurements.to_frame`."""
        return to_frame(self.measurements)

    def attributes(self) -> pd.DataFrame:
        """The attributes of their loss networks; see :func:`lnkit.analysis.attributes.attributes_frame`."""
        from lnkit.analysis.attributes import attributes_frame  # noqa: PLC0415 - pandas, and advice does without

        return attributes_frame(self.measurements, self.records)


def gather(folder: Path | None = None, origin: str = BOTH, wishes: Wishes | None = None) -> Gathered:
    """Collect measurements.

    Args:
        folder: of results; None for the usual one (``LNKIT_RESULTS``, else ``results``).
        origin: "own", "published" or "both".
        wishes: narrow them down.

    Raises:
        UsageError: ``origin`` is none of these, or nothing is left.
    """
    if origin not in ORIGINS:
        raise UsageError(f"Measurements come from {', '.join(ORIGINS)}; {origin!r} is none of these.")
    wishes = wishes or Wishes()
    records, remarks = ([], []) if origin == PUBLISHED else read_records(results_dir(folder), wishes)
    measurements, repeats = merge_repeats(from_records(records))
    if origin != OWN:
        measurements += [one for one in from_published() if wishes.bench in (None, one.benchmark)]
    if not measurements:
        raise UsageError(" ".join([*remarks, _nothing(folder, origin, wishes)]))
    return Gathered(measurements, records, remarks + repeats)


def read_records(path: Path, wishes: Wishes) -> tuple[list[RunRecord], list[str]]:
    """The records of a results folder that fit, and sentences on all that was passed over."""
    found, damaged = ResultsFolder(path).load()
    fitting = [record for record in found if _fits(record, wishes)]
    records = [record for record in fitting if record.sample == wishes.sample]
    remarks = [*map(_say_damaged, damaged), *_say_foreign(path)]
    return records, remarks + _say_hidden(len(fitting) - len(records), wishes) + _say_doubtful(records)


def _fits(record: RunRecord, wishes: Wishes) -> bool:
    facts = record.key
    return wishes.bench in (None, facts.benchmark) and wishes.variant in (None, facts.variant)


def _say_damaged(damaged: DamagedRecord) -> str:
    return f"{damaged.reason} It was left alone."


def _say_foreign(path: Path) -> list[str]:
    """Other JSON that lies about, which somebody may take for results."""
    foreign = sorted(file.name for file in path.glob("*.json"))
    if not foreign:
        return []
    names = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
    return [f"{_count(len(foreign), 'JSON file')} in {path} ({names}) in no folder of a run: passed over."]


def _say_hidden(count: int, wishes: Wishes) -> list[str]:
    if not count:
        return []
    kind = "real" if wishes.sample else "sample"
    return [f"{_count(count, 'record')} on {kind} data left out; --sample chooses between real and sample data."]


def _say_doubtful(records: Sequence[RunRecord]) -> list[str]:
    """What is used all the same, and must be known."""
    reasons = Counter(record.incomparable for record in records if not record.comparable)
    collapsed = [record.loss_network for record in records if record.collapsed]
    remarks = [f"{_count(n, 'record')} {why}: not comparable with published scores." for why, n in reasons.items()]
    return remarks + [f"The training with {name} collapsed; its scores are of its best network." for name in collapsed]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def _nothing(folder: Path | None, origin: str, wishes: Wishes) -> str:
    where = "the published tables" if origin == PUBLISHED else f"{results_dir(folder)}"
    about = "".join(
        f" of {what} {name!r}" for what, name in (("benchmark", wishes.bench), ("protocol", wishes.variant)) if name
    )
    return (
        f"There are no scores{about} in {where}: `lnkit results list` shows what there is, and `lnkit eval` makes some."
    )
