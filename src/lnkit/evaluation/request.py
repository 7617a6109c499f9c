"""What a user asks for, in names; and what these names mean once the registry has been asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.benchmark import BenchmarkSpec
from lnkit.errors import UsageError
from lnkit.plugins.user_backbones import WEIGHTS_AS_BUILT
from lnkit.protocols import choose_protocol, usual_variant
from lnkit.specs import BackboneSpec, LossNetworkId

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A benchmark to be run on loss networks of one backbone."""

    backbone: str  # "squeezenet1_1"
    points: str = "all"  # "mid", "all", "early+mid", "early,late", a node path
    bench: str = "bapps"
    variant: str = ""  # "paper"; "" for the benchmark's first, or the one that is made for its sample
    overrides: Mapping[str, str] = field(default_factory=dict)  # protocol field -> value as text
    weights: str = "pretrained"  # or "random", or a file
    seed: int = 0
    data: Path | None = None  # None: the cache
    sample: bool = False
    results: Path | None = None  # None: LNKIT_RESULTS, or ./results
    force: bool = False  # run again what was already run
    device: str = "auto"  # "cuda", "mps", "cpu"
    precision: str = "fp32"  # or "bf16"; for training also "fp16"
    engine: str = "auto"
    batch_size: int | None = None  # items at a time; None: whatever the engine does best with
    keep_images: bool = False  # keep every image that the benchmark makes


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request with every name looked up. Nothing heavy has been imported, and nothing been loaded."""

    request: RunRequest
    backbone: BackboneSpec
    benchmark: BenchmarkSpec
    protocol: Any  # the benchmark's own dataclass, overrides applied
    networks: tuple[LossNetworkId, ...]

    @property
    def own_distance(self) -> bool:
        """Whether the distance is the backbone's, not the protocol's or the user's."""
        return bool(self.backbone.distance) and "distance" not in self.request.overrides


def resolve(request: RunRequest, registry: Registry) -> Resolved:
    """Look up every name of a request.

    Raises:
        UsageError: a name, a point, a protocol variant or one of its fields is unknown.
    """
    backbone = registry.backbone(request.backbone)
    _refuse_random(request, backbone)
    benchmark = registry.benchmark(request.bench)
    request = replace(request, variant=request.variant or usual_variant(benchmark, request.sample))
    _refuse_what_does_not_apply(request, benchmark)
    protocol = choose_protocol(benchmark, request.variant, request.overrides, backbone)
    if hasattr(protocol, "distance"):
        _look_up_distances(protocol.distance, registry)
    points = registry.resolve_points(request.backbone, request.points)
    networks = tuple(LossNetworkId(request.backbone, names) for names in points)
    return Resolved(request, backbone, benchmark, protocol, networks)


def _refuse_random(request: RunRequest, backbone: BackboneSpec) -> None:
    if request.weights == "random" and backbone.weights == WEIGHTS_AS_BUILT:
        raise UsageError(
            f"{backbone.name} has the weights that it is built with, and no others can be asked for: name it by a "
            "function with a parameter `pretrained`, called with False for random weights, or leave out --weights."
        )


def _refuse_what_does_not_apply(request: RunRequest, benchmark: BenchmarkSpec) -> None:
    """Refuse what means something to benchmarks that train only."""
    if benchmark.trains:
        return
    if request.keep_images:
        raise UsageError(f"{benchmark.name} makes no images that could be kept: leave out --images.")
    if request.precision == "fp16":
        raise UsageError(f"{benchmark.name} only measures, and fp16 is for training: use --precision bf16 or fp32.")


def _look_up_distances(sum_of: str, registry: Registry) -> None:
    for name in sum_of.split("+"):
        registry.distance(name)
