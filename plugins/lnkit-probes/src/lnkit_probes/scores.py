"""The scores of one loss network, with their intervals, from its measurements: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.datasets.two_afc_layout import DISTORTION_FAMILIES, REAL_FAMILIES
from lnkit.stats import (
    SHARE,
    Estimate,
    FamilyScore,
    drawn_counts,
    estimate_mean,
    estimate_resampled,
    kendall,
    mean_interval,
    mean_of_families,
    named_generator,
    resampled_spearman,
    spearman,
    two_afc_agreement,
)
from lnkit_probes.lowpass import slope
from lnkit_probes.measurements import LAYER, MAIN, NATIVE, Measurements
from lnkit_probes.protocol import POOLINGS, ProbesProtocol

Array = NDArray[Any]
Scores = dict[str, Score]

PERCENT = 100  # PS is given in percent (Kumar2022, section 3)
BEST = "best possible"  # always with the majority


def score_all(measurements: Measurements, protocol: ProbesProtocol, seed: int) -> Outcome:
    """Return every score that was measured, and the measurements themselves.

    Args:
        measurements: of one loss network.
        protocol: says which probes to score, and how many bootstrap samples to draw.
        seed: of the bootstrap.
    """
    judgments = _Judgments(measurements.judge, protocol.resamples, seed)
    scores = _perceptual_scores(judgments, measurements)
    if protocol.wants("sensitivity"):
        scores |= _sensitivity(judgments, measurements.distances[MAIN])
    if protocol.wants("margins"):
        scores |= _margins(judgments, measurements.distances[MAIN])
    scores |= _entropies(measurements.entropy)
    if measurements.hits is not None:
        scores |= _low_pass(measurements.hits, measurements.classes, protocol, seed)
    if measurements.tid2013 is not None:
        scores |= _opinions(*measurements.tid2013, protocol.resamples, seed)
    defined = {name: score for name, score in scores.items() if np.isfinite(score.value)}
    return Outcome(defined, measurements.arrays(), tuple(_notes(scores, measurements, protocol)))


def _notes(scores: Scores, measurements: Measurements, protocol: ProbesProtocol) -> Iterator[str]:
    if protocol.wants("native") and not measurements.eval_size:
        yield "absent: the perceptual score at the backbone's own size, which its plugin does not state (eval_size)"
    undefined = [name for name, score in scores.items() if not np.isfinite(score.value)]
    if undefined:
        yield f"undefined on these data: {', '.join(undefined)}"


@dataclass(frozen=True)
class _Judgments:
    """People's judgments of triplets, and the bootstrap of scores of them."""

    judge: Mapping[str, Array]
    resamples: int
    seed: int

    def perceptual(self, distances: Mapping[str, Array]) -> dict[str, FamilyScore]:
        """Return PS of each family: 100 x 2AFC (Kumar2022 Eq. 2)."""
        return {family: self._perceptual(family, d) for family, d in distances.items()}

    def _perceptual(self, family: str, d: Array) -> FamilyScore:
        judge = self.judge[family]
        agreed = PERCENT * two_afc_agreement(judge, d[:, 0], d[:, 1])
        estimate = estimate_mean(agreed, scale=SHARE, whole=PERCENT)
        best = {BEST: PERCENT * float(np.maximum(judge, 1 - judge).mean())}
        return FamilyScore(Score(estimate.value, len(agreed), estimate.interval(), best), estimate)

    def rng(self, name: str) -> np.random.Generator:
        """Return the generator of a family's bootstrap."""
        return named_generator(self.seed, name)


def _perceptual_scores(judgments: _Judgments, measurements: Measurements) -> Scores:
    main = judgments.perceptual(measurements.distances[MAIN])
    scores = {"ps": mean_of_families(main.values())}
    for group, members in (("ps_distortion", DISTORTION_FAMILIES), ("ps_real", REAL_FAMILIES)):
        if set(members) <= set(main):
            scores[group] = mean_of_families(main[name] for name in members)
    for name in POOLINGS:
        scores[f"ps_{name}"] = mean_of_families(judgments.perceptual(measurements.distances[name]).values())
    if NATIVE in measurements.distances:
        score = mean_of_families(judgments.perceptual(measurements.distances[NATIVE]).values())
        scores["ps_native"] = replace(score, aggregation=f"{score.aggregation} at {measurements.eval_size} px")
    for key, families in measurements.distances.items():
        if key.startswith(LAYER):
            scores[f"ps_layer/{key.removeprefix(LAYER)}"] = mean_of_families(judgments.perceptual(families).values())
    return scores | {f"ps/{family}": scored.score for family, scored in main.items()}


