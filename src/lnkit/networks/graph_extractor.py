"""Cut a backbone at its nodes: operations after the deepest node are dropped, and one forward pass gives all outputs.

A backbone that torch.fx can trace is cut as a graph, any other by forward hooks (:mod:`.hook_extractor`). Both give the
output of a node as it was right after the node had run, even if the backbone changes it in place later. A graph that
does not give what the backbone's own forward gives (:mod:`.own_forward`) is not used.
"""

from __future__ import annotations

import copy
import logging
import math
import operator
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, cast

import torch
import torchvision
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torchvision.models.feature_extraction import NodePathTracer

from lnkit.errors import UnknownNameError, UsageError, near_names
from lnkit.networks.hook_extractor import HookExtractor
from lnkit.networks.own_forward import OwnForward, outputs_of, run_itself
from lnkit.plugins.process_state import preserved
from lnkit.plugins.torch_state import GENERATORS
from lnkit.plugins.unusable_networks import copy_network

_log = logging.getLogger("lnkit")

# Known to write to none of their inputs and to return newly allocated memory.
_PURE_MODULES = (_ConvNd, _BatchNorm, nn.Linear, nn.LayerNorm, nn.GroupNorm, nn.MaxPool2d, nn.AvgPool2d)
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.LeakyReLU, nn.ELU, nn.Mish)  # pure unless in place
_PURE_FUNCTIONS = (operator.add, operator.mul, torch.cat, torch.add, torch.mul, functional.max_pool2d)
_MAYBE_PURE_FUNCTIONS = (functional.relu, functional.silu, functional.hardswish)  # pure unless in place
NO_STEPS = ("placeholder", "output")  # kinds of fx nodes that are no step of the computation
_IN_PLACE_OPERATORS = ("iadd", "isub", "imul", "itruediv", "ipow", "setitem")


class CutsItself(nn.Module):
    """A network that knows how to give the outputs of some of its nodes, and need not be traced or hooked."""

    def cut_at(self, nodes: Sequence[str]) -> nn.Module:
        """Return a module that maps images to a tuple with the output of each of ``nodes``."""
        raise NotImplementedError


def cut_backbone(
    backbone: nn.Module,
    nodes: Sequence[str],
    name: str = "",
    *,
    check: bool = True,
    input_size: tuple[int, int] | None = None,
) -> nn.Module:
    """Cut a backbone at some of its nodes.

    Args:
        backbone: The network; it is not changed.
        nodes: Dotted paths of modules, or paths that torch.fx gives to operations (``layer1.0.add``). The output of a
            module is that of its last operation.
        name: Name of the backbone, for error messages.
        check: Compare the cut with the backbone's own forward; False for a backbone whose cut is known to be right.
        input_size: (height, width) of images that the backbone accepts, if that is known.

    Returns:
        A module that maps images to a tuple with the output of each node, in their order. It holds copies of the
        tensors it needs, without gradients, and is in evaluation mode.

    Raises:
        UnknownNameError: The backbone has no such node.
        UsageError: The backbone computes with parameters of another network, or a node is an operation in a forward
            that cannot be traced as it runs.
    """
    if isinstance(backbone, CutsItself):
        return _standalone(backbone.cut_at(nodes))
    if not check or any(parameter.is_meta for parameter in backbone.parameters()):
        return _standalone(cut_outline(outline_of(backbone), nodes, name))
    own = run_itself(backbone, nodes, name, input_size)
    cut = _standalone(cut_outline(outline_of(backbone), nodes, name))
    if isinstance(cut, fx.GraphModule):
        if own and _is_right(cut, nodes, own):
            return cut
        _log.debug("The trace of %s is not what it computes; it is cut by hooks.", name or type(backbone).__name__)
        _refuse_operations(backbone, nodes, name)
        cut = _standalone(HookExtractor(outline_of(backbone), nodes))
    if own and not _takes_batches(cut, own.image):
        cut = _standalone(HookExtractor(outline_of(backbone), nodes, keeps_all=True))
    return cut


