"""Where a network of timm is cut, by rule: at its last four reduction stages, or at blocks of even relative depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

QUARTERS = (1, 2, 3, 4)
LISTS_OF_BLOCKS = ("blocks", "transformer_encoder")  # names for the blocks of a stage


class Cut(NamedTuple):
    """A module that computes a map, and the intermediate feature of timm that has the map's shape."""

    module: str  # "layer1"
    feature: int  # index into forward_intermediates
    at: str  # "1/4" of the image's size, or "3/12" of the depth
    exact: bool = True  # whether the feature is this map, not another of the same shape from the same stage


def choose_cuts(network: nn.Module, family_module: str) -> tuple[str, tuple[Cut, ...]]:
    """Choose the four cuts of a network.

    Networks whose features all have one resolution are cut at blocks. Others are cut at their last four reduction
    stages, or at blocks if they have fewer than four.

    Args:
        network: of timm.
        family_module: timm's module of the architecture.

    Returns:
        "stages" or "blocks", and the cuts in order.
    """
    stages = _stages(network, family_module)
    reductions = {stage.at for stage in stages}
    if len(reductions) == 1 and len(stages) >= len(QUARTERS):
        return "blocks", _at_quarters(stages)
    if len(stages) >= len(QUARTERS):
        return "stages", tuple(stages[-len(QUARTERS) :])
    return "blocks", _at_quarters([block for stage in stages for block in _blocks(network, stage)])


def _at_quarters(blocks: Sequence[Cut]) -> tuple[Cut, ...]:
    depth = len(blocks)
    ends = [depth * quarter // len(QUARTERS) for quarter in QUARTERS]
    return tuple(blocks[end - 1]._replace(at=f"{end}/{depth}") for end in ends)


def _blocks(network: nn.Module, stage: Cut) -> list[Cut]:
    """Return the blocks of a stage; the map of the last one is the stage's feature."""
    children = dict(network.get_submodule(stage.module).named_children())
    name = next((name for name in LISTS_OF_BLOCKS if name in children), "")
    path = f"{stage.module}.{name}" if name else stage.module
    blocks = [f"{path}.{block}" for block, _ in network.get_submodule(path).named_children()]
    return [stage._replace(module=block, exact=block == blocks[-1]) for block in blocks]


def _stages(network: nn.Module, family_module: str) -> list[Cut]:
    info: Any = network.feature_info
    entries: Sequence[Mapping[str, Any]] = getattr(info, "info", info)
    stages = [Cut(entry["module"], index, f"1/{entry['reduction']}") for index, entry in enumerate(entries)]
    correct = CORRECTIONS.get(family_module)
    return correct(network, stages) if correct else stages


# The name that timm gives is not always a module of the network, or one that runs. These functions correct it.


def _mvitv2(_network: nn.Module, stages: list[Cut]) -> list[Cut]:
    return [stage._replace(module=stage.module.replace("block.", "stages.")) for stage in stages]


def _twins(network: nn.Module, stages: list[Cut]) -> list[Cut]:
    """Take the last block of a stage, which is a list of blocks that the network runs one by one."""
    return [stage._replace(module=_last_of(network, stage.module.replace("block.", "blocks."))) for stage in stages]


def _coat(network: nn.Module, stages: list[Cut]) -> list[Cut]:
    """Take the last block that runs: the parallel one of all scales, or the last serial one of each."""
    parallel: nn.Module | None = getattr(network, "parallel_blocks", None)
    return [
        stage._replace(module=_last_of(network, "parallel_blocks" if parallel else stage.module)) for stage in stages
    ]


def _hrnet(_network: nn.Module, stages: list[Cut]) -> list[Cut]:
    """Take the inputs of the head, behind the last stage, which has all four resolutions."""
    return [stage._replace(module=f"incre_modules.{stage.feature - 1}") for stage in stages[1:]]


def _gemma4(network: nn.Module, stages: list[Cut]) -> list[Cut]:
    if not hasattr(network, "encoder"):
        return stages
    return [stage._replace(module=f"encoder.{stage.module}") for stage in stages]


def _crossvit(network: nn.Module, stages: list[Cut]) -> list[Cut]:
    """Take the second of two parallel branches, which has the larger patches and more blocks."""
    second = stages[len(stages) // 2 :]
    return [stage._replace(module=f"{stage.module}.blocks.1") for stage in second]


def _last_of(network: nn.Module, path: str) -> str:
    *_, (name, _) = network.get_submodule(path).named_children()
    return f"{path}.{name}"


CORRECTIONS: Mapping[str, Callable[[nn.Module, list[Cut]], list[Cut]]] = {
    "coat": _coat,
    "crossvit": _crossvit,
    "gemma4_vit": _gemma4,
    "hrnet": _hrnet,
    "mvitv2": _mvitv2,
    "twins": _twins,
}
