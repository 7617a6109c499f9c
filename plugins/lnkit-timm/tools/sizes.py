"""What sizes of images a network of timm takes, found out on the meta device.

timm marks networks that ask for one size. Those are built so that they take others where they offer it; otherwise their
images are resized, even if they would run: relative positions, for one, may then mean something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from outline import build, outputs
from stages import Place
from torch import Tensor, nn

from lnkit_timm.catalog import ADAPTATIONS

TRIAL = (160, 224)  # height and width of an image that is not square; multiples of every usual stride
STEPS = (1, 2, 4, 8, 16, 32)
ODD = 3  # times a step, so that a trial size is a multiple of that step and of no larger one


class Sizes(NamedTuple):
    """What sizes a network takes, built in one way."""

    adaptation: str  # key of ADAPTATIONS
    step: int  # height and width must be multiples of it; 0: one size only
    min_size: int


def find_sizes(name: str, network: nn.Module, config: Mapping[str, Any], places: Sequence[Place], patch: int) -> Sizes:
    """Try the ways to build an architecture; the first that takes any size wins, then the one with the finest step.

    ``network`` is the one that is built without options, ``config`` timm's of the default weights, ``patch`` the
    stride of the coarsest place.
    """
    best = Sizes("", 0, 1)
    built: dict[str, nn.Module | None] = {str({}): network}
    for adaptation, (options, _) in ADAPTATIONS.items():
        if str(options) not in built:
            built[str(options)] = _build(name, options)
        candidate = built[str(options)]
        if candidate is None or not _is_meant(candidate, adaptation, config):
            continue
        step = _step(candidate, places)
        if not step or (best.step and step >= best.step):
            continue
        padded = options.get("dynamic_img_pad", False)
        best = Sizes(adaptation, step, patch if padded else _min_size(candidate, places, step))
        if step == 1:
            break
    return best


def _build(name: str, options: Mapping[str, Any]) -> nn.Module | None:
    try:
        return build(name, options)
    except TypeError:  # an option that it does not know
        return None


def _is_meant(network: nn.Module, adaptation: str, config: Mapping[str, Any]) -> bool:
    """Whether the phrase of an adaptation is true of the network, and timm lets it take other sizes when built so."""
    options, phrase = ADAPTATIONS[adaptation]
    if not options and config.get("fixed_input_size") and _is_strict(network):
        return False
    has_embeddings = any(_is_embedding(path) for path, _ in network.named_parameters())
    return adaptation == "windows" or has_embeddings == ("embeddings" in phrase)


def _is_embedding(parameter: str) -> bool:
    return any(word in parameter.rpartition(".")[2] for word in ("pos_embed", "rel_pos_"))


def _is_strict(network: nn.Module) -> bool:
    return bool(getattr(getattr(network, "patch_embed", None), "strict_img_size", True))


def _step(network: nn.Module, places: Sequence[Place]) -> int:
    """The finest step in which sizes may grow; 0 where not even whole multiples of 32 are taken."""
    if not takes(network, places, *TRIAL):
        return 0
    height, width = TRIAL
    finer = (step for step in STEPS[:-1] if takes(network, places, height + ODD * step, width + ODD * step))
    return next(finer, STEPS[-1])


def _min_size(network: nn.Module, places: Sequence[Place], step: int) -> int:
    """Bisect for the smallest square, in steps, from which on the last place is reached."""
    if takes(network, places, step, step):
        return step
    low, high = 1, TRIAL[0] // step
    while high - low > 1:
        middle = (low + high) // 2
        if takes(network, places, middle * step, middle * step):
            high = middle
        else:
            low = middle
    return high * step


def takes(network: nn.Module, places: Sequence[Place], height: int, width: int) -> bool:
    """Whether an image of this size reaches every place and leaves something there."""
    modules = {place.module for place in places}
    found = outputs(network, list(modules), height, width)
    return len(found) == len(modules) and all(
        0 not in one.shape for output in found.values() for one in _tensors(output)
    )


def _tensors(output: Any) -> list[Tensor]:
    parts = output if isinstance(output, (tuple, list)) else [output]
    return [part for part in parts if isinstance(part, Tensor)]
