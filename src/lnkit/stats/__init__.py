"""Statistics of scores: 2AFC agreement, JND precision, rank correlations, bootstrap intervals.

Pure functions of arrays, which benchmarks and analyses share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.stats.bootstrap import (
        Sampling as Sampling,
        central_interval as central_interval,
        mean_interval as mean_interval,
        named_generator as named_generator,
        resampled_means as resampled_means,
    )
    from lnkit.stats.coefficients import Coefficient as Coefficient, correlate as correlate
    from lnkit.stats.families import FamilyScore as FamilyScore, mean_of_families as mean_of_families
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
    from lnkit.stats.two_afc import two_afc_agreement as two_afc_agreement, two_afc_ceilings as two_afc_ceilings

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.stats.bootstrap": (
            "Sampling",
            "central_interval",
            "mean_interval",
            "named_generator",
            "resampled_means",
        ),
        "lnkit.stats.coefficients": ("Coefficient", "correlate"),
        "lnkit.stats.families": ("FamilyScore", "mean_of_families"),
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
        "lnkit.stats.two_afc": ("two_afc_agreement", "two_afc_ceilings"),
    },
)
