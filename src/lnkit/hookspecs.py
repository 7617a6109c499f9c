"""The hooks that a plugin implements, in the order in which lnkit calls them.

Mark each implementation with ``lnkit.hookimpl`` and name its module in the entry-point group ``lnkit``. Import heavy
packages such as torch inside the functions that a spec refers to, never at the top of the module: every command would
wait for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pluggy

from lnkit.benchmark import BenchmarkSpec
from lnkit.specs import BackboneSource, BackboneSpec, DistanceSpec, ExecutorSpec, ExtractionPoint, SuiteSpec

__all__ = [
    "register_backbone",
    "register_backbone_source",
    "register_benchmark",
    "register_distance",
    "register_executor",
    "register_extraction_points",
    "register_suite",
]

PROJECT = "lnkit"
INTERFACE = 1  # version of the plugin interface; raised when plugins made for the previous one would no longer work

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_backbone(register: Callable[[BackboneSpec], None]) -> None:
    """Register backbones. Called first, once for each plugin.

    Args:
        register: takes one or more specs. It raises PluginError at once for an invalid spec or a name that is taken.

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
    """Register extraction points. Called second, when the backbones of all plugins are known.

    The backbone may belong to another plugin. Points for a backbone that is not installed are listed as dangling.

    Args:
        register: takes the name of a backbone and one or more points.
        backbones: all registered backbones by name, read-only.

    Example::

        @lnkit.hookimpl
        def register_extraction_points(register, backbones):
            register("tiny", lnkit.ExtractionPoint("late", node="layer4"))
    """


@hookspec
def register_distance(register: Callable[[DistanceSpec], None]) -> None:
    """Register distances between feature maps. Called third.

    Args:
        register: takes one or more specs.

    Example::

        @lnkit.hookimpl
        def register_distance(register):
            register(lnkit.DistanceSpec(name="l1", load=load_l1))
    """


@hookspec
def register_benchmark(register: Callable[[BenchmarkSpec], None]) -> None:
    """Register benchmarks. Called after all distances are known.

    Args:
        register: takes one or more specs.

    Example::

        @lnkit.hookimpl
        def register_benchmark(register):
            register(lnkit.BenchmarkSpec(name="mine", ...))
    """


@hookspec
def register_backbone_source(register: Callable[[BackboneSource], None]) -> None:
    """Register places whose backbones are described when they are named. Called last.

    Args:
        register: takes one or more specs.

    Example::

        @lnkit.hookimpl
        def register_backbone_source(register):
            register(lnkit.BackboneSource("my-server", describe=describe))  # for --backbone my-server:NAME
    """


@hookspec
def register_executor(register: Callable[[ExecutorSpec], None]) -> None:
    """Register ways to start the workers of `lnkit sweep run --on NAME`.

    Args:
        register: takes one or more specs.

    Example::

        @lnkit.hookimpl
        def register_executor(register):
            register(lnkit.ExecutorSpec(name="pbs", title="a PBS cluster", start="lnkit_pbs.jobs:start"))
    """


@hookspec
def register_suite(register: Callable[[SuiteSpec], None]) -> None:
    """Register suites: named lists of benchmarks that `lnkit eval --bench NAME` runs for one table. Called last.

    Args:
        register: takes one or more specs. The benchmarks may be those of other plugins.

    Example::

        @lnkit.hookimpl
        def register_suite(register):
            register(lnkit.SuiteSpec("mine", "my photographs", benchmarks=("tid2013", "csiq"), score="srcc"))
    """
