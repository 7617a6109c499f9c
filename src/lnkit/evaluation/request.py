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
from lnkit.losses.as_backbone import LossBackbone, Weights, loss_as_backbone
from lnkit.losses.definition import Loss, LossTerm
from lnkit.plugins.registry import USER_CODE, node_of
from lnkit.plugins.user_backbones import WEIGHTS_AS_BUILT
from lnkit.protocols import choose_protocol, usual_variant
from lnkit.specs import BackboneSpec, DistanceSpec, ExtractionPoint, LossNetworkId

if TYPE_CHECKING:
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.plugins.isolation import Plugin
    from lnkit.plugins.registry import Registry
    from lnkit.progress import Progress


DISTANCE_ROLE = "distance "  # and a name: the role of its supplier


@text_paths
@dataclass(frozen=True, slots=True)
class RunRequest:
    """A benchmark to run on loss networks of one backbone, or on a loss."""

    backbone: str | Loss  # "squeezenet1_1"; a loss names its points, and its terms their distances
    points: str = "all"  # "mid", "all", "early+mid", "early,late", a node path
    bench: str = "bapps"
    variant: str = ""  # "paper"; "": the benchmark's first, or the one for its sample
    overrides: Mapping[str, str] = field(default_factory=dict)  # protocol field -> value as text
    weights: Weights = "pretrained"  # or "random", or a file; of a loss also those of each backbone by name
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
    distances: Mapping[str, DistanceSpec]  # all that are registered, and that of the loss
    loss: LossBackbone | None  # that stands in for the backbone
    suppliers: Mapping[str, Plugin]  # plugins of the "backbone", the "benchmark" and each "distance NAME" not bundled

    @property
    def networks(self) -> tuple[LossNetworkId, ...]:
        """The loss networks, in the order of the request."""
        return tuple(self.nodes)

    @property
    def own_distance(self) -> bool:
        """Whether the distance is the backbone's, not the protocol's or the user's."""
        own = bool(self.backbone.distance) and hasattr(self.protocol, "distance")
        return own and (self.loss is not None or "distance" not in self.request.overrides)

    @property
    def normalization(self) -> str:
        """How images are normalized for the backbone; the networks of a loss do that themselves."""
        return "none" if self.loss else getattr(self.protocol, "normalization", "backbone")

    def load(self, seed: int, progress: Progress) -> LoadedBackbone:
        """Build the backbone, or the networks of the loss, with the weights of the request."""
        from lnkit.networks.weights import build_backbone  # noqa: PLC0415 - torch

        if self.loss:
            return self.loss.load(self.request.weights, seed, progress)
        assert not isinstance(self.request.weights, Mapping), "checked when the request was resolved"
        return build_backbone(self.backbone, self.request.weights, seed, progress)

    def check_weights(self) -> None:
        """Raise an error for files of weights that are missing or unreadable, or given to nothing."""
        from lnkit.networks.weights import check_weights  # noqa: PLC0415 - torch

        if self.loss:
            for weights in self.loss.weights_of(self.request.weights).values():
                check_weights(weights)
        elif not isinstance(self.request.weights, Mapping):
            check_weights(self.request.weights)


def resolve(request: RunRequest, registry: Registry) -> ResolvedRequest:
    """Look up every name of a request.

    Raises:
        UsageError: a name, a point, a protocol variant or one of its fields is unknown.
    """
    benchmark = registry.benchmark(request.bench)
    variant = request.variant or usual_variant(benchmark, request.sample)
    request = replace(request, bench=benchmark.name, variant=variant)  # iqa/csiq is csiq
    request = _without_loss(request, benchmark)
    subject = (
        _subject_of_loss(request.backbone, request, benchmark, registry)
        if isinstance(request.backbone, Loss)
        else _subject_of_backbone(request.backbone, request, benchmark, registry)
    )
    _refuse_training_options(request, benchmark)
    backbone, registry = subject.backbone, subject.registry
    groups = registry.resolve_points(backbone.name, subject.points)
    networks = [LossNetworkId(backbone.name, names) for names in groups]
    named = {**backbone.layer_names, **{name: p.node for name, p in registry.points_at(backbone.name).items()}}
    return ResolvedRequest(
        request=request,
        backbone=backbone,
        benchmark=benchmark,
        protocol=subject.protocol,
        nodes={network: {name: named.get(name) or node_of(name) for name in network.points} for network in networks},
        layers={network: registry.points_of(network) for network in networks},
        unregistered=tuple(node_of(name) for network in networks for name in network.points if name not in named),
        distances=registry.distances,
        suppliers={
            **subject.suppliers,
            "benchmark": registry.provider("benchmark", benchmark.name),
            **{
                f"{DISTANCE_ROLE}{name}": plugin
                for name in subject.distances
                if not (plugin := registry.provider("distance", name)).bundled
            },
        },
        loss=subject.loss,
    )


