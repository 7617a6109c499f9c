"""Which cheap score predicted the outcome: short trainings, and scores of benchmarks that only measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lnkit.analysis.proxy import verdict
from lnkit.analysis.score_rows import ScoreRow, from_records, merge_repeats
from lnkit.results.records import RunRecord
from lnkit.search.halving.budget import length_text
from lnkit.search.halving.outcome import Prediction, RungResult
from lnkit.search.halving.scores import best_first, mean_ranks, means
from lnkit.stats.bootstrap import Sampling
from lnkit.stats.coefficients import correlate
from lnkit.stats.rank_correlation import SPEARMAN

Ranks = Mapping[str, float]  # loss network -> mean rank, 1 is the best


def predictions(
    rungs: Sequence[RungResult],
    higher_is_better: Mapping[str, bool],
    records: Iterable[RunRecord],
    length_field: str,
    sampling: Sampling | None = None,
) -> list[Prediction]:
    """Correlate the order in every round with that in the rounds before it, and with measured scores.

    The order in a round is that of the half of the test items that confirms; that in the rounds before it is of the
    half to choose by, so that no item is in both.

    Args:
        rungs: Rounds that are finished, in their order.
        higher_is_better: Main score -> its direction.
        records: All that are in the folder; those of benchmarks that measure are used.
        length_field: Names the lengths.
        sampling: Of the bootstrap, which draws backbones with all their points.
    """
    networks = {name: runs[0].record for rung in rungs for name, runs in rung.trainings.items()}
    measured = measured_ranks(networks, records)
    found = []
    for number, target in enumerate(rungs):
        confirmed = _ranks_of(target, higher_is_better, confirming=True)
        before = {_title(rung, length_field): _ranks_of(rung, higher_is_better) for rung in rungs[:number]}
        for proxy, ranks in (measured | before).items():
            found.append(_predict(proxy, ranks, _title(target, length_field), confirmed, networks, sampling))
    return [one for one in found if one.n > 1]


def _title(result: RungResult, length_field: str) -> str:
    return f"{length_text(result.rung.length, length_field)}{', last' if result.rung.last else ''}"


def _ranks_of(result: RungResult, higher_is_better: Mapping[str, bool], *, confirming: bool = False) -> Ranks:
    scores = {
        name: means([run.scores.confirmed_by if confirming else run.scores.chosen_by for run in runs])
        for name, runs in result.trainings.items()
    }
    return mean_ranks(scores, higher_is_better) if scores else {}


def _predict(
    proxy: str,
    cheap: Ranks,
    target: str,
    outcome: Ranks,
    networks: Mapping[str, RunRecord],
    sampling: Sampling | None,
) -> Prediction:
    both = sorted(cheap.keys() & outcome.keys())
    backbones = np.array([networks[name].key.backbone for name in both], dtype=object)
    x, y = (-np.array([ranks[name] for name in both], np.float64) for ranks in (cheap, outcome))
    rho = correlate(SPEARMAN, x, y, backbones, sampling or Sampling())
    return Prediction(proxy, target, rho.n, rho.coefficient, rho.low, rho.high, verdict(rho.low, rho.high), rho.note)


def measured_ranks(networks: Mapping[str, RunRecord], records: Iterable[RunRecord]) -> dict[str, Ranks]:
    """Return the mean ranks of loss networks by each benchmark that measures them, with the same weights.

    Args:
        networks: Loss network -> a record of it.
        records: All that are in the folder.

    Returns:
        Setting, such as "bapps/paper@3f2a9c" -> loss network -> mean rank over the main scores.
    """
    known = {
        (record.loss_network, record.key.weights_sha256, tuple(record.key.points.items())): name
        for name, record in networks.items()
    }
    own = [
        record
        for record in records
        if not record.trained
        and (record.loss_network, record.key.weights_sha256, tuple(record.key.points.items())) in known
    ]
    settings: dict[str, dict[str, dict[str, ScoreRow]]] = {}
    rows, _ = merge_repeats(row for row in from_records(own) if row.primary)
    for row in rows:
        settings.setdefault(row.setting, {}).setdefault(row.loss_network, {})[row.score] = row
    return {setting: _complete_ranks(by_network) for setting, by_network in settings.items()}


def _complete_ranks(by_network: Mapping[str, Mapping[str, ScoreRow]]) -> Ranks:
    """Rank the loss networks that have every score."""
    directions = {row.score: row.higher_is_better for rows in by_network.values() for row in rows.values()}
    values = {
        name: {score: row.value for score, row in rows.items()}
        for name, rows in by_network.items()
        if rows.keys() == directions.keys()
    }
    ranks = mean_ranks(values, directions)
    return {name: ranks[name] for name in best_first(ranks)}
