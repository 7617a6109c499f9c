"""Where a network of timm could be cut, by rule: its last four reduction stages, or blocks at even relative depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

QUARTERS = (1, 2, 3, 4)
LISTS_OF_BLOCKS = ("blocks", "transformer_encoder")  # what a stage calls its blocks


class Place(NamedTuple):
    """A module that computes a map, and the one of timm's intermediate features that has the map's shape."""

    module: str  # "layer1"
    feature: int  # index into forward_intermediates
    at: str  # "1/4" of the image's size, or "3/12" of the depth
    exact: bool = True  # the feature is this very map; else it is another of the same shape, from the same stage


def places(network: nn.Module, family_module: str) -> tuple[str, tuple[Place, ...]]:
    """Name the rule and the four places, in order; ``family_module`` is timm's module of the architecture.

    Networks whose features all have one resolution are plain: they are cut at blocks. Others are cut at their last
    four reduction stages, and at blocks if they have fewer than four.
    """
    stages = _stages(network, family_module)
    reductions = {stage.at for stage in stages}
    if len(reductions) == 1 and len(stages) >= len(QUARTERS):
        return "blocks", _at_quarters(stages)
    if len(stages) >= len(QUARTERS):
        return "stages", tuple(stages[-len(QUARTERS) :])
    return "blocks", _at_quarters([block for stage in stages for block in _blocks(network, stage)])


def _at_quarters(blocks: Sequence[Place]) -> tuple[Place, ...]:
    depth = len(blocks)
    ends = [depth * quarter // len(QUARTERS) for quarter in QUARTERS]
    return tuple(blocks[end - 1]._replace(at=f"{end}/{depth}") for end in ends)


def _blocks(network: nn.Module, stage: Place) -> list[Place]:
    """The blocks of a stage; the map of the last is the stage's feature."""
    children = dict(network.get_submodule(stage.module).named_children())
    name = next((name for name in LISTS_OF_BLOCKS if name in children), "")
    path = f"{stage.module}.{name}" if name else stage.module
    blocks = [f"{path}.{block}" for block, _ in network.get_submodule(path).named_children()]
    return [stage._replace(module=block, exact=block == blocks[-1]) for block in blocks]


def _stages(network: nn.Module, family_module: str) -> list[Place]:
    info: Any = network.feature_info
    entries: Sequence[Mapping[str, Any]] = getattr(info, "info", info)
    stages = [Place(entry["module"], index, f"1/{entry['reduction']}") for index, entry in enumerate(entries)]
    correct = CORRECTIONS.get(family_module)
    return correct(network, stages) if correct else stages


# What timm names is not always a module of the network, or one that runs. These say which one is.


def _mvitv2(_network: nn.Module, stages: list[Place]) -> list[Place]:
    return [stage._replace(module=stage.module.replace("block.", "stages.")) for stage in stages]


def _twins(network: nn.Module, stages: list[Place]) -> list[Place]:
    """A stage is a list of blocks that the network runs one by one."""
    return [stage._replace(module=_last_of(network, stage.module.replace("block.", "blocks."))) for stage in stages]


def _coat(network: nn.Module, stages: list[Place]) -> list[Place]:
    """The maps come out of the last block that runs: the parallel one of all scales, or the last serial one of each."""
    parallel: nn.Module | None = getattr(network, "parallel_blocks", None)
    return [
        stage._replace(module=_last_of(network, "parallel_blocks" if parallel else stage.module)) for stage in stages
    ]


def _hrnet(_network: nn.Module, stages: list[Place]) -> list[Place]:
    """The features of the four resolutions are those that the head takes, behind the last stage."""
    return [stage._replace(module=f"incre_modules.{stage.feature - 1}") for stage in stages[1:]]


def _gemma4(network: nn.Module, stages: list[Place]) -> list[Place]:
    if not hasattr(network, "encoder"):
        return stages
    return [stage._replace(module=f"encoder.{stage.module}") for stage in stages]


def _crossvit(network: nn.Module, stages: list[Place]) -> list[Place]:
    """Two branches run side by side; the second, of the larger patches and more blocks, is taken."""
    second = stages[len(stages) // 2 :]
    return [stage._replace(module=f"{stage.module}.blocks.1") for stage in second]


def _last_of(network: nn.Module, path: str) -> str:
    *_, (name, _) = network.get_submodule(path).named_children()
    return f"{path}.{name}"


CORRECTIONS: Mapping[str, Callable[[nn.Module, list[Place]], list[Place]]] = {
    "coat": _coat,
    "crossvit": _crossvit,
    "gemma4_vit": _gemma4,
    "hrnet": _hrnet,
    "mvitv2": _mvitv2,
    "twins": _twins,
}
