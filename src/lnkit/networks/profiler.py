"""Run one image through a backbone and record the output and the cost up to each node."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
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
from lnkit.networks.hook_extractor import forward_hooks

logger = logging.getLogger("lnkit")

OPERATION = "operation"  # the kind of a node that is not a module


@dataclass(frozen=True, slots=True)
class Reading:
    """The output of a node, and the cost up to there."""

    kind: str  # "Conv2d", or "operation"
    output: Tensor
    parameters: int  # used so far
    macs: int  # so far: multiply-adds of convolutions and matrix products


def read_modules(backbone: nn.Module, nodes: Collection[str] | None, image: Tensor) -> dict[str, Reading]:
    """Read modules, each after its first run, in that order.

    Args:
        backbone: The network.
        nodes: Paths of the modules; None for all.
        image: One image (1, 3, H, W). Modules for which it is too small are left out.
    """
    readings: dict[str, Reading] = {}
    meter = _Meter()

    modules = {node: module for node, module in backbone.named_modules() if node and (nodes is None or node in nodes)}

    def record(node: str, output: Any) -> None:
        if isinstance(output, Tensor) and node not in readings:
            readings[node] = meter.read(type(modules[node]).__name__, output)

    with forward_hooks(modules, record), meter, _stop_at_errors(image):
        backbone(image)
    return readings


def read_operations(backbone: nn.Module, image: Tensor) -> dict[str, Reading]:
    """Read every step of a backbone in order; empty for a backbone that cannot be traced.

    Steps are operations between modules (``layer1.0.add``) and modules without children, each time they run
    (``layer1.0.relu``, then ``layer1.0.relu_1``).
    """
    traced = trace_whole(backbone)
    if traced is None:
        return {}
    graph, paths = traced
    meter = _Meter()
    walk = _MeteredWalk(graph, paths, meter)
    with meter, _stop_at_errors(image):
        walk.run(image)
    return walk.readings


def count_macs(backbone: nn.Module, size: tuple[int, int]) -> int:
    """Count the multiply-adds of a forward pass of one image of ``size`` (height, width)."""
    device = next((parameter.device for parameter in backbone.parameters()), torch.device("cpu"))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone(torch.zeros(1, 3, *size, device=device))
    return int(counter.get_total_flops()) // 2


class _MeteredWalk(fx.Interpreter):
    """Runs a graph and records a reading of each step whose output is a tensor of two or more dimensions."""

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
    """While entered, counts macs and the parameters used by any operation."""

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
def _stop_at_errors(image: Tensor) -> Iterator[None]:
    """Stop quietly at any error of the backbone's own code: the image is too small from there on."""
    try:
        yield
    except NotImplementedError:
        raise
    except Exception as error:
        if image.is_meta and "meta tensor" in str(error):  # a forward that depends on values, not an image too small
            raise NotImplementedError(str(error)) from error
        logger.debug("A %s stops with %s", tuple(image.shape), error)
