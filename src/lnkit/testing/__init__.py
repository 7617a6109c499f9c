"""Checks of what a plugin brings, for its author: a pytest suite to subclass, and the same as a function.

`lnkit plugins check NAME` makes them on the command line.
"""

from __future__ import annotations

from lnkit.testing.collecting import LIMIT, Choice, collect, left_out
from lnkit.testing.findings import Case, Finding
from lnkit.testing.suite import PluginSuite

__all__ = ["LIMIT", "Case", "Choice", "Finding", "PluginSuite", "collect", "left_out"]