def _standalone(cut: nn.Module) -> nn.Module:
    """Copy the tensors that a cut shares with its backbone, and freeze the copies."""
    return copy.deepcopy(cut).eval().requires_grad_(False)


def _is_right(cut: fx.GraphModule, nodes: Sequence[str], own: OwnForward) -> bool:
    """Return whether a cut gives what the backbone itself gave."""
    outputs = outputs_of(cut, own.image)
    return all(own.gives(node, output) for node, output in zip(nodes, outputs, strict=True))


def _takes_batches(cut: nn.Module, image: Tensor) -> bool:
    """Return whether a cut takes one image and two, although it holds only what a black image reached."""
    try:
        for count in (1, 2):
            outputs_of(cut, image.expand(count, -1, -1, -1))
    except Exception:  # the backbone's own code may raise anything
        return False
    return True


def _refuse_operations(backbone: nn.Module, nodes: Sequence[str], name: str) -> None:
    modules = dict(backbone.named_modules())
    if operations := [node for node in nodes if node not in modules]:
        raise UsageError(
            f"{operations[0]!r} is an operation inside a module of {repr(name) if name else 'this backbone'}, and the "
            "trace that shows it is not what the forward pass computes, or could not be tried. Choose a module."
        )


def cut_outline(outline: nn.Module, nodes: Sequence[str], name: str = "") -> nn.Module:
    """Cut an outline as :func:`cut_backbone` cuts a backbone, in its present mode; the cut shares its tensors."""
    modules = [path for path, _ in outline.named_modules() if path]
    graph, paths = _trace(outline)
    operations = _last_operations(paths, nodes) if graph else {}
    if graph and len(operations) == len(set(nodes)):
        return _graph_cut(outline, graph, [operations[node] for node in nodes])
    steps = (path for operation, path in paths.items() if operation.op not in NO_STEPS)
    _refuse_unknown(name, [node for node in nodes if node not in modules], [*modules, *steps])
    return HookExtractor(outline, nodes)


def trace_whole(backbone: nn.Module) -> tuple[fx.GraphModule, Mapping[fx.Node, str]] | None:
    """Return a backbone as a graph with the path of each operation, or None if it cannot be traced."""
    outline = outline_of(backbone)
    graph, paths = _trace(outline)
    return (fx.GraphModule(outline, graph), paths) if graph else None


def reached_outputs(cut: nn.Module, nodes: Sequence[str], images: Tensor) -> list[str]:
    """Return the nodes of a cut that are computed before ``images`` make it fail; none if that is unknown."""
    if not isinstance(cut, fx.GraphModule):
        return []
    walk = _Walk(cut)
    with suppress(RuntimeError, AssertionError):
        walk.run(images)
    outputs = cast(tuple[fx.Node, ...], cut.graph.output_node().args[0])
    return [node for node, operation in zip(nodes, outputs, strict=True) if operation in walk.done]


