"""The image sizes that a network of timm takes, found by trial on the meta device.

timm marks networks that require one size. They are built so that they take others where they have an option for it;
otherwise images are resized, even if other sizes would run: relative positions, for example, may have another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cuts import Cut
from shapes import build, outputs
from torch import Tensor, nn

from lnkit_timm.catalog import ADAPTATIONS

TRIAL = (160, 224)  # height and width of an image that is not square; multiples of every usual stride
STEPS = (1, 2, 4, 8, 16, 32)
ODD = 3  # times a step, so that a trial size is a multiple of that step and of no larger one


class Sizes(NamedTuple):
    """The sizes that a network takes, built with one adaptation."""

    adaptation: str  # key of ADAPTATIONS
    step: int  # height and width are multiples of it; 0 for one size only
    min_size: int


def find_sizes(name: str, network: nn.Module, config: Mapping[str, Any], cuts: Sequence[Cut], patch: int) -> Sizes:
    """Try all adaptations; the first that takes any size wins, then the one with the finest step.

    Args:
        name: of the architecture.
        network: built without options.
        config: timm's configuration of the default weights.
        cuts: of the network.
        patch: stride of the coarsest cut, pixels.
    """
    best = Sizes("", 0, 1)
    built: dict[str, nn.Module | None] = {str({}): network}
    for adaptation, (options, _) in ADAPTATIONS.items():
        if str(options) not in built:
            built[str(options)] = _build(name, options)
        candidate = built[str(options)]
        if candidate is None or not _applies(candidate, adaptation, config):
            continue
        step = _step(candidate, cuts)
        if not step or (best.step and step >= best.step):
            continue
        padded = options.get("dynamic_img_pad", False)
        best = Sizes(adaptation, step, patch if padded else _min_size(candidate, cuts, step))
        if step == 1:
            break
    return best


def _build(name: str, options: Mapping[str, Any]) -> nn.Module | None:
    try:
        return build(name, options)
    except TypeError:  # an option that the architecture lacks
        return None


def _applies(network: nn.Module, adaptation: str, config: Mapping[str, Any]) -> bool:
    """Return whether an adaptation fits the network, and timm allows other sizes with it."""
    options, phrase = ADAPTATIONS[adaptation]
    if not options and config.get("fixed_input_size") and _is_strict(network):
        return False
    has_embeddings = any(_is_embedding(path) for path, _ in network.named_parameters())
    return adaptation == "windows" or has_embeddings == ("embeddings" in phrase)


def _is_embedding(parameter: str) -> bool:
    return any(word in parameter.rpartition(".")[2] for word in ("pos_embed", "rel_pos_"))


def _is_strict(network: nn.Module) -> bool:
    return bool(getattr(getattr(network, "patch_embed", None), "strict_img_size", True))


def _step(network: nn.Module, cuts: Sequence[Cut]) -> int:
    """Return the finest step of sizes; 0 if not even multiples of 32 are taken."""
    if not accepts(network, cuts, *TRIAL):
        return 0
    height, width = TRIAL
    finer = (step for step in STEPS[:-1] if accepts(network, cuts, height + ODD * step, width + ODD * step))
    return next(finer, STEPS[-1])


def _min_size(network: nn.Module, cuts: Sequence[Cut], step: int) -> int:
    """Find the smallest square that reaches the last cut, by bisection in whole steps."""
    if accepts(network, cuts, step, step):
        return step
    low, high = 1, TRIAL[0] // step
    while high - low > 1:
        middle = (low + high) // 2
        if accepts(network, cuts, middle * step, middle * step):
            high = middle
        else:
            low = middle
    return high * step


def accepts(network: nn.Module, cuts: Sequence[Cut], height: int, width: int) -> bool:
    """Return whether an image of this size reaches every cut with a map that is not empty."""
    modules = {cut.module for cut in cuts}
    by_module = outputs(network, list(modules), height, width)
    return len(by_module) == len(modules) and all(
        0 not in tensor.shape for output in by_module.values() for tensor in _tensors(output)
    )


def _tensors(output: Any) -> list[Tensor]:
    parts = output if isinstance(output, (tuple, list)) else [output]
    return [part for part in parts if isinstance(part, Tensor)]
