"""Runs one image through a backbone and reads off what has been computed, and at what cost, node by node."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from lnkit.networks.graph_extractor import trace_whole

logger = logging.getLogger("lnkit")

OPERATION = "operation"  # the kind of a node that is no module


@dataclass(frozen=True, slots=True)
class Reading:
    """What came out at a node, and what had been done until then."""

    kind: str  # "Conv2d", or "operation"
    output: Tensor
    parameters: int  # that had taken part
    macs: int  # multiply-adds of convolutions and matrix products


def read_modules(backbone: nn.Module, nodes: Collection[str] | None, image: Tensor) -> dict[str, Reading]:
    """Read off modules (None: all of them), each when it has run for the first time, in that order.

    Where the image is too small for what follows, the readings end.
    """
    readings: dict[str, Reading] = {}
    meter = _Meter()

    def note(node: str) -> Callable[..., None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and node not in readings:
                readings[node] = meter.read(type(module).__name__, output)

        return hook

    hooks = [
        module.register_forward_hook(note(node))
        for node, module in backbone.named_modules()
        if node and (nodes is None or node in nodes)
    ]
    with meter, _as_far_as_it_goes(image):
        backbone(image)
    for hook in hooks:
        hook.remove()
    return readings


def read_operations(backbone: nn.Module, image: Tensor) -> dict[str, Reading]:
    """Read off every step of a backbone that can be traced, in their order; of another nothing.

    Steps are operations between modules (``layer1.0.add``), and modules that hold no others, each time they run
    (``layer1.0.relu``, then ``layer1.0.relu_1``).
    """
    traced = trace_whole(backbone)
    if traced is None:
        return {}
    graph, paths = traced
    meter = _Meter()
    walk = _MeteredWalk(graph, paths, meter)
    with meter, _as_far_as_it_goes(image):
        walk.run(image)
    return walk.readings


def count_macs(backbone: nn.Module, size: tuple[int, int]) -> int:
    """The multiply-adds of a forward pass of one image of ``size`` (height, width), on the device of the parameters."""
    device = next((parameter.device for parameter in backbone.parameters()), torch.device("cpu"))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone(torch.zeros(1, 3, *size, device=device))
    return int(counter.get_total_flops()) // 2


class _MeteredWalk(fx.Interpreter):
    """Runs a graph and keeps a reading of each step that gives a tensor for the image."""

    def __init__(self, graph: fx.GraphModule, paths: Mapping[fx.Node, str], meter: _Meter) -> None:
        super().__init__(graph)
        self.paths, self.meter = paths, meter
        self.readings: dict[str, Reading] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op.startswith("call") and isinstance(result, Tensor) and result.ndim > 1:
            kind = type(self.fetch_attr(str(n.target))).__name__ if n.op == "call_module" else OPERATION
            self.readings[self.paths[n]] = self.meter.read(kind, result)
        return result


class _Meter(TorchFunctionMode):
    """Counts, while it is entered, the macs and the parameters that have taken part in any operation."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {}
        self.macs = FlopCounterMode(display=False)
        self.entered = ExitStack()

    def read(self, kind: str, output: Tensor) -> Reading:
        return Reading(kind, output, sum(self.sizes.values()), self.macs.get_total_flops() // 2)

    def __enter__(self) -> _Meter:
        self.entered.enter_context(torch.no_grad())
        self.entered.enter_context(self.macs)
        super().__enter__()  # type: ignore[no-untyped-call]  # torch has no types there
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        self.entered.close()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, nn.Parameter):
                self.sizes[id(value)] = value.numel()
        return func(*args, **(kwargs or {}))


@contextmanager
def _as_far_as_it_goes(image: Tensor) -> Iterator[None]:
    """Take it that an error means: images too small from here on; the backbone's own code may raise anything."""
    try:
        yield
    except NotImplementedError:
        raise
    except Exception as error:
        logger.debug("A %s stops with %s", tuple(image.shape), error)
