"""The scores of one loss network from its answers: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats import (
    FamilyScore,
    drawn_counts,
    estimate_resampled,
    mean_of_families,
    named_generator,
    resampled_spearman,
    spearman,
)
from lnkit_psychophysics import human
from lnkit_psychophysics.answers import BASELINE, Answers, Matching
from lnkit_psychophysics.matching import crossings
from lnkit_psychophysics.protocol import Viewing
from lnkit_psychophysics.stimuli import Test

Array = NDArray[Any]
Scores = dict[str, Score]

DETECTION, MASKING = "detection_spearman", "masking_spearman"
CONTRAST_ONLY, PHYSICAL_MATCH = "contrast_only", "physical_match"
BEST = "best possible"


def score_all(answers: Answers, protocol: Viewing, seed: int) -> Outcome:
    """Return every score that the answers allow, and the distances themselves.

    Args:
        answers: of one loss network, beside those of the image itself.
        protocol: says how many bootstrap samples to draw.
        seed: of the bootstrap.
    """
    tests = {test.name: _alignment(test, answers, protocol.resamples, seed) for test in answers.tests}
    scores = {name: family.score for name, family in tests.items()}
    for name, masking in ((DETECTION, False), (MASKING, True)):
        scores[name] = _mean([tests[test.name] for test in answers.tests if test.masking == masking])
    scores |= _matching(answers)
    scored = np.concatenate([scored.ravel() for scored, _ in answers.distances.values()])
    scores["zero_distance_fraction"] = Score(float((scored == 0).mean()), scored.size)
    defined = {name: score for name, score in scores.items() if np.isfinite(score.value)}
    undefined = [name for name in scores if name not in defined]
    return Outcome(defined, answers.arrays(), tuple(_notes(answers, scored, undefined)))


def _alignment(test: Test, answers: Answers, resamples: int, seed: int) -> FamilyScore:
    """Correlate distances with multiples of the human threshold over all pairs (Cai2025).

    Samples of the bootstrap draw whole positions, since the multiples of one position are not independent.
    """
    expected, distances = test.expected.ravel(), answers.distances[test.name][0].ravel()
    positions, multiples = test.expected.shape
    counts = drawn_counts(positions, resamples, named_generator(seed, test.name))
    resampled = resampled_spearman(distances, expected, np.repeat(counts, multiples, axis=1))
    estimate = estimate_resampled(spearman(distances, expected), resampled, positions)
    baselines = {CONTRAST_ONLY: spearman(test.contrasts.ravel(), expected)}
    if answers.baseline is not None:
        baselines[BASELINE] = spearman(answers.baseline.distances[test.name][0].ravel(), expected)
    score = Score(
        estimate.value,
        expected.size,
        estimate.interval(),
        {BEST: best_possible(positions, multiples)},
        baselines,
        cases=positions,
    )
    return FamilyScore(score, estimate)


def best_possible(positions: int, multiples: int) -> float:
    """Return the largest correlation of distances that are all different: each multiple occurs once a position.

    Example:
        >>> round(best_possible(20, 10), 3)
        0.995
    """
    pairs = positions * multiples
    return sqrt(1 - (positions**2 - 1) / (pairs**2 - 1))


def _mean(families: Sequence[FamilyScore]) -> Score:
    """Return the mean of tests; NaN where one is not defined."""
    mean = mean_of_families(families)
    shared = families[0].score.baselines
    baselines = {name: float(np.mean([family.score.baselines[name] for family in families])) for name in shared}
    cases = sum(family.score.cases for family in families)
    return Score(mean.value, mean.n, mean.interval, mean.ceilings, baselines, f"mean of {len(families)} tests", cases)


def _matching(answers: Answers) -> Scores:
    """Compare matches with those of people (Cai2025; averaged by frequency, as its pages are)."""
    errors = match_errors(answers.matching)
    people = human.read_matches()
    physical = Matching(*_fields(answers.matching), np.tile(people.reference[:, None], errors.shape[1]))
    others = {PHYSICAL_MATCH: match_errors(physical)}
    if answers.baseline is not None:
        others[BASELINE] = match_errors(answers.baseline.matching)
    table = answers.matching.distances
    return {
        "matching_rmse": Score(
            rmse_by_frequency(errors), errors.size, baselines={name: rmse_by_frequency(e) for name, e in others.items()}
        ),
        "matching_rmse_pooled": Score(
            rmse_pooled(errors), errors.size, baselines={name: rmse_pooled(e) for name, e in others.items()}
        ),
        "matching_clamped_fraction": Score(float(clamped(answers.matching).mean()), errors.size),
        "matching_non_monotonic_fraction": Score(float((np.diff(table, axis=1) < 0).any(axis=1).mean()), len(table)),
    }


def _fields(matching: Matching) -> tuple[Array, Array, Array, Array]:
    return matching.rows, matching.contrasts, matching.distances, matching.targets


def match_errors(matching: Matching) -> Array:
    """Return log10 of the human match minus that of the model (references, frequencies)."""
    errors: Array = np.log10(human.read_matches().contrast[:, matching.rows]) - np.log10(matching.matches)
    return errors


def rmse_by_frequency(errors: Array) -> float:
    """Return the mean over frequencies of the root mean square over references, as Cai2025 prints it."""
    return float(np.sqrt((errors**2).mean(axis=0)).mean())


def rmse_pooled(errors: Array) -> float:
    """Return the root mean square over all matches."""
    return float(np.sqrt((errors**2).mean()))


def clamped(matching: Matching) -> Array:
    """Return which answers (references, frequencies) are ends of the range, for want of a match inside."""
    rows = [[not crossings(table, target).size for table in matching.distances] for target in matching.targets]
    return np.array(rows)


def _notes(answers: Answers, scored: Array, undefined: Sequence[str]) -> Iterator[str]:
    matching = answers.matching
    if undefined:
        yield f"undefined, since all distances of a test are the same: {', '.join(undefined)}"
    if ends := int(clamped(matching).sum()):
        yield f"clamped: {ends} of {matching.matches.size} matches lie outside the contrasts from 0.001 to 1"
    falls = int((np.diff(matching.distances, axis=1) < 0).any(axis=1).sum())
    if falls:
        yield f"not monotonic: distances fall with contrast somewhere at {falls} of {len(matching.rows)} frequencies"
    several = sum(len(crossings(table, target)) > 1 for table in matching.distances for target in matching.targets)
    if several:
        yield f"several matches: the lowest of several contrasts was taken in {several} of {matching.matches.size}"
    if zeros := int((scored == 0).sum()):
        yield f"zero distances: {zeros} of {scored.size} images look exactly as their reference"
