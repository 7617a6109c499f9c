"""Conformance checks for plugin authors: of backbones, extraction points, distances, benchmarks and registration.

Subclass `PluginSuite` in a test module to run them in pytest, or call `collect` to run them anywhere::

    for case in lnkit.testing.collect("lnkit_mine"):
        result = case.run()
        print(result.state, case.title, result.message)

``lnkit plugins check NAME`` runs them on the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.testing.checks import Case as Case, CheckResult as CheckResult
    from lnkit.testing.collection import (
        LIMIT as LIMIT,
        CheckOptions as CheckOptions,
        collect as collect,
        selection_note as selection_note,
    )
    from lnkit.testing.suite import PluginSuite as PluginSuite

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.testing.checks": ("Case", "CheckResult"),
        "lnkit.testing.collection": ("LIMIT", "CheckOptions", "collect", "selection_note"),
        "lnkit.testing.suite": ("PluginSuite",),
    },
)
