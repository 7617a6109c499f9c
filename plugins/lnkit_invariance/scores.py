"""The scores of one loss network, each with an interval over images, from distances alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.benchmark import Arrays
from lnkit.stats import SHARE, drawn_counts, estimate_mean, estimate_resampled, named_generator
from lnkit_invariance.protocol import CHANGES, InvarianceProtocol

Array = NDArray[np.float64]

WEAKEST = 0  # column
FEWEST_CASES = 3  # images, for an interval


def score_all(arrays: Arrays, protocol: InvarianceProtocol, seed: int) -> Outcome:
    """Return every score that these distances allow, and the distances themselves."""
    visible = np.asarray(arrays["visible_blur"], np.float64)
    seen = visible > 0
    notes = [f"left out, since the visible blur changes nothing: {np.sum(~seen):,} crops"] * (not seen.all())
    scores = {}
    if seen.any():
        changes = {
            name.partition("/")[2]: np.asarray(array, np.float64)[seen]
            for name, array in arrays.items()
            if name.startswith("change/")
        }
        scores = _score_crops(changes, visible[seen], np.asarray(arrays["image"])[seen], protocol, seed)
    if "reference" in arrays:
        scores |= _score_decisions(arrays)
    images = len(np.unique(arrays["image"]))
    if images < FEWEST_CASES:
        notes.append(f"no intervals: expected {FEWEST_CASES} images or more, got {images}")
    return Outcome(scores, dict(arrays), tuple(notes))


def _score_crops(
    changes: Mapping[str, Array], visible: Array, images: NDArray[Any], protocol: InvarianceProtocol, seed: int
) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    for change, distances in changes.items():
        weakest = distances[:, WEAKEST]
        if change != "blur":
            scores[f"outranks_blur/{change}"] = _share(_farther(weakest, visible), images)
            scores[f"ratio/{change}"] = _median(weakest / visible, images, protocol.resamples, seed, change)
    ordered = {
        change: _farther(distances[:, 1:], distances[:, :-1]).mean(axis=1)
        for change, distances in changes.items()
        if change in CHANGES and distances.shape[1] > 1
    }
    scores |= {f"monotonic/{change}": _share(values, images) for change, values in ordered.items()}
    if ordered:
        scores["monotonic"] = _share(np.mean(list(ordered.values()), axis=0), images)
    return {"shift_outranks_blur": scores.pop("outranks_blur/shift")} | scores


def _score_decisions(arrays: Arrays) -> dict[str, Score]:
    """Score how often the closer one of two images is another one after a change."""
    plain, references = np.asarray(arrays["decision/plain"], np.float64), np.asarray(arrays["reference"])
    before = _side(plain)
    changed: dict[str, Array] = {}
    for name, array in arrays.items():
        kind, _, change = name.removeprefix("decision/").partition("/")
        after = np.asarray(array, np.float64) if name.startswith("decision/") and change else None
        if after is None:
            continue
        if kind == "reference":
            changed[f"reference/{change}"] = np.abs(_side(after) - before)
        else:
            first, second = (np.column_stack(pair) for pair in ((after[:, 0], plain[:, 1]), (plain[:, 0], after[:, 1])))
            changed[f"one/{change}"] = (np.abs(_side(first) - before) + np.abs(_side(second) - before)) / 2
            changed[f"both/{change}"] = np.abs(_side(after) - before)
    scores = {f"decisions_changed/{name}": _share(values, references) for name, values in changed.items()}
    return {"decisions_changed": _share(np.mean(list(changed.values()), axis=0), references)} | scores


def _side(distances: Array) -> Array:
    """Return 1 where the second image is closer, 0 where the first is, and 0.5 at equal distances."""
    return _farther(distances[:, 0], distances[:, 1])


def _farther(first: Array, second: Array) -> Array:
    """Return 1 where the first distance is larger, 0 where it is smaller, and 0.5 where they are equal."""
    return (np.sign(first - second) + 1) / 2


def _share(values: Array, groups: NDArray[Any]) -> Score:
    """Return the mean of the groups' means: crops of one image are not independent."""
    names, owners = np.unique(groups, return_inverse=True)
    means = np.bincount(owners, values) / np.bincount(owners)
    estimate = estimate_mean(means, scale=SHARE)
    interval = estimate.interval() if len(names) >= FEWEST_CASES else None
    return Score(estimate.value, len(values), interval, cases=len(names))


def _median(ratios: Array, groups: NDArray[Any], resamples: int, seed: int, name: str) -> Score:
    """Return the median over crops; its interval is that of the logarithm, from samples of images."""
    names, owners = np.unique(groups, return_inverse=True)
    value = float(np.median(ratios))
    score = Score(value, len(ratios), cases=len(names))
    if value <= 0 or len(names) < FEWEST_CASES or not resamples:
        return score
    counts = drawn_counts(len(names), resamples, named_generator(seed, f"ratio/{name}"))
    medians = _weighted_medians(ratios, counts[:, owners])
    with np.errstate(divide="ignore"):
        interval = estimate_resampled(np.log(value), np.log(medians), len(names)).interval()
    bounds = None if interval is None else (float(np.exp(interval[0])), float(np.exp(interval[1])))
    return Score(value, len(ratios), bounds, cases=len(names))


def _weighted_medians(values: Array, weights: Array) -> Array:
    """Return the median in each sample, where a value is in it as often as its weight (samples, N) says."""
    order = np.argsort(values, kind="stable")
    ranked, below = values[order], np.cumsum(weights[:, order], axis=1)
    half = below[:, -1:] / 2
    lower, upper = np.argmax(below >= half, axis=1), np.argmax(below > half, axis=1)
    middle: Array = (ranked[lower] + ranked[upper]) / 2
    return middle