def require_data_folder(data: Path | None) -> None:
    """Refuse data that are no folder: what a benchmark would say about that is its author's guess."""
    if data is not None and not data.is_dir():
        got = "a file" if data.exists() else "no such folder"
        raise UsageError(f"Expected a folder with the data (--data), got {data}, which is {got}.")


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a request evaluates: a backbone, or a loss that stands in for one."""

    backbone: BackboneSpec
    points: str
    protocol: Any
    distances: tuple[str, ...]  # by name
    suppliers: Mapping[str, Plugin]  # of networks
    registry: Registry  # that knows them
    loss: LossBackbone | None = None


def _without_loss(request: RunRequest, benchmark: BenchmarkSpec) -> RunRequest:
    """Return the same request for a backbone if the loss is a loss network: ``vgg16:early+late``, no own distance."""
    if not isinstance(request.backbone, Loss) or isinstance(request.weights, Mapping):
        return request
    term, protocol = request.backbone.terms[0], benchmark.protocols.get(request.variant)
    usual = request.overrides.get("distance", getattr(protocol, "distance", ""))
    plain = LossTerm(term.backbone, dict.fromkeys(term.points, 1.0), usual)
    if request.backbone.with_distance(usual) != Loss((plain,)):
        return request
    return replace(request, backbone=term.backbone, points="+".join(term.points))


def _subject_of_backbone(name: str, request: RunRequest, benchmark: BenchmarkSpec, registry: Registry) -> _Subject:
    backbone = registry.backbone(name)
    if isinstance(request.weights, Mapping):
        raise UsageError(f"{name} takes one set of weights: give its file, or 'random'.")
    if request.weights == "random":
        _refuse_random(backbone)
    protocol = choose_protocol(benchmark, request.variant, request.overrides, backbone)
    terms = parse_distance(protocol.distance) if hasattr(protocol, "distance") else ()
    for term in terms:
        registry.distance(term.name)
    suppliers = {"backbone": registry.provider("backbone", backbone.name)}
    return _Subject(backbone, request.points, protocol, tuple(t.name for t in terms), suppliers, registry)


def _subject_of_loss(loss: Loss, request: RunRequest, benchmark: BenchmarkSpec, registry: Registry) -> _Subject:
    for name in loss.backbones if request.weights == "random" else ():
        _refuse_random(registry.backbone(name))
    first = registry.backbone(loss.backbones[0])
    protocol = choose_protocol(benchmark, request.variant, request.overrides, replace(first, distance=""))
    if not hasattr(protocol, "distance"):
        name = f"The protocol {request.variant!r} of {benchmark.name}"
        raise UsageError(f"{name} leaves no distance to choose, so it takes no loss: give --backbone and --point.")
    if getattr(protocol, "loss_mode", "eval") == "train":
        raise UsageError("A loss stays in evaluation mode, got loss_mode=train: leave that out, or give --backbone.")
    described = loss_as_backbone(
        loss.with_distance(protocol.distance),
        registry,
        getattr(protocol, "normalization", "backbone"),
        transform_input=getattr(protocol, "transform_input", True),
    )
    providers = {name: registry.provider("backbone", name) for name in loss.backbones}
    untested = [plugin for plugin in providers.values() if not plugin.tested]
    whole = USER_CODE if USER_CODE in untested else [*untested, *providers.values()][0]  # on whose word it depends
    registry = registry.with_backbone(described.spec, {described.point.name: described.point})
    return _Subject(
        described.spec,
        described.point.name,
        replace(protocol, distance=described.distance.name),
        described.distances,
        {"backbone": whole, **{f"backbone {name}": plugin for name, plugin in providers.items()}},
        replace(registry, distances={**registry.distances, described.distance.name: described.distance}),
        described,
    )


def _refuse_random(backbone: BackboneSpec) -> None:
    if backbone.weights == WEIGHTS_AS_BUILT:
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
