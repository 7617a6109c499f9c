"""Checks of a plugin's own backbone: how it is built, and how it treats its state and its input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lnkit.errors import ImageError, LnkitError
from lnkit.networks.hook_extractor import forward_hooks
from lnkit.networks.load import make_loss_network
from lnkit.networks.loss_network import LossNetwork
from lnkit.networks.weights import LoadedBackbone, build_backbone
from lnkit.progress import Progress, SilentProgress
from lnkit.specs import BackboneSpec, ExtractionPoint
from lnkit.testing.checks import Check, NotChecked

SIZE = 64  # side of the images in pixels, as in BAPPS; larger if the backbone needs it
IMAGES = 2  # so that the first can be compared with itself in a batch
SEED = 0


@dataclass
class BackboneSubject:
    """A backbone and the points that the plugin registers for it; built once for all checks."""

    title: str  # "backbone mine", or "points of vgg16" if another plugin registers the backbone
    spec: BackboneSpec
    points: tuple[ExtractionPoint, ...]  # of one node each
    checks: tuple[Check, ...]
    pretrained: bool = False  # whether to check it with its pretrained weights instead of random ones
    progress: Progress = field(default_factory=SilentProgress)  # shows downloads of weights

    @property
    def source(self) -> object:
        """The function that builds it."""
        return self.spec.load

    @property
    def loaded(self) -> LoadedBackbone:
        """The network as built by its plugin, in evaluation mode. Raises NotChecked if it cannot be built."""
        if isinstance(self.loaded_or_error, LnkitError):
            raise NotChecked(str(self.loaded_or_error)) from self.loaded_or_error
        return self.loaded_or_error

    @cached_property
    def loaded_or_error(self) -> LoadedBackbone | LnkitError:
        """The network, or the error that building it raised; cached too, since failing may take long."""
        try:
            weights = "pretrained" if self.pretrained and self.spec.weights else "random"
            return build_backbone(self.spec, weights, SEED, self.progress)
        except LnkitError as error:
            return error

    @cached_property
    def network(self) -> LossNetwork:
        """The loss network at all points. Raises NotChecked if the backbone cannot be cut."""
        if not self.points:
            raise NotChecked("It has no extraction point.")
        try:
            return make_loss_network(self.loaded, self.spec, self.points)
        except LnkitError as error:
            raise NotChecked(str(error)) from error

    @cached_property
    def images(self) -> Tensor:
        """Random images (IMAGES, 3, H, W) in [0, 1]."""
        return random_images(max(SIZE, self.spec.min_size))

    @cached_property
    def features(self) -> dict[str, Tensor]:
        """Point -> features of the images, (IMAGES, C, H, W)."""
        return self.features_of(self.images)

    def features_of(self, images: Tensor, seed: int = SEED) -> dict[str, Tensor]:
        """Return the features of images at each point.

        Args:
            images: (N, 3, H, W) in [0, 1].
            seed: of torch's generator during the forward pass.

        Returns:
            Point -> features (N, C, H, W).

        Raises:
            NotChecked: the network cannot process the images.
        """
        try:
            with torch.no_grad(), _seeded(seed):
                features: dict[str, Tensor] = self.network(images)
        except LnkitError as error:
            raise NotChecked(str(error)) from error
        return features

    def run_uncut(
        self, normalized: Tensor | None = None, nodes: Mapping[str, nn.Module] | None = None
    ) -> dict[str, Any]:
        """Run the whole network as built by its plugin.

        Exceptions are ignored, since they may occur behind the last point, which lnkit never runs.

        Args:
            normalized: input (N, 3, H, W); by default the images of the checks.
            nodes: modules whose outputs to record, by name.

        Returns:
            Node -> output of its first call.
        """
        normalized = self.network.normalize(self.images) if normalized is None else normalized
        outputs: dict[str, Any] = {}

        def record(node: str, output: Any) -> None:
            outputs.setdefault(node, output.clone() if isinstance(output, Tensor) else output)

        with torch.no_grad(), _seeded(SEED), forward_hooks(nodes or {}, record), suppress(Exception):
            self.loaded.module(normalized)
        return outputs

    def release(self) -> None:
        """Free the network."""
        for name in ("loaded_or_error", "network", "images", "features"):
            vars(self).pop(name, None)


def random_images(size: int) -> Tensor:
    """Return the same random images (IMAGES, 3, size, size) in [0, 1] in each call."""
    return torch.rand(IMAGES, 3, size, size, generator=torch.Generator().manual_seed(SEED))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator inside, and restore it afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def builds(subject: BackboneSubject) -> Iterator[str]:
    """Its plugin can build it."""
    try:
        subject.loaded  # noqa: B018 - building it is the check
    except NotChecked as error:
        yield str(error)


def extraction_points(subject: BackboneSubject) -> Iterator[str]:
    """It has extraction points."""
    if not subject.points:
        yield f"The plugin has no extraction point for {subject.spec.name}: register one in register_extraction_points."


def seeded_weights(subject: BackboneSubject) -> Iterator[str]:
    """The same seed gives the same random weights."""
    first = build_backbone(subject.spec, "random", SEED) if subject.pretrained else subject.loaded
    if first.sha256 != build_backbone(subject.spec, "random", SEED).sha256:
        yield (
            "Built twice with the same seed, it has different weights: draw them from torch's generator, which lnkit "
            "seeds, and from no other."
        )


def evaluation_mode(subject: BackboneSubject) -> Iterator[str]:
    """A forward pass leaves it in evaluation mode and changes none of its tensors."""
    module = subject.loaded.module
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    subject.run_uncut()
    if training := [path or "itself" for path, part in module.named_modules() if part.training]:
        yield f"Its forward pass puts {_some(training)} into training mode, but a loss network is never trained."
    if changed := [name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])]:
        yield f"Its forward pass changes {_some(changed)}, so that features depend on the images before."


def untouched_input(subject: BackboneSubject) -> Iterator[str]:
    """Its forward pass does not modify its input."""
    normalized = subject.network.normalize(subject.images)
    given = normalized.clone()
    subject.run_uncut(given)
    if not torch.equal(given, normalized):
        yield "Its forward pass modifies its input: begin with an operation that is not in place."


def smallest_size(subject: BackboneSubject) -> Iterator[str]:
    """Images of min_size pixels reach its last point."""
    subject.features  # noqa: B018 - raises NotChecked for a network that cannot process any image
    try:
        subject.network(random_images(subject.spec.min_size))
    except ImageError as error:
        yield f"Its min_size is {subject.spec.min_size}, but: {error}"


def pretrained_weights(subject: BackboneSubject) -> Iterator[str]:
    """Its pretrained and its random weights have the same names and shapes."""
    if not subject.spec.weights:
        raise NotChecked("It has no pretrained weights.")
    pretrained = {name: tensor.shape for name, tensor in subject.loaded.module.state_dict().items()}
    built = build_backbone(subject.spec, "random").module
    random = {name: tensor.shape for name, tensor in built.state_dict().items()}
    if unmatched := sorted(pretrained.keys() ^ random.keys()):
        yield f"Only one of them has {_some(unmatched)}: load(True) and load(False) must build the same network."
    if differing := [name for name in pretrained if name in random and pretrained[name] != random[name]]:
        yield f"The shape of {_some(differing)} differs: load(True) and load(False) must build the same network."


BACKBONE_CHECKS: tuple[Check, ...] = (
    builds,
    extraction_points,
    seeded_weights,
    evaluation_mode,
    untouched_input,
    smallest_size,
)


def _some(names: Sequence[str]) -> str:
    """Return ``a, b and 3 more``."""
    first = ", ".join(names[:2])
    return f"{first} and {len(names) - 2} more" if len(names) > 2 else first
