"""What own records and the published tables say together: ranks, correlations, fronts, advice. Needs no torch.

``gather()`` collects measurements, ``gather().frame()`` is a DataFrame of them, and the other functions here take that.
Each name is imported when it is first touched, since most need pandas and advice does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lnkit.analysis.advice import Advice, Conclusion, advise
    from lnkit.analysis.attributes import attributes_frame
    from lnkit.analysis.auditing import Finding, audit
    from lnkit.analysis.constraints import Constraints
    from lnkit.analysis.correlations import attribute_correlations, score_correlations
    from lnkit.analysis.fronts import accuracy_front, pareto_front, score_fronts
    from lnkit.analysis.gathering import Gathered, Wishes, gather
    from lnkit.analysis.measurements import Measurement
    from lnkit.analysis.placing import Place, place
    from lnkit.analysis.proxy import proxies
    from lnkit.analysis.rankings import best_points, loss_network_ranks, mean_ranks, score_ranks
    from lnkit.analysis.resampling import Sampling
    from lnkit.analysis.significance import Kept, paired_differences
    from lnkit.analysis.standing import Standing, standings

_HOMES = {
    "Advice": "advice",
    "Conclusion": "advice",
    "Constraints": "constraints",
    "Finding": "auditing",
    "Gathered": "gathering",
    "Kept": "significance",
    "Measurement": "measurements",
    "Place": "placing",
    "Sampling": "resampling",
    "Standing": "standing",
    "Wishes": "gathering",
    "accuracy_front": "fronts",
    "advise": "advice",
    "attribute_correlations": "correlations",
    "attributes_frame": "attributes",
    "audit": "auditing",
    "best_points": "rankings",
    "gather": "gathering",
    "loss_network_ranks": "rankings",
    "mean_ranks": "rankings",
    "paired_differences": "significance",
    "pareto_front": "fronts",
    "place": "placing",
    "proxies": "proxy",
    "score_correlations": "correlations",
    "score_fronts": "fronts",
    "score_ranks": "rankings",
    "standings": "standing",
}

__all__ = [
    "Advice",
    "Conclusion",
    "Constraints",
    "Finding",
    "Gathered",
    "Kept",
    "Measurement",
    "Place",
    "Sampling",
    "Standing",
    "Wishes",
    "accuracy_front",
    "advise",
    "attribute_correlations",
    "attributes_frame",
    "audit",
    "best_points",
    "gather",
    "loss_network_ranks",
    "mean_ranks",
    "paired_differences",
    "pareto_front",
    "place",
    "proxies",
    "score_correlations",
    "score_fronts",
    "score_ranks",
    "standings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lnkit.analysis' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only when a lazy name is touched

    value = globals()[name] = getattr(import_module(f"lnkit.analysis.{_HOMES[name]}"), name)
    return value
