"""Running a benchmark: a request, resolved once, becomes records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.evaluation.python_api import evaluate as evaluate
    from lnkit.evaluation.request import RunRequest as RunRequest
    from lnkit.evaluation.runner import FinishedRun as FinishedRun, run as run
    from lnkit.evaluation.shards import (
        GROUP as GROUP,
        Shards as Shards,
        open_shards as open_shards,
        reference_groups as reference_groups,
    )

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.evaluation.python_api": ("evaluate",),
        "lnkit.evaluation.request": ("RunRequest",),
        "lnkit.evaluation.runner": ("FinishedRun", "run"),
        "lnkit.evaluation.shards": ("GROUP", "Shards", "open_shards", "reference_groups"),
    },
)
