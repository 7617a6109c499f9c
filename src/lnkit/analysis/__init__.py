"""What own records and the published tables say together: ranks, correlations, fronts, advice. Needs no torch.

``gather()`` collects measurements, ``gather().frame()`` is a DataFrame of them, and the other functions here take that.
Each name is imported when it is first touched, since most need pandas and advice does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.analysis.attributes import attributes_frame as attributes_frame
    from lnkit.analysis.collect import Gathered as Gathered
    from lnkit.analysis.collect import Wishes as Wishes
    from lnkit.analysis.collect import gather as gather
    from lnkit.analysis.correlations import attribute_correlations as attribute_correlations
    from lnkit.analysis.correlations import score_correlations as score_correlations
    from lnkit.analysis.fronts import accuracy_front as accuracy_front
    from lnkit.analysis.fronts import pareto_front as pareto_front
    from lnkit.analysis.fronts import score_fronts as score_fronts
    from lnkit.analysis.measurements import ScoreRow as ScoreRow
    from lnkit.analysis.proxy import proxies as proxies
    from lnkit.analysis.published.audit import Finding as Finding
    from lnkit.analysis.published.audit import audit as audit
    from lnkit.analysis.published.backbone_position import Standing as Standing
    from lnkit.analysis.published.backbone_position import standings as standings
    from lnkit.analysis.published.position import Place as Place
    from lnkit.analysis.published.position import place as place
    from lnkit.analysis.rankings import best_points as best_points
    from lnkit.analysis.rankings import loss_network_ranks as loss_network_ranks
    from lnkit.analysis.rankings import mean_ranks as mean_ranks
    from lnkit.analysis.rankings import score_ranks as score_ranks
    from lnkit.analysis.recommend.constraints import Constraints as Constraints
    from lnkit.analysis.recommend.recommend import Advice as Advice
    from lnkit.analysis.recommend.recommend import Conclusion as Conclusion
    from lnkit.analysis.recommend.recommend import advise as advise
    from lnkit.analysis.significance import Kept as Kept
    from lnkit.analysis.significance import paired_differences as paired_differences
    from lnkit.stats.bootstrap import Sampling as Sampling

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.analysis.attributes": ("attributes_frame",),
        "lnkit.analysis.collect": (
            "Gathered",
            "Wishes",
            "gather",
        ),
        "lnkit.analysis.correlations": (
            "attribute_correlations",
            "score_correlations",
        ),
        "lnkit.analysis.fronts": (
            "accuracy_front",
            "pareto_front",
            "score_fronts",
        ),
        "lnkit.analysis.measurements": ("ScoreRow",),
        "lnkit.analysis.proxy": ("proxies",),
        "lnkit.analysis.published.audit": (
            "Finding",
            "audit",
        ),
        "lnkit.analysis.published.backbone_position": (
            "Standing",
            "standings",
        ),
        "lnkit.analysis.published.position": (
            "Place",
            "place",
        ),
        "lnkit.analysis.rankings": (
            "best_points",
            "loss_network_ranks",
            "mean_ranks",
            "score_ranks",
        ),
        "lnkit.analysis.recommend.constraints": ("Constraints",),
        "lnkit.analysis.recommend.recommend": (
            "Advice",
            "Conclusion",
            "advise",
        ),
        "lnkit.analysis.significance": (
            "Kept",
            "paired_differences",
        ),
        "lnkit.stats.bootstrap": ("Sampling",),
    },
)
