"""What a network's own forward gives, which a cut of the network must give too.

torch.fx traces the forward of a class. The forward of an instance, hooks on the whole network, and code that asks
whether its input is a tensor, draws numbers or reads a counter can do something else when the network runs. So the cut
of a network that lnkit's own tests do not cover is compared with the network itself, on one image.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from lnkit.errors import UsageError
from lnkit.networks.device import seeded
from lnkit.networks.hook_extractor import forward_hooks

_log = logging.getLogger("lnkit")

# Sides of square images in pixels, the fastest first; some networks accept one size only.
SIZES = (64, 224, 32, 96, 128, 256, 299, 384, 448, 512, 518)

_SEED = 6303  # of what a network draws; not the state in which it was traced, so that nothing drawn then passes

Size = tuple[int, int]  # (height, width)


@dataclass(frozen=True, slots=True)
class OwnForward:
    """One forward pass of a network, as the network itself runs it."""

    image: Tensor
    outputs: Mapping[str, Any]  # node -> its first output
    results: Sequence[Tensor]  # of every operation; empty if ``outputs`` has all nodes

    def gives(self, node: str, output: Any) -> bool:
        """Return whether ``output`` is that of ``node``, or of some operation if the node is no module that ran."""
        if node in self.outputs:
            return _same(output, self.outputs[node])
        return any(_same(output, result) for result in self.results)


def sizes_to_try(first: Size | None) -> Iterator[Size]:
    """Yield the sizes of images that a network may accept, ``first`` the first."""
    return iter(dict.fromkeys(([first] if first else []) + [(side, side) for side in SIZES]))


def run_itself(backbone: nn.Module, nodes: Sequence[str], name: str, input_size: Size | None) -> OwnForward | None:
    """Run one image of noise through a copy of a network and record the output of each node.

    The pass ends at the last node, or runs to its end where a node is no module or never runs.

    Args:
        backbone: The network; it is not changed.
        nodes: The nodes.
        name: Of the network, for error messages.
        input_size: A size that it accepts, if that is known.

    Returns:
        The outputs; None if the network accepts no size that is tried.

    Raises:
        UsageError: The forward pass computes with parameters of another network.
    """
    parameters = list(backbone.parameters())
    shared = {id(value): nn.Parameter(value.detach(), requires_grad=False) for value in parameters}
    twin = copy.deepcopy(backbone, shared).eval()  # has the values of the network, and can be told from it
    modules = {path: module for path, module in twin.named_modules() if path in nodes}
    like = parameters[0] if parameters else torch.empty(0)
    for size in sizes_to_try(input_size):
        image = noise(1, size).mul(4).sub(2).to(like)
        watch = _Watch(twin.parameters(), keeps=len(modules) < len(nodes))
        recorder = _Recorder(modules, stops=not watch.keeps)
        if not recorder.run(twin, image, watch):
            continue
        if len(recorder.outputs) < len(modules):  # a module of which only forward() is called
            watch = _Watch(twin.parameters(), keeps=True)
        watch.results.clear()
        recorder.run(twin, image, watch)  # again, since counters have moved on
        if watch.foreign:
            raise UsageError(
                f"The forward pass of {repr(name) if name else type(backbone).__name__} computes with parameters that "
                "are no parts of it, most likely because a function in it names another network instead of `self`, or "
                "because modules are in a plain list. Bind such a function by types.MethodType(function, network) and "
                "let it use its first argument; put modules into an nn.ModuleList."
            )
        return OwnForward(image, recorder.outputs, watch.results)
    return None


def outputs_of(cut: Callable[[Tensor], Any], image: Tensor) -> Any:
    """Run a cut as :func:`run_itself` runs the network."""
    with torch.no_grad(), seeded(_SEED), _Watch(()):
        return cut(image.clone())


def noise(count: int, size: Size) -> Tensor:
    """Return the same random images (count, 3, height, width) in [0, 1] in each call."""
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0))


class _Complete(Exception):  # noqa: N818 - a signal that ends a forward pass, not an error
    pass


class _Recorder:
    """Records the first output of each of some modules during a forward pass."""

    def __init__(self, modules: Mapping[str, nn.Module], stops: bool) -> None:
        self.modules, self.stops = modules, stops
        self.outputs: dict[str, Any] = {}

    def run(self, network: nn.Module, image: Tensor, watch: _Watch) -> bool:
        """Run a network; return whether it accepts the image, at least up to the modules."""
        self.outputs.clear()
        with torch.no_grad(), seeded(_SEED), watch, forward_hooks(self.modules, self._record):
            try:
                network(image.clone())
            except _Complete:
                return True
            except Exception as error:  # the network's own code may raise anything
                _log.debug("%s does not take %s: %s", type(network).__name__, tuple(image.shape), error)
                return watch.keeps and len(self.outputs) == len(self.modules)
        return True

    def _record(self, node: str, output: Any) -> None:
        if node not in self.outputs:  # copied, since later operations may write to it
            self.outputs[node] = tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, output)
        if self.stops and len(self.outputs) == len(self.modules):
            raise _Complete


class _Watch(TorchFunctionMode):
    """While entered, notices parameters that are not among a network's own, and keeps the results of operations.

    Both passes that are compared run inside: a few modules of torch take another way, which rounds otherwise, when such
    a mode is on.
    """

    def __init__(self, own: Iterable[nn.Parameter], keeps: bool = False) -> None:
        super().__init__()
        self.own = {id(parameter) for parameter in own}
        self.keeps = keeps
        self.foreign = False
        self.results: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in tree_leaves((args, kwargs)):
            self.foreign |= isinstance(value, nn.Parameter) and id(value) not in self.own
        result = func(*args, **(kwargs or {}))
        if self.keeps and isinstance(result, Tensor):
            self.results.append(result.clone())
        return result


def _same(a: Any, b: Any) -> bool:
    """Return whether two outputs hold the same tensors; NaN equals NaN."""
    leaves = (tree_leaves(a), tree_leaves(b))
    return len(leaves[0]) == len(leaves[1]) and all(map(_same_values, *leaves))


def _same_values(a: Any, b: Any) -> bool:
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        return type(a) is type(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(((a == b) | ((a != a) & (b != b))).all())
