"""Gathers the scores to analyze: of own records, the published study, or both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit._text_paths import text_paths
from lnkit.analysis.attributes import attributes_frame
from lnkit.analysis.published.metric_rules import METRIC_SETS, SUITES, benchmarks_of
from lnkit.analysis.score_rows import OWN, PUBLISHED, ScoreRow, from_published, from_records, merge_repeats, to_frame
from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.results.folder import ResultsFolder, results_dir
from lnkit.results.records import RunRecord
from lnkit.results.seeds import ONE_TRAINING, listed, means_over_seeds

if TYPE_CHECKING:
    import pandas as pd

BOTH = "both"
ORIGINS = (OWN, PUBLISHED, BOTH)


@dataclass(frozen=True, slots=True)
class Selection:
    """The scores to gather; an empty field selects all."""

    bench: str | None = None  # a benchmark, or the suite "iqa", or "iqa/csiq"
    variant: str | None = None  # of own records
    sample: bool = False  # own records on sample data, instead of those on real data


@text_paths
@dataclass(frozen=True, slots=True)
class ScoreSet:
    """The scores to analyze."""

    rows: list[ScoreRow]  # one for each setting, score and loss network
    records: list[RunRecord]  # of the own rows
    remarks: list[str]  # sentences: what was left out or merged, and why
    folder: Path | None = None  # of the records

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame; see :func:`lnkit.analysis.score_rows.to_frame`."""
        return to_frame(self.rows)

    def attributes(self) -> pd.DataFrame:
        """Return the attributes of the loss networks; see :func:`lnkit.analysis.attributes.attributes_frame`."""
        return attributes_frame(self.rows, self.records)


@text_paths
def gather(folder: Path | None = None, origin: str = BOTH, selection: Selection | None = None) -> ScoreSet:
    """Gather scores of own records and of the published study.

    Args:
        folder: of results; None for the usual one (``LNKIT_RESULTS``, else ``results``).
        origin: "own", "published" or "both".
        selection: narrows the scores down.

    Raises:
        UsageError: ``origin`` is none of these, or no score is left.
    """
    if origin not in ORIGINS:
        raise UsageError(f"Expected one of {', '.join(ORIGINS)} as the origin of scores, got {origin!r}.")
    selection = selection or Selection()
    records, remarks = ([], []) if origin == PUBLISHED else _read_records(results_dir(folder), selection)
    means = means_over_seeds(records)
    rows, repeats = merge_repeats(from_records(means))
    if origin != OWN:
        rows += [row for row in from_published() if selection.bench in (None, row.benchmark)]
    if not rows:
        raise UsageError(" ".join([*remarks, _nothing(folder, origin, selection)]))
    return ScoreSet(rows, records, remarks + _say_seeds(means) + repeats, results_dir(folder) if records else None)


def _read_records(path: Path, selection: Selection) -> tuple[list[RunRecord], list[str]]:
    """Read the selected records of a results folder; sentences say what was skipped."""
    records, damaged = ResultsFolder(path).load()
    records = [record for record in records if _fits(record, selection)]
    chosen = [record for record in records if record.sample == selection.sample]
    remarks = [f"{record.reason} It was left alone." for record in damaged] + _say_foreign(path)
    return chosen, remarks + _say_hidden(len(records) - len(chosen), selection) + _say_doubtful(chosen)


def _fits(record: RunRecord, selection: Selection) -> bool:
    of_benchmark = selection.bench is None or record.key.benchmark in benchmarks_of(selection.bench)
    return of_benchmark and selection.variant in (None, record.key.variant)


def _say_foreign(path: Path) -> list[str]:
    """Name JSON files in no folder of a run, which a reader may take for results."""
    foreign = sorted(file.name for file in path.glob("*.json"))
    if not foreign:
        return []
    names = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
    return [f"{count_of(len(foreign), 'JSON file')} in {path} ({names}) in no folder of a run: ignored."]


def _say_hidden(count: int, selection: Selection) -> list[str]:
    if not count:
        return []
    kind = "real" if selection.sample else "sample"
    return [f"{count_of(count, 'record')} on {kind} data left out; --sample chooses between real and sample data."]


def _say_doubtful(records: Sequence[RunRecord]) -> list[str]:
    """Name doubtful records that are used all the same."""
    reasons = Counter(record.incomparable for record in records if not record.comparable)
    collapsed = [record.loss_network for record in records if record.collapsed]
    remarks = [f"{count_of(n, 'record')} {why}: not comparable with published scores." for why, n in reasons.items()]
    return remarks + [
        f"The training with {name} collapsed; its scores are those of its best network." for name in collapsed
    ]


def _say_seeds(records: Sequence[RunRecord]) -> list[str]:
    """Say which scores include the spread over seeds, and which cannot."""
    seeds = Counter(record.seeds if record.runs else () for record in records if record.trained)
    return [
        f"{count_of(number, 'result')} of single trainings: {ONE_TRAINING}."
        if not each
        else f"{count_of(number, 'result')}: means over the seeds {listed(each)}, with intervals over items and seeds."
        for each, number in seeds.items()
    ]


def count_of(number: int, word: str) -> str:
    """Return ``1 record``, ``1,234 records``."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def _nothing(folder: Path | None, origin: str, selection: Selection) -> str:
    where = "the published tables" if origin == PUBLISHED else f"{results_dir(folder)}"
    names = {"benchmark": selection.bench, "protocol": selection.variant}
    about = "".join(f" of {kind} {name!r}" for kind, name in names.items() if name)
    known = dict.fromkeys((*(row.benchmark for row in from_published()), *METRIC_SETS, *SUITES))
    bench = benchmarks_of(selection.bench)[0] if selection.bench else ""
    hint = "" if bench in ("", *known) else did_you_mean(near_names(bench, known))
    lists = "`lnkit results list` lists the results, `lnkit eval` makes new ones."
    return f"There are no scores{about} in {where}.{hint} {lists}"
