"""A request in names, and the same request with every name resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit._text_paths import text_paths
from lnkit.benchmark import BenchmarkSpec
from lnkit.distances.expression import parse_distance
from lnkit.errors import UsageError
from lnkit.plugins.user_backbones import WEIGHTS_AS_BUILT
from lnkit.protocols import choose_protocol, usual_variant
from lnkit.specs import BackboneSpec, DistanceSpec, ExtractionPoint, LossNetworkId

if TYPE_CHECKING:
    from lnkit.plugins.isolation import Plugin
    from lnkit.plugins.registry import Registry


DISTANCE_ROLE = "distance "  # and a name: the role of its supplier


@text_paths
@dataclass(frozen=True, slots=True)
class RunRequest:
    """A benchmark to run on loss networks of one backbone."""

    backbone: str  # "squeezenet1_1"
    points: str = "all"  # "mid", "all", "early+mid", "early,late", a node path
    bench: str = "bapps"
    variant: str = ""  # "paper"; "": the benchmark's first, or the one for its sample
    overrides: Mapping[str, str] = field(default_factory=dict)  # protocol field -> value as text
    weights: str | Path = "pretrained"  # or "random", or a file
    seed: int = 0
    seeds: tuple[int, ...] = ()  # several trainings, one with each; instead of ``seed``
    data: Path | None = None  # None: the cache
    sample: bool = False
    results: Path | None = None  # None: LNKIT_RESULTS, or ./results
    force: bool = False  # run again what is finished
    device: str = "auto"  # "cuda", "mps", "cpu"
    precision: str = "fp32"  # or "bf16"; for training also "fp16"
    engine: str = "auto"
    batch_size: int | None = None  # items at a time; None: chosen by the engine
    keep_images: bool = False  # store every image that the benchmark makes
    allow_varying: bool = False  # run networks and distances that depend on chance or on the batch, and say so


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request with every name looked up: nothing below it asks the registry. Nothing heavy has been imported."""

    request: RunRequest
    backbone: BackboneSpec
    benchmark: BenchmarkSpec
    protocol: Any  # the benchmark's own dataclass, overrides applied
    nodes: Mapping[LossNetworkId, Mapping[str, str]]  # of each loss network: point as the user named it -> node
    layers: Mapping[LossNetworkId, tuple[ExtractionPoint, ...]]  # the same as points of one node each
    unregistered: tuple[str, ...]  # points that are node paths, which the network may not have
    distances: Mapping[str, DistanceSpec]  # all that are registered
    suppliers: Mapping[str, Plugin]  # plugins of the "backbone", the "benchmark" and each "distance NAME" not bundled

    @property
    def networks(self) -> tuple[LossNetworkId, ...]:
        """The loss networks, in the order of the request."""
        return tuple(self.nodes)

    @property
    def own_distance(self) -> bool:
        """Whether the distance is the backbone's, not the protocol's or the user's."""
        return bool(self.backbone.distance) and "distance" not in self.request.overrides


def resolve(request: RunRequest, registry: Registry) -> ResolvedRequest:
    """Look up every name of a request.

    Raises:
        UsageError: a name, a point, a protocol variant or one of its fields is unknown.
    """
    backbone = registry.backbone(request.backbone)
    _refuse_random(request, backbone)
    benchmark = registry.benchmark(request.bench)
    request = replace(request, variant=request.variant or usual_variant(benchmark, request.sample))
    _refuse_training_options(request, benchmark)
    protocol = choose_protocol(benchmark, request.variant, request.overrides, backbone)
    distances = [term.name for term in parse_distance(protocol.distance)] if hasattr(protocol, "distance") else []
    for name in distances:
        registry.distance(name)
    networks = [LossNetworkId(backbone.name, names) for names in registry.resolve_points(backbone.name, request.points)]
    named = {**backbone.layer_names, **{name: p.node for name, p in registry.points_at(backbone.name).items()}}
    return ResolvedRequest(
        request=request,
        backbone=backbone,
        benchmark=benchmark,
        protocol=protocol,
        nodes={network: {name: named.get(name, name) for name in network.points} for network in networks},
        layers={network: registry.points_of(network) for network in networks},
        unregistered=tuple(name for network in networks for name in network.points if name not in named),
        distances=registry.distances,
        suppliers={
            "backbone": registry.provider("backbone", backbone.name),
            "benchmark": registry.provider("benchmark", benchmark.name),
            **{
                f"{DISTANCE_ROLE}{name}": plugin
                for name in distances
                if not (plugin := registry.provider("distance", name)).bundled
            },
        },
    )


def _refuse_random(request: RunRequest, backbone: BackboneSpec) -> None:
    if request.weights == "random" and backbone.weights == WEIGHTS_AS_BUILT:
        raise UsageError(
            f"{backbone.name} is built with its weights, so random ones cannot be had. Name it by a function with a "
            "parameter `pretrained`, which is called with False for random weights, or leave out --weights."
        )


def _refuse_training_options(request: RunRequest, benchmark: BenchmarkSpec) -> None:
    if benchmark.trains:
        return
    if request.keep_images:
        raise UsageError(f"{benchmark.name} makes no images that could be kept: leave out --images.")
    if request.precision == "fp16":
        raise UsageError(f"{benchmark.name} only measures, and fp16 is for training: use --precision bf16 or fp32.")
    if request.seeds:
        raise UsageError(f"{benchmark.name} only measures, and --seeds repeats trainings: leave it out.")
