"""Search for the points, and weights of points, whose distances agree with people best, and confirm the choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.search.point_search import (
        Plan as Plan,
        SearchRequest as SearchRequest,
        SearchResult as SearchResult,
        plan_search as plan_search,
        run_search as run_search,
    )

__getattr__, __all__ = lazy_exports(
    __name__,
    {"lnkit.search.point_search": ("Plan", "SearchRequest", "SearchResult", "plan_search", "run_search")},
)
