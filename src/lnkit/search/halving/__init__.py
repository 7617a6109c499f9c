"""Successive halving: search over loss networks for benchmarks that train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.search.halving.options import TrainingSearchOptions as TrainingSearchOptions
    from lnkit.search.halving.outcome import SearchOutcome as SearchOutcome
    from lnkit.search.halving.search import HalvingSearch as HalvingSearch

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.search.halving.options": ("TrainingSearchOptions",),
        "lnkit.search.halving.outcome": ("SearchOutcome",),
        "lnkit.search.halving.search": ("HalvingSearch",),
    },
)
