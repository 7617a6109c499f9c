"""The hooks that a plugin implements, in the order in which they are called.

Mark an implementation with ``lnkit.hookimpl`` and name its module in the entry-point group ``lnkit``. Import heavy
packages inside the callables that a spec carries, never at the top: every command waits for what happens here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pluggy

from lnkit.benchmark import BenchmarkSpec
from lnkit.specs import BackboneSpec, DistanceSpec, ExtractionPoint

PROJECT = "lnkit"
INTERFACE = 1  # of plugins; raised when a plugin made for the old one could no longer work

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_backbone(register: Callable[[BackboneSpec], None]) -> None:
    """Called once, first. Hand over backbones.

    Example::

        @lnkit.hookimpl
        def register_backbone(register):
            register(lnkit.BackboneSpec(name="tiny", family="Example", load=load_tiny))
    """


@hookspec
def register_extraction_points(
    register: Callable[[str, ExtractionPoint], None],
    backbones: Mapping[str, BackboneSpec],
) -> None:
    """Called when every plugin's backbones are known; ``backbones`` holds them all, read-only.

    A point may belong to another plugin's backbone. One for a backbone that nobody installed is listed as dangling.

    Example::

        @lnkit.hookimpl
        def register_extraction_points(register, backbones):
            register("tiny", lnkit.ExtractionPoint("late", node="layer4"))
    """


@hookspec
def register_distance(register: Callable[[DistanceSpec], None]) -> None:
    """Called third. Hand over distances between feature maps.

    Example::

        @lnkit.hookimpl
        def register_distance(register):
            register(lnkit.DistanceSpec(name="l1", load=load_l1))
    """


@hookspec
def register_benchmark(register: Callable[[BenchmarkSpec], None]) -> None:
    """Called last. Hand over benchmarks.

    Example::

        @lnkit.hookimpl
        def register_benchmark(register):
            register(lnkit.BenchmarkSpec(name="mine", ...))
    """
