"""The scores of one loss network, each with its interval and its ceilings, from its distances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.datasets.two_afc_layout import DISTORTION_FAMILIES, REAL_FAMILIES
from lnkit.stats import (
    LOGIT,
    SHARE,
    FamilyScore,
    average_precision,
    estimate_mean,
    estimate_resampled,
    majority_agreement,
    mean_of_families,
    named_generator,
    resampled_precisions,
    two_afc_agreement,
    two_afc_ceilings,
    weighted_mean,
)
from lnkit_bapps.protocol import BappsProtocol

Array = NDArray[np.float64]

OFFICIAL_FAMILIES = DISTORTION_FAMILIES + REAL_FAMILIES
SPLIT = 0.5  # a judgment without a majority
VOTES_PER_TRIPLET = 5  # of the BAPPS validation set; Zhang2018 2.2

# The average precision of fewer pairs is biased and skewed: simulated intervals miss in up to 15 % of the cases.
FEWEST_PAIRS = 100


@dataclass(frozen=True)
class Distances:
    """The distances of a loss network with people's answers, by family: (judge, d0, d1) and (same, d), (N,) each."""

    two_afc: dict[str, tuple[Array, Array, Array]] = field(default_factory=dict)
    jnd: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    votes: dict[str, Array] = field(default_factory=dict)  # people who judged each triplet (N,), by family, if known

    def add(self, part: str, name: str, judgments: Array, distances: Array, votes: Array | None = None) -> None:
        """Add a family.

        Args:
            part: "2afc" or "jnd".
            name: of the family.
            judgments: (N,) in [0, 1].
            distances: (N, 2) of triplets, or (N, 1) of pairs.
            votes: (N,), the number of people who judged each triplet, if known.
        """
        if part == "2afc":
            self.two_afc[name] = (judgments, distances[:, 0], distances[:, 1])
            if votes is not None:
                self.votes[name] = votes
        else:
            self.jnd[name] = (judgments, distances[:, 0])

    def arrays(self) -> dict[str, Array]:
        """Return all arrays under the names of the data's layout, to be stored beside the record."""
        arrays: dict[str, Array] = {}
        for name, (judge, d0, d1) in self.two_afc.items():
            arrays |= {f"2afc/{name}/judge": judge, f"2afc/{name}/d0": d0, f"2afc/{name}/d1": d1}
        arrays |= {f"2afc/{name}/votes": votes for name, votes in self.votes.items()}
        for name, (same, d) in self.jnd.items():
            arrays |= {f"jnd/{name}/same": same, f"jnd/{name}/d": d}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Distances:
        """Restore what :meth:`arrays` returned."""
        exact = {key: np.asarray(array, dtype=np.float64) for key, array in arrays.items()}
        distances = cls()
        for part, name in dict.fromkeys(tuple(key.split("/")[:2]) for key in exact):
            family = f"{part}/{name}"
            if part == "2afc":
                distances.two_afc[name] = (exact[f"{family}/judge"], exact[f"{family}/d0"], exact[f"{family}/d1"])
                if f"{family}/votes" in exact:
                    distances.votes[name] = exact[f"{family}/votes"]
            else:
                distances.jnd[name] = (exact[f"{family}/same"], exact[f"{family}/d"])
        return distances


def score_all(distances: Distances, protocol: BappsProtocol, seed: int) -> Outcome:
    """Return every score that these distances allow, and the distances themselves."""
    scores = score_distances(distances, resamples=protocol.resamples, seed=seed)
    undefined = [name for name, (same, _) in distances.jnd.items() if not same.any()]
    notes = [f"jnd_map/{name} is undefined: nobody saw two of its images as the same." for name in undefined]
    ties = sum(int((judge == SPLIT).sum()) for judge, _, _ in distances.two_afc.values())
    if ties:
        notes.append(f"2afc_majority leaves out {ties:,} triplets on which people were split in halves")
    return Outcome(scores, distances.arrays(), tuple(notes))


