"""The scores of one loss network, each with its interval and its ceilings, from its distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats import (
    average_precision,
    central_interval,
    named_generator,
    resampled_means,
    resampled_precisions,
    two_afc_agreement,
    two_afc_ceilings,
)
from lnkit_bapps.protocol import BappsProtocol

Array = NDArray[np.float64]

DISTORTION_FAMILIES = ("traditional", "cnn")  # Zhang et al. 2018, table 4

REAL_FAMILIES = ("superres", "deblur", "color", "frameinterp")

OFFICIAL_FAMILIES = DISTORTION_FAMILIES + REAL_FAMILIES


@dataclass(frozen=True)
class Distances:
    """What a loss network measured, with the human answers: by family, (judge, d0, d1) and (same, d)."""

    two_afc: dict[str, tuple[Array, Array, Array]] = field(default_factory=dict)
    jnd: dict[str, tuple[Array, Array]] = field(default_factory=dict)

    def arrays(self) -> dict[str, Array]:
        """All of it under the names of the data's own layout, to be kept beside the record."""
        found: dict[str, Array] = {}
        for name, (judge, d0, d1) in self.two_afc.items():
            found |= {f"2afc/{name}/judge": judge, f"2afc/{name}/d0": d0, f"2afc/{name}/d1": d1}
        for name, (same, d) in self.jnd.items():
            found |= {f"jnd/{name}/same": same, f"jnd/{name}/d": d}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Distances:
        """Read back what :meth:`arrays` gave."""
        exact = {key: np.asarray(array, dtype=np.float64) for key, array in arrays.items()}
        found = cls()
        for part, name in dict.fromkeys(tuple(key.split("/")[:2]) for key in exact):
            at = f"{part}/{name}"
            if part == "2afc":
                found.two_afc[name] = (exact[f"{at}/judge"], exact[f"{at}/d0"], exact[f"{at}/d1"])
            else:
                found.jnd[name] = (exact[f"{at}/same"], exact[f"{at}/d"])
        return found


def score_all(distances: Distances, protocol: BappsProtocol, seed: int) -> Outcome:
    """Every score of the benchmark that these distances allow, and the distances themselves."""
    scores = score_distances(distances, resamples=protocol.resamples, seed=seed)
    return Outcome(scores, distances.arrays(), tuple(_undefined(distances)))


def _undefined(distances: Distances) -> list[str]:
    blind = [name for name, (same, _) in distances.jnd.items() if not same.any()]
    return [f"jnd_map/{name} is undefined: nobody saw two of its images as the same." for name in blind]


def score_distances(distances: Distances, *, resamples: int = 1000, seed: int = 0) -> dict[str, Score]:
    """Every score that the given families allow, from distances alone.

    Raises:
        ValueError: there is no family at all.
    """
    if not distances.two_afc and not distances.jnd:
        raise ValueError("There is no family of judged images to score.")
    return _score_triplets(distances.two_afc, resamples, seed) | _score_pairs(distances.jnd, resamples, seed)


@dataclass(frozen=True)
class _Family:
    """One family of triplets, scored, with what its sums and means need."""

    score: Score
    resampled: Array


def _score_triplets(families: Mapping[str, tuple[Array, Array, Array]], resamples: int, seed: int) -> dict[str, Score]:
    if not families:
        return {}
    scored = {name: _score_family(name, *arrays, resamples, seed) for name, arrays in families.items()}
    scores = {"2afc": _mean(scored, tuple(scored)), "2afc_pooled": _pooled(scored)}
    for group, members in (("2afc_distortion", DISTORTION_FAMILIES), ("2afc_real", REAL_FAMILIES)):
        if set(members) <= set(scored):
            scores[group] = _mean(scored, members)
    return scores | {f"2afc/{name}": family.score for name, family in scored.items()}


def _score_family(name: str, judge: Array, d0: Array, d1: Array, resamples: int, seed: int) -> _Family:
    agreed = two_afc_agreement(judge, d0, d1)
    resampled = resampled_means(agreed, resamples, named_generator(seed, name))
    votes = votes_of(judge) if name in OFFICIAL_FAMILIES else None
    score = Score(float(agreed.mean()), len(agreed), central_interval(resampled), two_afc_ceilings(judge, votes))
    return _Family(score, resampled)


def _mean(scored: Mapping[str, _Family], names: Sequence[str]) -> Score:
    """The unweighted mean of families (P, K, LPIPS)."""
    parts = {name: scored[name] for name in names}
    return Score(
        value=float(np.mean([part.score.value for part in parts.values()])),
        n=sum(part.score.n for part in parts.values()),
        interval=central_interval(np.mean([part.resampled for part in parts.values()], axis=0)),
        ceilings=mean_of({name: dict(part.score.ceilings) for name, part in parts.items()}),
        aggregation=_mean_of_families(len(parts)),
    )


def _pooled(scored: Mapping[str, _Family]) -> Score:
    """All triplets counted once, whatever their family."""
    counts = np.array([part.score.n for part in scored.values()], dtype=np.float64)
    share = counts / counts.sum()
    known = set.intersection(*(set(part.score.ceilings) for part in scored.values()))
    return Score(
        value=float(share @ [part.score.value for part in scored.values()]),
        n=int(counts.sum()),
        interval=central_interval(share @ np.stack([part.resampled for part in scored.values()])),
        ceilings={key: float(share @ [p.score.ceilings[key] for p in scored.values()]) for key in sorted(known)},
    )


def _score_pairs(families: Mapping[str, tuple[Array, Array]], resamples: int, seed: int) -> dict[str, Score]:
    seen = {name: arrays for name, arrays in families.items() if arrays[0].any()}
    if not seen:
        return {}
    scored = {name: _score_jnd(name, same, d, resamples, seed) for name, (same, d) in seen.items()}
    same, distance = (np.concatenate(arrays) for arrays in zip(*families.values(), strict=True))
    return {
        "jnd_map": _score_jnd("jnd", same, distance, resamples, seed).score,
        "jnd_map_mean": _mean(scored, tuple(scored)),
    } | {f"jnd_map/{name}": family.score for name, family in scored.items()}


def _score_jnd(name: str, same: Array, distance: Array, resamples: int, seed: int) -> _Family:
    resampled = resampled_precisions(distance, same, resamples, named_generator(seed, f"jnd/{name}"))
    value = average_precision(distance, same)
    return _Family(Score(value, len(distance), central_interval(resampled)), resampled)


def _mean_of_families(count: int) -> str:
    return f"mean of {count} {'family' if count == 1 else 'families'}"


VOTES_PER_TRIPLET = 5  # of the BAPPS validation set; Zhang et al. 2018, section 3


def votes_of(judge: Array) -> int | None:
    """The number of votes per triplet if these are BAPPS's fifths, else None: unknown."""
    k = judge * VOTES_PER_TRIPLET
    return VOTES_PER_TRIPLET if np.allclose(k, np.round(k), atol=1e-4) else None


def mean_of(parts: Mapping[str, dict[str, float]]) -> dict[str, float]:
    """The unweighted mean, key by key, of what all parts know."""
    known = set.intersection(*(set(part) for part in parts.values())) if parts else set()
    return {key: float(np.mean([part[key] for part in parts.values()])) for key in sorted(known)}
