"""What is asked about a plugin's own backbone: how it is built, and how it treats itself and its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from lnkit.errors import ImageError
from lnkit.networks.weights import build_backbone
from lnkit.testing.backbones import SEED, BackboneThing, noise
from lnkit.testing.findings import Check, NotChecked


def builds(thing: BackboneThing) -> Iterator[str]:
    """Its plugin builds it."""
    try:
        thing.loaded  # noqa: B018 - building it is the question
    except NotChecked as error:
        yield str(error)


def extraction_points(thing: BackboneThing) -> Iterator[str]:
    """It has extraction points."""
    if not thing.points:
        yield f"The plugin has no extraction point for {thing.spec.name}: register one in register_extraction_points."


def seeded_weights(thing: BackboneThing) -> Iterator[str]:
    """The same seed gives the same random weights."""
    first = build_backbone(thing.spec, "random", SEED) if thing.pretrained else thing.loaded
    if first.sha256 != build_backbone(thing.spec, "random", SEED).sha256:
        yield (
            "Built twice with the same seed, it has different weights: draw them from torch's generator, which lnkit "
            "seeds, and not from one of its own or a clock."
        )


def evaluation_mode(thing: BackboneThing) -> Iterator[str]:
    """Once in evaluation mode it stays there, and a forward pass changes none of its tensors."""
    module = thing.loaded.module
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    thing.run_uncut()
    if training := [path or "itself" for path, part in module.named_modules() if part.training]:
        yield f"Its forward pass puts {_some(training)} into training mode, and a loss network is never trained."
    if changed := [name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])]:
        yield f"Its forward pass changes {_some(changed)}, so that each image is seen by another network."


def untouched_input(thing: BackboneThing) -> Iterator[str]:
    """Its forward pass does not write to the images that it is given."""
    given = thing.network.normalize(thing.images)
    seen = given.clone()
    thing.run_uncut(seen)
    if not torch.equal(seen, given):
        yield "Its forward pass writes to the images that it is given: begin with an operation that is not in place."


def smallest_size(thing: BackboneThing) -> Iterator[str]:
    """Images of min_size pixels reach its last point."""
    thing.features  # noqa: B018 - raises NotChecked for a network that takes no image at all
    try:
        thing.network(noise(thing.spec.min_size))
    except ImageError as error:
        yield f"It says min_size={thing.spec.min_size}, but: {error}"


def pretrained_weights(thing: BackboneThing) -> Iterator[str]:
    """With pretrained weights it has the same tensors, in the same shapes, as with random ones."""
    if not thing.spec.weights:
        raise NotChecked("It has no pretrained weights.")
    theirs = {name: tensor.shape for name, tensor in thing.loaded.module.state_dict().items()}
    ours = {name: tensor.shape for name, tensor in build_backbone(thing.spec, "random").module.state_dict().items()}
    if alone := sorted(theirs.keys() ^ ours.keys()):
        yield f"{_some(alone)} is there in one of them only: load(True) and load(False) must build the same network."
    if differing := [name for name in theirs if name in ours and theirs[name] != ours[name]]:
        yield f"The shape of {_some(differing)} differs: load(True) and load(False) must build the same network."


BUILDING: tuple[Check, ...] = (
    builds,
    extraction_points,
    seeded_weights,
    evaluation_mode,
    untouched_input,
    smallest_size,
)


def _some(names: Sequence[str]) -> str:
    """``a, b and 3 more``."""
    shown = ", ".join(names[:2])
    return f"{shown} and {len(names) - 2} more" if len(names) > 2 else shown