def score_distances(distances: Distances, *, resamples: int = 1000, seed: int = 0) -> dict[str, Score]:
    """Return every score that the given families allow, from distances alone.

    Args:
        distances: of one loss network.
        resamples: bootstrap samples behind the interval of an average precision.
        seed: of the bootstrap.

    Raises:
        ValueError: there is no family.
    """
    if not distances.two_afc and not distances.jnd:
        raise ValueError("There is no family of judged images to score.")
    return _score_triplets(distances.two_afc, distances.votes) | _score_pairs(distances.jnd, resamples, seed)


def _score_triplets(families: Mapping[str, tuple[Array, Array, Array]], votes: Mapping[str, Array]) -> dict[str, Score]:
    if not families:
        return {}
    scored = {name: _score_family(name, *arrays, votes.get(name)) for name, arrays in families.items()}
    scores = {"2afc": mean_of_families(scored.values()), "2afc_pooled": _pooled(scored)}
    decided = [_score_majority(*arrays) for arrays in families.values() if (arrays[0] != SPLIT).any()]
    if decided:
        scores["2afc_majority"] = mean_of_families(decided)
    for group, members in (("2afc_distortion", DISTORTION_FAMILIES), ("2afc_real", REAL_FAMILIES)):
        if set(members) <= set(scored):
            scores[group] = mean_of_families(scored[name] for name in members)
    return scores | {f"2afc/{name}": family.score for name, family in scored.items()}


def _score_family(name: str, judge: Array, d0: Array, d1: Array, stated: Array | None) -> FamilyScore:
    agreed = two_afc_agreement(judge, d0, d1)
    estimate = estimate_mean(agreed, scale=SHARE)
    votes = stated if stated is not None else votes_of(judge) if name in OFFICIAL_FAMILIES else None
    score = Score(estimate.value, len(agreed), estimate.interval(), two_afc_ceilings(judge, votes))
    return FamilyScore(score, estimate)


def _score_majority(judge: Array, d0: Array, d1: Array) -> FamilyScore:
    """Score the agreement with the side that most people chose; triplets that split people in halves have none."""
    decided = judge != SPLIT
    agreed = majority_agreement(judge, d0, d1)
    estimate = estimate_mean(agreed, scale=SHARE)
    human = float(np.mean(np.maximum(judge, 1 - judge)[decided]))  # a vote, drawn at random, with the majority
    return FamilyScore(
        Score(estimate.value, len(agreed), estimate.interval(), {"human": human, "best possible": 1.0}), estimate
    )


def _pooled(scored: Mapping[str, FamilyScore]) -> Score:
    """Return the score of all triplets at once, whatever their family."""
    counts = np.array([part.score.n for part in scored.values()], dtype=np.float64)
    share = counts / counts.sum()
    known = set.intersection(*(set(part.score.ceilings) for part in scored.values()))
    return Score(
        value=float(share @ [part.score.value for part in scored.values()]),
        n=int(counts.sum()),
        interval=weighted_mean([part.estimate for part in scored.values()], share).interval(),
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
        "jnd_map_mean": mean_of_families(scored.values()),
    } | {f"jnd_map/{name}": family.score for name, family in scored.items()}


def _score_jnd(name: str, same: Array, distance: Array, resamples: int, seed: int) -> FamilyScore:
    drawn = resamples if len(distance) >= FEWEST_PAIRS else 0
    resampled = resampled_precisions(distance, same, drawn, named_generator(seed, f"jnd/{name}"))
    estimate = estimate_resampled(average_precision(distance, same), resampled, len(distance), scale=LOGIT)
    return FamilyScore(Score(estimate.value, len(distance), estimate.interval()), estimate)


def votes_of(judge: Array) -> int | None:
    """Return the number of votes per triplet if these are BAPPS's fifths; None: unknown."""
    k = judge * VOTES_PER_TRIPLET
    return VOTES_PER_TRIPLET if np.allclose(k, np.round(k), atol=1e-4) else None
