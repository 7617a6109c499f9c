"""Statistics of scores: 2AFC agreement, JND precision, rank correlations, intervals.

Pure functions of arrays, which benchmarks and analyses share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.stats.bootstrap import Sampling as Sampling, named_generator as named_generator
    from lnkit.stats.coefficients import Coefficient as Coefficient, correlate as correlate
    from lnkit.stats.families import FamilyScore as FamilyScore, mean_of_families as mean_of_families
    from lnkit.stats.intervals import (
        FEWEST_ITEMS as FEWEST_ITEMS,
        FISHER as FISHER,
        LOGIT as LOGIT,
        PLAIN as PLAIN,
        SHARE as SHARE,
        Estimate as Estimate,
        estimate_mean as estimate_mean,
        estimate_resampled as estimate_resampled,
        mean_interval as mean_interval,
        weighted_mean as weighted_mean,
        wilson_interval as wilson_interval,
    )
    from lnkit.stats.jnd import average_precision as average_precision, resampled_precisions as resampled_precisions
    from lnkit.stats.rank_correlation import (
        METHODS as METHODS,
        drawn_counts as drawn_counts,
        kendall as kendall,
        pearson as pearson,
        resampled_kendall as resampled_kendall,
        resampled_pearson as resampled_pearson,
        resampled_spearman as resampled_spearman,
        spearman as spearman,
    )
    from lnkit.stats.ranks import kendalls_w as kendalls_w, tied_ranks as tied_ranks
    from lnkit.stats.two_afc import (
        majority_agreement as majority_agreement,
        two_afc_agreement as two_afc_agreement,
        two_afc_ceilings as two_afc_ceilings,
    )

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.stats.bootstrap": ("Sampling", "named_generator"),
        "lnkit.stats.coefficients": ("Coefficient", "correlate"),
        "lnkit.stats.families": ("FamilyScore", "mean_of_families"),
        "lnkit.stats.intervals": (
            "FEWEST_ITEMS",
            "FISHER",
            "LOGIT",
            "PLAIN",
            "SHARE",
            "Estimate",
            "estimate_mean",
            "estimate_resampled",
            "mean_interval",
            "weighted_mean",
            "wilson_interval",
        ),
        "lnkit.stats.jnd": ("average_precision", "resampled_precisions"),
        "lnkit.stats.rank_correlation": (
            "METHODS",
            "drawn_counts",
            "kendall",
            "pearson",
            "resampled_kendall",
            "resampled_pearson",
            "resampled_spearman",
            "spearman",
        ),
        "lnkit.stats.ranks": ("kendalls_w", "tied_ranks"),
        "lnkit.stats.two_afc": ("majority_agreement", "two_afc_agreement", "two_afc_ceilings"),
    },
)
