"""Two-alternative forced choice (2AFC): do distances agree with people on which of two images is closer to a third?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def two_afc_agreement(judge: NDArray[Any], d0: NDArray[Any], d1: NDArray[Any]) -> NDArray[np.float64]:
    """Return the agreement of a distance with people on each triplet; the 2AFC score is its mean.

    With J the fraction of people who chose p1, it is J where p1 is nearer, 1 - J where p0 is nearer, and 0.5 for a tie.

    Args:
        judge: (N,) in [0, 1], the fraction J of people who found p1 closer to the reference.
        d0: (N,) distances between the reference and p0.
        d1: (N,) distances between the reference and p1.

    Returns:
        (N,) in [0, 1].

    References:
        Kumar2022 Eq. 2. Pihlgren2023 Eq. 2 has no case for ties, but the reference code computes it.

    Example:
        >>> import numpy as np
        >>> two_afc_agreement(np.array([0.8, 0.8, 0.8]), np.array([2.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0]))
        array([0.8, 0.2, 0.5])
    """
    return np.where(d1 < d0, judge, np.where(d0 < d1, 1.0 - judge, 0.5))


def majority_agreement(judge: NDArray[Any], d0: NDArray[Any], d1: NDArray[Any]) -> NDArray[np.float64]:
    """Return whether a distance chooses as most people did, for each triplet that has a majority.

    It is 1 where the image that more than half of the people chose is nearer, 0 where the other one is, and 0.5 for
    equal distances. Triplets that split people in halves are left out.

    Args:
        judge: (N,) in [0, 1], the fraction of people who found p1 closer to the reference.
        d0: (N,) distances between the reference and p0.
        d1: (N,) distances between the reference and p1.

    Returns:
        (M,) of the M triplets with ``judge != 0.5``.

    References:
        Hepburn et al. 2024, arXiv 2403.10390, describe accuracy of this kind; the treatment of ties is ours.

    Example:
        >>> import numpy as np
        >>> majority_agreement(np.array([0.8, 0.5, 0.2]), np.array([2.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0]))
        array([1., 0.])
    """
    decided = judge != 0.5
    return two_afc_agreement((judge[decided] > 0.5).astype(np.float64), d0[decided], d1[decided])


def two_afc_ceilings(judge: NDArray[Any], votes: int | NDArray[Any] | None = None) -> dict[str, float]:
    """Compute the 2AFC scores that people themselves reach on these judgments.

    Args:
        judge: (N,) in [0, 1], the fraction J of people who found p1 closer to the reference.
        votes: number of votes, the same for every triplet or one number for each (N,); None if unknown.

    Returns:
        ``human``: agreement of two votes drawn with replacement, J^2 + (1 - J)^2, as published under this name.
        ``one rater``: agreement of two different votes; only if ``votes`` is known, and nowhere below two.
        ``best possible``: agreement of the majority.

    References:
        Zhang2018, section 4, for ``human``; the other two are ours.

    Example:
        >>> import numpy as np
        >>> {name: round(value, 2) for name, value in two_afc_ceilings(np.array([0.8, 1.0]), votes=5).items()}
        {'human': 0.84, 'best possible': 0.9, 'one rater': 0.8}
    """
    ceilings = {
        "human": float(np.mean(judge**2 + (1 - judge) ** 2)),
        "best possible": float(np.mean(np.maximum(judge, 1 - judge))),
    }
    if votes is not None and np.min(votes) > 1:
        k = judge * votes
        pairs = k * (k - 1) + (votes - k) * (votes - k - 1)
        ceilings["one rater"] = float(np.mean(pairs / (votes * (votes - 1))))
    return ceilings
