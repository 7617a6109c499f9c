"""The scores of one loss network, with their intervals, from what was measured of it: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats.bootstrap import central_interval, mean_interval, named_generator, resampled_means
from lnkit.stats.rank_correlation import drawn_counts, kendall, resampled_spearman, spearman
from lnkit.stats.two_afc import two_afc_agreement
from lnkit_probes.data import DISTORTION_FAMILIES, REAL_FAMILIES
from lnkit_probes.lowpass import slope
from lnkit_probes.measurements import LAYER, MAIN, NATIVE, Found
from lnkit_probes.protocol import POOLINGS, ProbesProtocol

Array = NDArray[Any]
Scores = dict[str, Score]

PERCENT = 100  # PS is given in percent (K, section 3)
BEST = "best possible"  # always with the majority


def score_all(found: Found, protocol: ProbesProtocol, seed: int) -> Outcome:
    """Every score that was measured, and what was measured itself.

    Args:
        found: of one loss network.
        protocol: which probes there are, and how many bootstrap samples.
        seed: of the bootstrap.
    """
    judges = _Judges(found.judge, protocol.resamples, seed)
    scores = _perceptual_scores(judges, found)
    if protocol.wants("sensitivity"):
        scores |= _sensitivity(judges, found.distances[MAIN])
    if protocol.wants("margins"):
        scores |= _margins(judges, found.distances[MAIN])
    scores |= _entropies(found.entropy, judges.resamples, seed)
    if found.hits is not None:
        scores |= _low_pass(found.hits, found.classes, protocol, seed)
    if found.tid2013 is not None:
        scores |= _opinions(*found.tid2013, protocol.resamples, seed)
    defined = {name: score for name, score in scores.items() if np.isfinite(score.value)}
    return Outcome(defined, found.arrays(), tuple(_notes(scores, found, protocol)))


def _notes(scores: Scores, found: Found, protocol: ProbesProtocol) -> Iterator[str]:
    if protocol.wants("native") and not found.eval_size:
        yield "absent: the perceptual score at the backbone's own size, which its plugin does not state (eval_size)"
    undefined = [name for name, score in scores.items() if not np.isfinite(score.value)]
    if undefined:
        yield f"undefined on these data: {', '.join(undefined)}"


class Scored(NamedTuple):
    """A score of one family, with the bootstrap samples that means over families need."""

    score: Score
    resampled: Array


@dataclass(frozen=True)
class _Judges:
    """People's judgments, and what every score of triplets does with them."""

    judge: Mapping[str, Array]
    resamples: int
    seed: int

    def perceptual(self, distances: Mapping[str, Array]) -> dict[str, Scored]:
        """PS of each family: 100 x 2AFC (K Eq. 2)."""
        return {family: self._perceptual(family, d) for family, d in distances.items()}

    def _perceptual(self, family: str, d: Array) -> Scored:
        judge = self.judge[family]
        agreed = PERCENT * two_afc_agreement(judge, d[:, 0], d[:, 1])
        resampled = resampled_means(agreed, self.resamples, self.rng(family))
        best = {BEST: PERCENT * float(np.maximum(judge, 1 - judge).mean())}
        return Scored(Score(float(agreed.mean()), len(agreed), central_interval(resampled), best), resampled)

    def rng(self, name: str) -> np.random.Generator:
        """One of its own for each name, so that no family's interval depends on which others are there."""
        return named_generator(self.seed, name)


def mean_of_families(scored: Sequence[Scored]) -> Score:
    """The unweighted mean over families, as PS is stated."""
    best = [one.score.ceilings[BEST] for one in scored if BEST in one.score.ceilings]
    return Score(
        float(np.mean([one.score.value for one in scored])),
        sum(one.score.n for one in scored),
        central_interval(np.mean([one.resampled for one in scored], axis=0)),
        {BEST: float(np.mean(best))} if best else {},
        aggregation=f"mean of {len(scored)} {'family' if len(scored) == 1 else 'families'}",
    )


def _perceptual_scores(judges: _Judges, found: Found) -> Scores:
    main = judges.perceptual(found.distances[MAIN])
    scores = {"ps": mean_of_families(list(main.values()))}
    for group, members in (("ps_distortion", DISTORTION_FAMILIES), ("ps_real", REAL_FAMILIES)):
        if set(members) <= set(main):
            scores[group] = mean_of_families([main[name] for name in members])
    for name in POOLINGS:
        scores[f"ps_{name}"] = mean_of_families(list(judges.perceptual(found.distances[name]).values()))
    if NATIVE in found.distances:
        score = mean_of_families(list(judges.perceptual(found.distances[NATIVE]).values()))
        scores["ps_native"] = replace(score, aggregation=f"{score.aggregation} at {found.eval_size} px")
    for measure, families in found.distances.items():
        if measure.startswith(LAYER):
            layer = measure.removeprefix(LAYER)
            scores[f"ps_layer/{layer}"] = mean_of_families(list(judges.perceptual(families).values()))
    return scores | {f"ps/{family}": scored.score for family, scored in main.items()}