def _sensitivity(judgments: _Judgments, distances: Mapping[str, Array]) -> Scores:
    """Return by how much the patch that everybody found farther is farther (Kumar2022, distortion sensitivity)."""
    scored = []
    for family, d in distances.items():
        judge = judgments.judge[family]
        unanimous = (judge == 0) | (judge == 1)
        if unanimous.any():
            farther = np.where(judge == 1, d[:, 0] - d[:, 1], d[:, 1] - d[:, 0])[unanimous]
            estimate = estimate_mean(farther)
            scored.append(FamilyScore(Score(estimate.value, len(farther), estimate.interval()), estimate))
    return {"distortion_sensitivity": mean_of_families(scored)} if scored else {}


def _margins(judgments: _Judgments, distances: Mapping[str, Array]) -> Scores:
    """Correlate the margin by which p1 is nearer with the people who found it closer (Kumar2022, rank correlation)."""
    spearmans, kendalls = {}, {}
    for family, d in distances.items():
        margin, judge = d[:, 0] - d[:, 1], judgments.judge[family]
        counts = drawn_counts(len(judge), judgments.resamples, judgments.rng(f"margin {family}"))
        resampled = resampled_spearman(margin, judge, counts)
        estimate = estimate_resampled(spearman(margin, judge), resampled, len(judge))
        spearmans[family] = FamilyScore(Score(estimate.value, len(judge), estimate.interval()), estimate)
        tau = Score(kendall(margin, judge), len(judge))
        kendalls[family] = FamilyScore(tau, Estimate(tau.value, float("nan"), 0))  # ranking each sample would take long
    return {
        "margin_spearman": mean_of_families(spearmans.values()),
        "margin_kendall": mean_of_families(kendalls.values()),
        **{f"margin_spearman/{family}": scored.score for family, scored in spearmans.items()},
    }


def _entropies(entropy: Mapping[str, Array]) -> Scores:
    known = {layer: values for layer, values in entropy.items() if not np.isnan(values).any()}
    if not known:
        return {}
    everything = {"": np.mean(list(known.values()), axis=0)} | known
    return {
        f"entropy/{layer}" if layer else "entropy": Score(float(values.mean()), len(values), mean_interval(values))
        for layer, values in everything.items()
    }


def _low_pass(hits: Array, classes: int, protocol: ProbesProtocol, seed: int) -> Scores:
    """Return the accuracy with low frequencies only over that with all, and its slope."""
    sides = np.array([*protocol.sides, protocol.resolution])
    resampled = resampled_rows(hits, protocol.resamples, np.random.default_rng(seed))

    def score(statistic: Callable[[Array], Array]) -> Score:
        value = float(statistic(hits.mean(axis=0)))
        return Score(value, len(hits), estimate_resampled(value, statistic(resampled), len(hits)).interval())

    accuracy = estimate_mean(hits[:, -1], scale=SHARE)
    scores = {"accuracy": Score(accuracy.value, len(hits), accuracy.interval(), baselines={"chance": 1 / classes})}
    for index, side in enumerate(protocol.sides):
        scores[f"lowpass/{side}"] = score(partial(_normalized_at, index))
    scores["lowpass_slope"] = score(lambda accuracies: slope(sides, normalized(accuracies)))
    return scores


def _normalized_at(index: int, accuracies: Array) -> Array:
    at: Array = normalized(accuracies)[..., index]
    return at


def normalized(accuracies: Array) -> Array:
    """Divide accuracies (..., S) by the last of them; NaN where that is 0."""
    whole = accuracies[..., -1:]
    ratios: Array = np.divide(accuracies, whole, out=np.full_like(accuracies, np.nan), where=whole > 0)
    return ratios


def resampled_rows(hits: Array, resamples: int, rng: np.random.Generator) -> Array:
    """Return mean rows (resamples, S) of bootstrap samples of ``hits`` (N, S), drawn as counts of each distinct row."""
    distinct, counts = np.unique(hits, axis=0, return_counts=True)
    drawn: Array = rng.multinomial(len(hits), counts / len(hits), size=resamples) @ distinct / len(hits)
    return drawn


def _opinions(owners: Array, opinions: Array, distances: Array, resamples: int, seed: int) -> Scores:
    """Correlate nearness to the reference with people's opinions."""
    references = int(owners.max()) + 1
    counts = drawn_counts(references, resamples, np.random.default_rng(seed))
    resampled = resampled_spearman(-distances, opinions, counts[:, owners])
    estimate = estimate_resampled(spearman(-distances, opinions), resampled, references)
    return {
        "tid2013_spearman": Score(estimate.value, len(opinions), estimate.interval(), cases=references),
        "tid2013_kendall": Score(kendall(-distances, opinions), len(opinions)),
    }
