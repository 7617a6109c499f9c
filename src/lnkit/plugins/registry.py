"""The registry: everything that plugins registered, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lnkit.benchmark import BenchmarkSpec
from lnkit.errors import PluginError, UnknownNameError, UsageError, did_you_mean, near_names
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.isolation import Plugin
from lnkit.plugins.sources import Described, describe_from
from lnkit.plugins.user_backbones import import_backbone, is_user_backbone
from lnkit.plugins.validation import check_backbone
from lnkit.specs import (
    BackboneSource,
    BackboneSpec,
    DistanceSpec,
    ExecutorSpec,
    ExtractionPoint,
    LossNetworkId,
    PluginFailure,
    SuiteSpec,
)

Spec = TypeVar("Spec", BackboneSpec, BenchmarkSpec, DistanceSpec, ExecutorSpec)

ALL_POINTS = "all"
CLASS_TOKEN = "@cls"  # after a node path: its class token instead of its patches
NODE_PATH = re.compile(rf"[\w-]+(\.[\w-]+)*({CLASS_TOKEN})?")
DIGITS = re.compile(r"\d+")
DOT = re.compile(r"\.")
USER_CODE = Plugin("user code", "", "user code", "")  # the provider of backbones that no plugin registered
MISSPELLED = 0.75  # difflib's ratio from which a word counts as a misspelled point: "lat" for "late" has 0.86


@dataclass
class Registry:
    """Everything that can be named. :func:`load_registry` fills it once; afterwards it is only read."""

    plugins: tuple[Plugin, ...] = ()
    backbones: dict[str, BackboneSpec] = field(default_factory=dict)
    points: dict[str, dict[str, ExtractionPoint]] = field(default_factory=dict)  # backbone -> name -> point
    distances: dict[str, DistanceSpec] = field(default_factory=dict)
    benchmarks: dict[str, BenchmarkSpec] = field(default_factory=dict)
    executors: dict[str, ExecutorSpec] = field(default_factory=dict)
    sources: dict[str, BackboneSource] = field(default_factory=dict)
    described: dict[str, Described] = field(default_factory=dict)  # backbones of the sources that were asked for
    suites: dict[str, SuiteSpec] = field(default_factory=dict)
    dangling: list[tuple[str, ExtractionPoint, str]] = field(default_factory=list)  # backbone, point, plugin
    providers: dict[tuple[str, str], Plugin] = field(default_factory=dict)  # ("backbone", "vgg16") -> plugin

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        return tuple(failure for plugin in self.plugins for failure in plugin.failures)

    def backbone(self, name: str) -> BackboneSpec:
        """Return a backbone.

        Args:
            name: ``vgg16``; with other weights ``resnet50.IMAGENET1K_V2``; ``package.module:build``, a user's own
                function, which is imported; or ``hf-hub:owner/name``, one of a plugin's source, which describes it.

        Raises:
            LnkitError: the source cannot describe it.
            UnknownNameError: no backbone has this name, or not with these weights; the message suggests similar names.
            UsageError: the user's function cannot be imported.
        """
        if name not in self.backbones:
            if described := self._described(name):
                return described.spec
            spec = self._tagged(name)
            if spec is None and is_user_backbone(name):
                spec = import_backbone(name)
            if spec is not None:
                return spec
        return self._look_up("backbone", name, self.backbones)

    def points_at(self, backbone: str) -> Mapping[str, ExtractionPoint]:
        """Return the extraction points of a backbone by name; empty for an unknown backbone."""
        if described := self._described(backbone):
            return described.points
        return self.points.get(self._base(backbone), {})

    def benchmark(self, name: str) -> BenchmarkSpec:
        """Return a benchmark.

        Args:
            name: ``csiq``, or ``iqa/csiq`` for a benchmark of a suite.

        Raises:
            UnknownNameError: no benchmark has this name; the message suggests similar names.
            UsageError: it is the name of a suite, which is several benchmarks.
        """
        if name in self.suites:
            members = ", ".join(self.suites[name].benchmarks)
            raise UsageError(f"Expected one benchmark, got the suite {name!r}: name one or more of {members} instead.")
        suite, slash, member = name.partition("/")
        if slash and name not in self.benchmarks and suite in self.suites:
            return self._member(self.suites[suite], member)
        return self._look_up("benchmark", name, self.benchmarks)

    def distance(self, name: str) -> DistanceSpec:
        """Return a distance. Raises UnknownNameError, which suggests similar names."""
        return self._look_up("distance", name, self.distances)

    def executor(self, name: str) -> ExecutorSpec:
        """Return a way to start workers. Raises UnknownNameError, which suggests similar names."""
        if name in self.executors:
            return self.executors[name]
        near = did_you_mean(near_names(name, self.executors))
        raise UnknownNameError(f"No executor is called {name!r}.{near} There are: {', '.join(self.executors)}.")

    def plugins_named(self, name: str) -> list[Plugin]:
        """Return the plugins of this name: one, unless two distributions claim it. Raises UnknownNameError if none."""
        named = [plugin for plugin in self.plugins if plugin.name == name]
        if not named:
            names = ", ".join(dict.fromkeys(plugin.name for plugin in self.plugins))
            raise UnknownNameError(f"No plugin is called {name!r}; installed are: {names}.")
        return named

    def provider(self, kind: str, name: str) -> Plugin:
        """Return the plugin that registered an item of kind "backbone", "benchmark" or "distance"."""
        if kind == "backbone" and (source := self._source(name)):
            return self.providers["source", source.name]
        if kind == "backbone" and is_user_backbone(name):
            return USER_CODE
        return self.providers[kind, self._base(name) if kind == "backbone" else name]

    def with_backbone(self, spec: BackboneSpec, points: Mapping[str, ExtractionPoint]) -> Registry:
        """Return a copy of the registry with one more backbone, from user code.

        Args:
            spec: the backbone.
            points: its extraction points by name.
        """
        return replace(
            self,
            backbones={**self.backbones, spec.name: spec},
            points={**self.points, spec.name: dict(points)},
            providers={**self.providers, ("backbone", spec.name): USER_CODE},
        )

    def resolve_points(self, backbone: str, text: str) -> tuple[tuple[str, ...], ...]:
        """Parse a user's choice of points into loss networks.

        Args:
            backbone: its name.
            text: ``late`` is one point, ``early+mid`` one loss network at two points, ``early,late`` two loss networks,
                and ``all`` one loss network at each registered single point. Layers may have their usual names
                (``conv3_4``). Any other name is taken for a node path, which the network checks later, unless it
                resembles a registered name.

        Returns:
            The names of the points of each loss network.

        Raises:
            UnknownNameError: the backbone is unknown, a point is misspelled, or ``all`` is given and no point is
                registered.
            UsageError: ``all`` is joined with another point.
        """
        self.backbone(backbone)
        groups: list[tuple[str, ...]] = []
        for group in text.split(","):
            names = [name.strip() for name in group.split("+")]
            if names == [ALL_POINTS]:
                groups += [(name,) for name in self._single_points(backbone)]
            else:
                groups.append(tuple(dict.fromkeys(self._point_name(backbone, name) for name in names)))
        return tuple(dict.fromkeys(groups))

    def points_of(self, network: LossNetworkId) -> tuple[ExtractionPoint, ...]:
        """Return the extraction points of a loss network, each of one node.

        Named sets and node paths become points named after their nodes. A node that occurs more than once is used once.
        """
        registered, names = self.points_at(network.backbone), self.backbone(network.backbone).layer_names
        points: dict[tuple[str, bool], ExtractionPoint] = {}  # (node, whether its class token) -> point
        for name in network.points:
            point = registered.get(name) or _unregistered_point(name, names.get(name, name), registered.values())
            for node in point.nodes:
                part = point
                if len(point.nodes) > 1:
                    part = ExtractionPoint(node, node, layout=point.layout, prefix_tokens=point.prefix_tokens)
                points.setdefault((part.node, part.layout == "CLS"), part)
        return tuple(points.values())

    def _single_points(self, backbone: str) -> list[str]:
        names = [name for name, point in self.points_at(backbone).items() if len(point.nodes) == 1]
        if not names:
            in_hand = self.providers.get(("backbone", backbone)) is USER_CODE  # which no command can find
            raise UnknownNameError(
                f"No extraction point is registered for {backbone!r}: give node paths, such as "
                + ("points='layer1,layer2'." if in_hand else "--point layer1,layer2. ")
                + ("" if in_hand else f"`lnkit points {backbone} --all` lists them.")
            )
        return names

    def _point_name(self, backbone: str, name: str) -> str:
        registered = self.points_at(backbone)
        layers = self.backbone(backbone).layer_names
        if name in registered or name in layers:
            return name
        if name == ALL_POINTS:
            raise UsageError("'all' means one loss network at each point and cannot be joined with +; list the points.")
        near = _misspelled(name, registered) or _layers_like(name, layers)
        if near or not NODE_PATH.fullmatch(name):
            has = ", ".join(registered) or "none of its own"
            raise UnknownNameError(
                f"{backbone!r} has no extraction point {name!r}.{did_you_mean(near)} It has: {has}; "
                f"`lnkit points {backbone}` shows them, and a node path of the network works too."
            )
        return name

    def _source(self, name: str) -> BackboneSource | None:
        source, colon, _ = name.partition(":")
        return self.sources.get(source) if colon else None

    def _described(self, name: str) -> Described | None:
        """Return the backbone ``<source>:<name>``, or None if there is no such source."""
        source = self._source(name)
        if source is None:
            return None
        if name not in self.described:
            self.described[name] = describe_from(source, name)
        return self.described[name]

    def _base(self, name: str) -> str:
        """Return the registered backbone behind ``name``: ``resnet50`` for ``resnet50.IMAGENET1K_V2``."""
        if name in self.backbones:
            return name
        bases = (name[: dot.start()] for dot in DOT.finditer(name))
        return next((base for base in bases if base in self.backbones and self.backbones[base].tags), name)

    def _tagged(self, name: str) -> BackboneSpec | None:
        """Return the backbone ``<base>.<tag>``, or None if no base has tags. Raises UnknownNameError for the tag."""
        base = self._base(name)
        if base == name:
            return None
        spec, tag = self.backbones[base], name.removeprefix(f"{base}.")
        if tag not in spec.tags or spec.with_tag is None:
            raise UnknownNameError(
                f"{base!r} has no weights {tag!r}.{did_you_mean(near_names(tag, spec.tags))} "
                f"It has: {', '.join(spec.tags)}."
            )
        return _describe_tagged(spec.with_tag, tag, name)

    def _member(self, suite: SuiteSpec, name: str) -> BenchmarkSpec:
        if name not in suite.benchmarks:
            near = did_you_mean([f"{suite.name}/{member}" for member in near_names(name, suite.benchmarks)])
            raise UnknownNameError(
                f"The suite {suite.name!r} has no benchmark {name!r}.{near} It has: {', '.join(suite.benchmarks)}."
            )
        if name not in self.benchmarks:
            raise UnknownNameError(
                f"The suite {suite.name!r} names the benchmark {name!r}, which no installed plugin provides: install "
                f"one that does, or run another of its benchmarks.{self._missing_plugins()}"
            )
        return self.benchmarks[name]

    def _look_up(self, kind: str, name: str, known: Mapping[str, Spec]) -> Spec:
        if name in known:
            return known[name]
        names = [*known, *self.suites] if kind == "benchmark" else known
        raise UnknownNameError(
            f"No {kind} is called {name!r}.{did_you_mean(near_names(name, names))} "
            f"`lnkit list-{kind}s` shows all {len(known)}.{self._missing_plugins()}"
        )

    def _missing_plugins(self) -> str:
        """Return hints for an unknown name: the plugins that failed or are disabled."""
        failed = ", ".join(plugin.name for plugin in self.plugins if plugin.failures)
        off = ", ".join(plugin.name for plugin in self.plugins if plugin.state == "off")
        hint = f" It may belong to a plugin that failed to load: {failed} (`lnkit plugins` says why)." if failed else ""
        return hint + (f" LNKIT_PLUGINS leaves out {off}, which may have it." if off else "")


def node_of(name: str) -> str:
    """Return the node of a point that is a node path: ``blocks.0`` for ``blocks.0@cls``."""
    return name.removesuffix(CLASS_TOKEN)


def _unregistered_point(name: str, path: str, registered: Iterable[ExtractionPoint]) -> ExtractionPoint:
    """Return a node as a point, with the layout of the registered points in the same part of the network.

    Blocks of a transformer give their outputs alike. Elsewhere the layout is read from the output, unless all
    registered points have the usual one.

    Raises:
        UsageError: the class token is asked for where the network has none.
    """
    node, known = node_of(path), list(registered)
    first = node.partition(".")[0]
    like = [p for p in known if p.layout != "CLS" and any(n.partition(".")[0] == first for n in p.nodes)]
    prefixes = {point.prefix_tokens for point in like if point.layout == "NLC"}
    if node != path:
        if like and prefixes in (set(), {0}):
            raise UsageError(f"The node {node!r} has no class token: leave out {CLASS_TOKEN}.")
        return ExtractionPoint(name, node, layout="CLS")
    layouts = {point.layout for point in like}
    if len(layouts) == 1 and len(prefixes) < 2:
        return ExtractionPoint(name, node, layout=layouts.pop(), prefix_tokens=max(prefixes, default=0))
    usual = known and all(point.layout == "NCHW" for point in known)
    return ExtractionPoint(name, node, layout="NCHW" if usual else "auto")


def _describe_tagged(describe: Callable[[str], BackboneSpec], tag: str, name: str) -> BackboneSpec:
    """Return a plugin's spec for a backbone with other weights.

    Args:
        describe: the plugin's ``with_tag``, which may raise anything.
        tag: of the weights.
        name: that the spec must have.

    Raises:
        PluginError: the plugin raises, or returns an invalid spec or one with another name.
    """
    try:
        spec = check_backbone(describe(tag))
    except Exception as error:
        raise PluginError(f"The plugin of {name} failed to describe it: {sentence_of(error)}") from error
    if spec.name != name:
        raise PluginError(f"Expected the plugin of {name} to describe it, got {spec.name!r}. Tell its author.")
    return spec


def _layers_like(name: str, layers: Collection[str]) -> list[str]:
    """Return the layers nearest to ``name`` if it is formed like their names but is none of them: ``conv3_5``."""
    form = DIGITS.sub("", name)
    return near_names(name, [layer for layer in layers if DIGITS.sub("", layer) == form])


def _misspelled(name: str, registered: Collection[str]) -> list[str]:
    """Return the points that ``name`` may be a misspelling of.

    A name that differs only in digits (layer2, layer4) is another node, and a dotted path is no misspelling.
    """
    if "." in name:
        return []
    near = near_names(name, registered, MISSPELLED)
    return [point for point in near if DIGITS.sub("", point) != DIGITS.sub("", name)]