def _sensitivity(judges: _Judges, distances: Mapping[str, Array]) -> Scores:
    """How much farther away the patch is that everybody found farther (K, distortion sensitivity)."""
    scored = []
    for family, d in distances.items():
        judge = judges.judge[family]
        unanimous = (judge == 0) | (judge == 1)
        if unanimous.any():
            farther = np.where(judge == 1, d[:, 0] - d[:, 1], d[:, 1] - d[:, 0])[unanimous]
            scored.append(_mean(farther, judges.resamples, judges.rng(f"sensitivity {family}")))
    return {"distortion_sensitivity": mean_of_families(scored)} if scored else {}


def _mean(values: Array, resamples: int, rng: np.random.Generator) -> Scored:
    draws = (values[rng.integers(len(values), size=len(values))].mean() for _ in range(resamples))
    resampled = np.fromiter(draws, np.float64, resamples)
    return Scored(Score(float(values.mean()), len(values), central_interval(resampled)), resampled)


def _margins(judges: _Judges, distances: Mapping[str, Array]) -> Scores:
    """How the margin by which p1 is nearer goes along with the people who found it closer (K, rank correlation)."""
    spearmans, kendalls = {}, {}
    for family, d in distances.items():
        margin, judge = d[:, 0] - d[:, 1], judges.judge[family]
        counts = drawn_counts(len(judge), judges.resamples, judges.rng(f"margin {family}"))
        resampled = resampled_spearman(margin, judge, counts)
        score = Score(spearman(margin, judge), len(judge), central_interval(resampled))
        spearmans[family] = Scored(score, resampled)
        kendalls[family] = Scored(Score(kendall(margin, judge), len(judge)), np.empty(0))
    return {
        "margin_spearman": mean_of_families(list(spearmans.values())),
        "margin_kendall": mean_of_families(list(kendalls.values())),
        **{f"margin_spearman/{family}": scored.score for family, scored in spearmans.items()},
    }


def _entropies(entropy: Mapping[str, Array], resamples: int, seed: int) -> Scores:
    known = {layer: values for layer, values in entropy.items() if not np.isnan(values).any()}
    if not known:
        return {}
    everything = {"": np.mean(list(known.values()), axis=0)} | known
    return {
        f"entropy/{layer}" if layer else "entropy": Score(
            float(values.mean()), len(values), mean_interval(values, resamples, np.random.default_rng(seed))
        )
        for layer, values in everything.items()
    }


def _low_pass(hits: Array, classes: int, protocol: ProbesProtocol, seed: int) -> Scores:
    """Accuracy with low frequencies only, over that with all, and its slope."""
    sides = np.array([*protocol.sides, protocol.resolution])
    resampled = resampled_rows(hits, protocol.resamples, np.random.default_rng(seed))

    def score(statistic: Callable[[Array], Array]) -> Score:
        return Score(float(statistic(hits.mean(axis=0))), len(hits), central_interval(statistic(resampled)))

    accuracy = score(lambda accuracies: accuracies[..., -1])
    scores = {"accuracy": Score(accuracy.value, accuracy.n, accuracy.interval, baselines={"chance": 1 / classes})}
    for index, side in enumerate(protocol.sides):
        scores[f"lowpass/{side}"] = score(partial(_normalized_at, index))
    scores["lowpass_slope"] = score(lambda accuracies: slope(sides, normalized(accuracies)))
    return scores


def _normalized_at(index: int, accuracies: Array) -> Array:
    at: Array = normalized(accuracies)[..., index]
    return at


def normalized(accuracies: Array) -> Array:
    """Accuracies (..., S) over the last of them; NaN where that is none."""
    whole = accuracies[..., -1:]
    found: Array = np.divide(accuracies, whole, out=np.full_like(accuracies, np.nan), where=whole > 0)
    return found


def resampled_rows(hits: Array, resamples: int, rng: np.random.Generator) -> Array:
    """Mean rows (resamples, S) of bootstrap samples of ``hits`` (N, S), drawn as one count of each distinct row."""
    distinct, counts = np.unique(hits, axis=0, return_counts=True)
    drawn: Array = rng.multinomial(len(hits), counts / len(hits), size=resamples) @ distinct / len(hits)
    return drawn


def _opinions(owners: Array, opinions: Array, distances: Array, resamples: int, seed: int) -> Scores:
    """How nearness to the reference ranks images as people's opinions do."""
    counts = drawn_counts(int(owners.max()) + 1, resamples, np.random.default_rng(seed))
    resampled = resampled_spearman(-distances, opinions, counts[:, owners])
    return {
        "tid2013_spearman": Score(spearman(-distances, opinions), len(opinions), central_interval(resampled)),
        "tid2013_kendall": Score(kendall(-distances, opinions), len(opinions)),
    }
