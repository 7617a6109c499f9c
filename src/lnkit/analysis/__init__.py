"""Analysis of own records and the published study: ranks, correlations, fronts, recommendations. Needs no torch.

``gather()`` collects the scores, ``gather().frame()`` is a DataFrame of them, and most other functions take that frame.
Each name is imported when it is first used, because most need pandas and recommendations do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.analysis.attributes import attributes_frame as attributes_frame
    from lnkit.analysis.collect import ScoreSet as ScoreSet, Selection as Selection, gather as gather
    from lnkit.analysis.correlations import (
        attribute_correlations as attribute_correlations,
        score_correlations as score_correlations,
    )
    from lnkit.analysis.fronts import (
        accuracy_front as accuracy_front,
        pareto_front as pareto_front,
        score_fronts as score_fronts,
    )
    from lnkit.analysis.proxy import proxies as proxies
    from lnkit.analysis.published.audit import audit as audit
    from lnkit.analysis.published.audit_finding import AuditFinding as AuditFinding
    from lnkit.analysis.published.backbone_position import (
        BackbonePosition as BackbonePosition,
        backbone_positions as backbone_positions,
    )
    from lnkit.analysis.published.metric_positions import (
        MetricPosition as MetricPosition,
        metric_positions as metric_positions,
    )
    from lnkit.analysis.published.position import Position as Position, positions as positions
    from lnkit.analysis.rankings import (
        best_points as best_points,
        loss_network_ranks as loss_network_ranks,
        mean_ranks as mean_ranks,
        score_ranks as score_ranks,
    )
    from lnkit.analysis.recommend.constraints import Constraints as Constraints
    from lnkit.analysis.recommend.recommend import (
        Recommendation as Recommendation,
        SettingRecommendation as SettingRecommendation,
        recommendations as recommendations,
    )
    from lnkit.analysis.score_rows import ScoreRow as ScoreRow
    from lnkit.analysis.significance import StoredRun as StoredRun, paired_differences as paired_differences
    from lnkit.stats.bootstrap import Sampling as Sampling

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.analysis.attributes": ("attributes_frame",),
        "lnkit.analysis.collect": ("ScoreSet", "Selection", "gather"),
        "lnkit.analysis.correlations": ("attribute_correlations", "score_correlations"),
        "lnkit.analysis.fronts": ("accuracy_front", "pareto_front", "score_fronts"),
        "lnkit.analysis.proxy": ("proxies",),
        "lnkit.analysis.published.audit": ("audit",),
        "lnkit.analysis.published.audit_finding": ("AuditFinding",),
        "lnkit.analysis.published.backbone_position": ("BackbonePosition", "backbone_positions"),
        "lnkit.analysis.published.metric_positions": ("MetricPosition", "metric_positions"),
        "lnkit.analysis.published.position": ("Position", "positions"),
        "lnkit.analysis.rankings": ("best_points", "loss_network_ranks", "mean_ranks", "score_ranks"),
        "lnkit.analysis.recommend.constraints": ("Constraints",),
        "lnkit.analysis.recommend.recommend": ("Recommendation", "SettingRecommendation", "recommendations"),
        "lnkit.analysis.score_rows": ("ScoreRow",),
        "lnkit.analysis.significance": ("StoredRun", "paired_differences"),
        "lnkit.stats.bootstrap": ("Sampling",),
    },
)
