"""Paired differences over several seeds: do two loss networks differ by more than test items and seeds explain?

Both loss networks were trained with the same seeds. For each seed the two runs are compared item by item; the
differences are then combined over the seeds like the scores of one loss network: see :mod:`lnkit.results.spread`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from lnkit.analysis.significance import ONE_TRAINING_EACH, Differences, StoredRun, paired_differences
from lnkit.errors import UsageError
from lnkit.results.records import RunRecord
from lnkit.results.seeds import ENOUGH, listed
from lnkit.results.spread import Difference, mean_of_trainings
from lnkit.stats.bootstrap import Sampling

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

Pair = tuple[StoredRun, StoredRun]


def shared_seeds(first: RunRecord, second: RunRecord) -> tuple[int, ...]:
    """Return the seeds that both loss networks were trained with.

    Raises:
        UsageError: there is only one, or none, although one of the two is a mean over seeds.
    """
    shared = tuple(seed for seed in first.seeds if seed in second.seeds)
    if (first.runs or second.runs) and len(shared) < 2:
        raise UsageError(
            f"Expected loss networks that were trained with the same seeds, got {first.loss_network} with "
            f"{listed(first.seeds)} and {second.loss_network} with {listed(second.seeds)}. Train both with the same "
            "--seeds, or name one run of each by its id."
        )
    return shared


def differences_over_seeds(
    pairs: Sequence[Pair],
    registry: Registry,
    *,
    scores: Sequence[str] = (),
    sampling: Sampling | None = None,
    together: str = "",
    advance: Callable[[int], object] = lambda steps: None,
) -> Differences:
    """Compare two loss networks item by item and seed by seed.

    Args:
        pairs: runs of the two loss networks, one pair for each seed, two pairs or more.
        registry: has the benchmark, which scores the stored arrays.
        scores: names of scores; the primary ones if empty.
        sampling: of the bootstrap of each pair.
        together: see :func:`lnkit.analysis.significance.paired_differences`.
        advance: called with 1 after each resample.

    Returns:
        The table of :func:`lnkit.analysis.significance.paired_differences`, whose numbers are means over the seeds,
        with three more columns: seeds, sd (the standard deviation of the difference over them), and told_apart: whether
        the interval, which is over items and seeds, excludes 0; None without an interval. There is no p.

    Raises:
        UsageError: see there.
        DataError: see there.
    """
    results = [
        paired_differences(pair, registry, scores=scores, sampling=sampling, together=together, advance=advance)
        for pair in pairs
    ]
    seeds = [pair[0].record.seeds[0] for pair in pairs]
    names = [name for name in results[0].table.score if all(name in set(each.table.score) for each in results)]
    by_name = [each.table.set_index("score") for each in results]
    rows = [_row(name, [table.loc[name] for table in by_name], seeds) for name in names]
    remarks = [remark for each in results for remark in each.remarks if remark != ONE_TRAINING_EACH]
    if len(seeds) < ENOUGH:
        remarks.append(f"{len(seeds)} seeds say little about the spread, so the intervals are wide.")
    return Differences(pd.DataFrame(rows).astype({"told_apart": object}), list(dict.fromkeys(remarks)))


def _row(name: str, rows: Sequence[Any], seeds: Sequence[int]) -> dict[str, object]:
    """Combine the rows of one score, one for each seed."""
    changes = [float(row["difference"]) for row in rows]
    intervals = [None if pd.isna(row["low"]) else (float(row["low"]), float(row["high"])) for row in rows]
    mean = mean_of_trainings(changes, intervals, seeds)
    assert mean.spread is not None, "a mean has one"
    low, high = mean.interval or (float("nan"), float("nan"))
    return {
        "score": name,
        "first": sum(float(row["first"]) for row in rows) / len(rows),
        "second": sum(float(row["second"]) for row in rows) / len(rows),
        "difference": mean.value,
        "low": low,
        "high": high,
        "sd": mean.spread.sd,
        "seeds": len(rows),
        "told_apart": Difference(mean.value, mean.interval).told_apart,
        "n": int(rows[0]["n"]),
        "resamples": min(int(row["resamples"]) for row in rows),
    }
