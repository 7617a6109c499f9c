"""Distances between images in feature space: pure functions of features, and a comparer of many images.

Every name is imported when it is first used, so that ``import lnkit.distances`` does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.distances.comparer import ImageComparer as ImageComparer
    from lnkit.distances.criteria import (
        angle as angle,
        charbonnier as charbonnier,
        cosine as cosine,
        dists as dists,
        gram as gram,
        l1 as l1,
    )
    from lnkit.distances.dists_weights import load_dists_weights as load_dists_weights
    from lnkit.distances.embedding import Embedded as Embedded, unit_normalize as unit_normalize
    from lnkit.distances.factory import make_distances as make_distances, total_distance as total_distance
    from lnkit.distances.functional import (
        builtin_distance as builtin_distance,
        lin as lin,
        mean_pool as mean_pool,
        mean_pool_per_channel as mean_pool_per_channel,
        sort as sort,
        spatial as spatial,
        squared as squared,
        style as style,
    )
    from lnkit.distances.lin_weights import load_lin_weights as load_lin_weights

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.distances.comparer": ("ImageComparer",),
        "lnkit.distances.factory": ("make_distances", "total_distance"),
        "lnkit.distances.criteria": ("angle", "charbonnier", "cosine", "dists", "gram", "l1"),
        "lnkit.distances.dists_weights": ("load_dists_weights",),
        "lnkit.distances.embedding": ("Embedded", "unit_normalize"),
        "lnkit.distances.functional": (
            "builtin_distance",
            "lin",
            "mean_pool",
            "mean_pool_per_channel",
            "sort",
            "spatial",
            "squared",
            "style",
        ),
        "lnkit.distances.lin_weights": ("load_lin_weights",),
    },
)