class _Walk(fx.Interpreter):
    """Runs a graph operation by operation and records those that are done."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.done: set[fx.Node] = set()

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        self.done.add(n)
        return result


def outline_of(backbone: nn.Module) -> nn.Module:
    """Copy the modules of a backbone but share its tensors: cheap at any size, and safe to change."""
    tensors = chain(backbone.parameters(), backbone.buffers())
    return copy_network(backbone, {id(tensor): tensor for tensor in tensors}).eval()


def _trace(backbone: nn.Module) -> tuple[fx.Graph | None, Mapping[fx.Node, str]]:
    """Trace a backbone; the graph is None if tracing fails, and the paths then end at the failing operation."""
    tracer = NodePathTracer(autowrap_modules=(math, torchvision.ops))
    try:
        with preserved(GENERATORS):
            graph = tracer.trace(backbone)
    except Exception as error:  # the backbone's own code runs on proxies and may raise any error
        _log.debug("%s cannot be traced (%s); it is cut by hooks.", type(backbone).__name__, error)
        graph = None
    return graph, tracer.node_to_qualname


def _last_operations(paths: Mapping[fx.Node, str], nodes: Collection[str]) -> dict[str, fx.Node]:
    """Return the last operation at or under the path of each node; nodes that are not in the graph are left out."""
    last: dict[str, fx.Node] = {}
    for operation, path in paths.items():
        for node in nodes:
            if operation.op not in NO_STEPS and f"{path}.".startswith(f"{node}."):
                last[node] = operation
    return last


def _graph_cut(root: nn.Module, graph: fx.Graph, outputs: Sequence[fx.Node]) -> fx.GraphModule:
    deepest = _end_after(graph, outputs)
    for operation in dict.fromkeys(outputs):
        if operation is deepest or (_owns_memory(operation, root) and all(_is_pure(u, root) for u in operation.users)):
            continue
        with graph.inserting_after(operation):
            operation.meta["copy"] = graph.call_method("clone", (operation,))
    copies = {operation: operation.meta.get("copy", operation) for operation in outputs}
    graph.output(tuple(copies[operation] for operation in outputs))
    graph.eliminate_dead_code(lambda operation: _has_side_effects(operation, root))
    return fx.GraphModule(root, graph, f"{type(root).__name__}Cut")


def _end_after(graph: fx.Graph, outputs: Collection[fx.Node]) -> fx.Node:
    """Remove every operation after the last of ``outputs``, and return the last."""
    deepest: fx.Node = [operation for operation in graph.nodes if operation in outputs][-1]
    for operation in reversed(list(graph.nodes)):
        if operation is deepest:
            break
        graph.erase_node(operation)
    return deepest


def _owns_memory(operation: fx.Node, root: nn.Module) -> bool:
    """Return whether no result of another operation can share this memory, except those of its users."""
    if _is_pure(operation, root):
        return True
    source = operation.args[0] if operation.args else None
    in_place_activation = operation.op == "call_module" and isinstance(_module(operation, root), ACTIVATIONS)
    return in_place_activation and isinstance(source, fx.Node) and len(source.users) == 1 and _owns_memory(source, root)


def _is_pure(operation: fx.Node, root: nn.Module) -> bool:
    if operation.op == "call_module":
        module = _module(operation, root)
        return isinstance(module, _PURE_MODULES) or (isinstance(module, ACTIVATIONS) and not module.inplace)
    if operation.op == "call_function":
        maybe = operation.target in _MAYBE_PURE_FUNCTIONS and len(operation.args) == 1
        return operation.target in _PURE_FUNCTIONS or (maybe and not operation.kwargs.get("inplace"))
    return operation.op == "output"


def _has_side_effects(operation: fx.Node, root: nn.Module) -> bool:
    """Return whether an operation may write to its input or check it, so that it is needed without its result."""
    if operation.op == "call_module":
        return bool(getattr(_module(operation, root), "inplace", False))
    if operation.op == "call_function" and operation.is_impure():
        return True
    name = str(getattr(operation.target, "__name__", operation.target))
    in_place = True in (*operation.args, operation.kwargs.get("inplace"))  # as in relu(x, True)
    return in_place or name.endswith("_") or name in _IN_PLACE_OPERATORS or operation.op in NO_STEPS


def _module(operation: fx.Node, root: nn.Module) -> nn.Module:
    return root.get_submodule(str(operation.target))


def _refuse_unknown(name: str, unknown: Sequence[str], known: Sequence[str]) -> None:
    if not unknown:
        return
    known = list(dict.fromkeys(known))
    near = near_names(unknown[0], known, cutoff=0.5)
    nearest = f"Similar nodes: {', '.join(near)}." if near else f"Its first nodes: {', '.join(known[:8])}."
    raise UnknownNameError(f"{repr(name) if name else 'This backbone'} has no node {unknown[0]!r}. {nearest}")
