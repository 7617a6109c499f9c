"""The end of a search: the choice among the last loss networks, and whether their seeds tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from lnkit.analysis.seed_differences import differences_over_seeds
from lnkit.analysis.significance import StoredRun
from lnkit.results.spread import Difference, mean_of_trainings
from lnkit.search.halving.outcome import (
    BETTER,
    MIXED,
    NOT_TOLD_APART,
    WORSE,
    FinalResult,
    FinalRow,
    RungResult,
    Training,
)
from lnkit.search.halving.scores import half_of

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry
    from lnkit.results.folder import ResultsFolder

Gap = tuple[float, tuple[float, float] | None, bool | None]  # difference, its interval, whether it excludes 0


def final_result(
    last: RungResult, higher_is_better: Mapping[str, bool], results: ResultsFolder, registry: Registry
) -> FinalResult:
    """Choose by one half of the test items, and compare on the other.

    Args:
        last: The round with several seeds.
        higher_is_better: Main score -> its direction.
        results: The folder with the records.
        registry: Knows the benchmark.
    """
    chosen, *others = last.trainings
    split = all(run.scores.is_split for runs in last.trainings.values() for run in runs)
    rows = [_row(chosen, score, last.trainings[chosen]) for score in higher_is_better]
    verdicts = {}
    for other in others:
        gaps = _gaps(last.trainings[chosen], last.trainings[other], list(higher_is_better), split, results, registry)
        rows += [_row(other, score, last.trainings[other], gaps.get(score)) for score in higher_is_better]
        verdicts[other] = _verdict(gaps, higher_is_better)
    return FinalResult(chosen, tuple(rows), verdicts, split)


def _row(name: str, score: str, runs: Sequence[Training], gap: Gap | None = None) -> FinalRow:
    values = [run.scores.confirmed_by[score] for run in runs]
    sd = stdev(values) if len(values) > 1 else None
    return FinalRow(name, score, fmean(values), sd, len(values), *(gap or (None, None, None)))


def _gaps(
    chosen: Sequence[Training],
    other: Sequence[Training],
    scores: Sequence[str],
    split: bool,
    results: ResultsFolder,
    registry: Registry,
) -> dict[str, Gap]:
    """Return what each score of the other is above that of the chosen one, seed by seed."""
    by_seed = {run.seed: run for run in other}
    pairs = [(run, by_seed[run.seed]) for run in chosen if run.seed in by_seed]
    if len(pairs) < 2:
        return {}
    if not split:  # over the seeds alone
        return {score: _over_seeds(pairs, score) for score in scores}
    stored = [
        (
            StoredRun(first.record, half_of(results.arrays(first.record), confirming=True)),
            StoredRun(second.record, half_of(results.arrays(second.record), confirming=True)),
        )
        for first, second in pairs
    ]
    table = differences_over_seeds(stored, registry, scores=scores).table
    return {
        str(row["score"]): (float(row["difference"]), (float(row["low"]), float(row["high"])), row["told_apart"])
        for row in table.to_dict("records")
    }


def _over_seeds(pairs: Sequence[tuple[Training, Training]], score: str) -> Gap:
    changes = [second.scores.confirmed_by[score] - first.scores.confirmed_by[score] for first, second in pairs]
    mean = mean_of_trainings(changes, [(change, change) for change in changes], [first.seed for first, _ in pairs])
    return mean.value, mean.interval, Difference(mean.value, mean.interval).told_apart


def _verdict(gaps: Mapping[str, Gap], higher_is_better: Mapping[str, bool]) -> str:
    above = {(difference > 0) == higher_is_better[score] for score, (difference, _, told) in gaps.items() if told}
    if not above:
        return NOT_TOLD_APART
    return MIXED if len(above) > 1 else BETTER if above.pop() else WORSE
