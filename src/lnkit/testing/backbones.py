"""A backbone under test: built once for all checks, run as it is, and cut as lnkit cuts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lnkit.errors import LnkitError
from lnkit.networks.load import make_loss_network
from lnkit.networks.loss_network import LossNetwork
from lnkit.networks.weights import LoadedBackbone, build_backbone
from lnkit.progress import Progress, SilentProgress
from lnkit.specs import BackboneSpec, ExtractionPoint
from lnkit.testing.findings import Check, NotChecked

SIZE = 64  # pixels, the side of BAPPS's patches; larger where the backbone asks for more
IMAGES = 2  # enough for the first to be compared with itself in a batch
SEED = 0


@dataclass
class BackboneThing:
    """A backbone and the points that the plugin gives it."""

    title: str  # "backbone mine", or "points of vgg16" where only the points are the plugin's
    spec: BackboneSpec
    points: tuple[ExtractionPoint, ...]  # of one node each
    checks: tuple[Check, ...]
    pretrained: bool = False  # whether it is checked with its pretrained weights instead of random ones
    progress: Progress = field(default_factory=SilentProgress)  # hears of weights that are fetched

    @property
    def loaded(self) -> LoadedBackbone:
        """The network as its plugin builds it, in evaluation mode. Raises NotChecked where it cannot be built."""
        if isinstance(self.attempt, LnkitError):
            raise NotChecked(str(self.attempt)) from self.attempt
        return self.attempt

    @cached_property
    def attempt(self) -> LoadedBackbone | LnkitError:
        """What came of building it; a failure, which may have taken long, is kept too."""
        try:
            weights = "pretrained" if self.pretrained and self.spec.weights else "random"
            return build_backbone(self.spec, weights, SEED, self.progress)
        except LnkitError as error:
            return error

    @cached_property
    def network(self) -> LossNetwork:
        """The loss network at all of the points. Raises NotChecked where it cannot be cut."""
        if not self.points:
            raise NotChecked("It has no extraction point.")
        try:
            return make_loss_network(self.loaded, self.spec, self.points)
        except LnkitError as error:
            raise NotChecked(str(error)) from error

    @cached_property
    def images(self) -> Tensor:
        """Noise in [0, 1], (IMAGES, 3, H, W)."""
        return noise(max(SIZE, self.spec.min_size))

    @cached_property
    def features(self) -> dict[str, Tensor]:
        """Point -> features of the images, (IMAGES, C, H, W)."""
        return self.features_of(self.images)

    def features_of(self, images: Tensor, seed: int = SEED) -> dict[str, Tensor]:
        """Point -> features, after seeding torch's generator. Raises NotChecked where the network does not run."""
        try:
            with torch.no_grad(), seeded(seed):
                found: dict[str, Tensor] = self.network(images)
        except LnkitError as error:
            raise NotChecked(str(error)) from error
        return found

    def run_uncut(self, given: Tensor | None = None, nodes: Mapping[str, nn.Module] | None = None) -> dict[str, Any]:
        """Run the network whole, as its plugin built it, and return what its ``nodes`` gave when they first ran.

        It is ``given`` normalized images, by default those of the checks. What it raises behind its last point is its
        own business: lnkit never goes that far.
        """
        normalized = self.network.normalize(self.images) if given is None else given
        kept: dict[str, Any] = {}
        with torch.no_grad(), seeded(SEED), _hooked(nodes or {}, kept), suppress(Exception):
            self.loaded.module(normalized)
        return kept

    def release(self) -> None:
        """Let go of the network."""
        for name in ("attempt", "network", "images", "features"):
            vars(self).pop(name, None)


def noise(size: int) -> Tensor:
    """The same random images every time, (IMAGES, 3, size, size) in [0, 1]."""
    return torch.rand(IMAGES, 3, size, size, generator=torch.Generator().manual_seed(SEED))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator for a while; the caller's goes on where it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def _hooked(nodes: Mapping[str, nn.Module], kept: dict[str, Any]) -> Iterator[None]:
    def keep(node: str, output: Any) -> None:
        kept.setdefault(node, output.clone() if isinstance(output, Tensor) else output)

    handles = [
        module.register_forward_hook(lambda _module, _inputs, output, node=node: keep(node, output))
        for node, module in nodes.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
