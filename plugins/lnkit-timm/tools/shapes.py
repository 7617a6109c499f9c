"""Shapes of the outputs of a network's modules for images of any size, computed on torch's meta device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import timm
import torch
from cuts import Cut
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

MAX_PREFIX = 16  # class and register tokens; more tokens are something else

Map = tuple[int, int, int]  # (C, H, W)

_SAME_SHAPE = {functional.batch_norm, functional.layer_norm, functional.gelu, functional.silu, functional.relu}
_DRAWN = {torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.erfinv_, torch.Tensor.clamp_, torch.Tensor.mul_}


class _ShapesOnly(TorchFunctionMode):
    """Skips computations that only change values; on the meta device torch runs many of them in Python, slowly."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if len(args) > 1 and func is functional.linear and args[0].is_meta:
            return args[0].new_empty((*args[0].shape[:-1], args[1].shape[0]))
        if args and func in _DRAWN and args[0].is_meta:
            return args[0]
        if args and func in _SAME_SHAPE:
            return torch.empty_like(args[0])
        return func(*args, **(kwargs or {}))


class NodeLayout(NamedTuple):
    """A node of the network whose output is a map, and the layout of the output."""

    node: str  # "stages.0" or a tap of it: "stages.0[0]"
    layout: str  # "NCHW", "NHWC" or "NLC+1"


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """Build an architecture on the meta device.

    Raises:
        TypeError: the architecture lacks one of the options.
    """
    with torch.device("meta"), _ShapesOnly():
        network: nn.Module = timm.create_model(name, **options)
    return network.eval()


def outputs(network: nn.Module, modules: Sequence[str], height: int, width: int) -> dict[str, Any]:
    """Return the first output of each module; modules that do not run, for too small an image, are missing.

    Args:
        network: on the meta device.
        modules: their paths.
        height: of the image, pixels.
        width: of the image, pixels.
    """
    first: dict[str, Any] = {}

    def record(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            first.setdefault(path, output)

        return hook

    handles = [network.get_submodule(path).register_forward_hook(record(path)) for path in dict.fromkeys(modules)]
    try:
        with _ShapesOnly():
            network(torch.zeros(1, 3, height, width, device="meta"))
    except Exception:  # a network's own code may raise anything at a size that it does not take
        return first
    finally:
        for handle in handles:
            handle.remove()
    return first


def maps(network: nn.Module, features: Sequence[int], height: int, width: int) -> list[Map]:
    """Return the shapes of timm's intermediate features: computed, or from timm's strides if they need values."""
    images = torch.zeros(1, 3, height, width, device="meta")
    try:
        with _ShapesOnly():
            intermediates = network.forward_intermediates(images, intermediates_only=True)  # type: ignore[operator]
        return [tuple(intermediates[feature].shape[1:]) for feature in features]
    except RuntimeError:
        info: Any = network.feature_info
        stated = [getattr(info, "info", info)[feature] for feature in features]
        return [(row["num_chs"], height // row["reduction"], width // row["reduction"]) for row in stated]


def node_layouts(network: nn.Module, cuts: Sequence[Cut], height: int, width: int) -> list[NodeLayout | None]:
    """Return node and layout of the map at each cut; None where the output holds no map of the feature's shape."""
    by_module = outputs(network, [cut.module for cut in cuts], height, width)
    shapes = maps(network, [cut.feature for cut in cuts], height, width)
    reordered = "reroll" if hasattr(network, "reroll") else ""
    return [
        _node_layout(cut.module, by_module.get(cut.module), shape, reordered)
        for cut, shape in zip(cuts, shapes, strict=True)
    ]


def _node_layout(module: str, output: Any, shape: Map, reordered: str) -> NodeLayout | None:
    if isinstance(output, (tuple, list)):
        inner = [(index, layout_of(part, shape)) for index, part in enumerate(output) if isinstance(part, Tensor)]
        return next((NodeLayout(f"{module}[{index}]", layout) for index, layout in inner if layout), None)
    if not isinstance(output, Tensor):
        return None
    layout = layout_of(output, shape)
    if layout == "NLC+0" and reordered:
        return NodeLayout(f"{module}:{reordered}", "NHWC")
    if layout:
        return NodeLayout(module, layout)
    channels, height, width = shape
    if output.ndim == 4 and output.shape[1] * output.shape[2] == height * width and output.shape[3] == channels:
        return NodeLayout(f"{module}:deblockify", "NHWC")
    return None


def layout_of(output: Tensor, shape: Map) -> str:
    """Return how ``output`` holds a map of ``shape``: NCHW, NHWC, NLC+<prefix tokens>, or "" if it does not."""
    channels, height, width = shape
    if tuple(output.shape[1:]) == shape:
        return "NCHW"
    if tuple(output.shape[1:]) == (height, width, channels):
        return "NHWC"
    prefix = output.shape[1] - height * width
    if output.ndim == 3 and output.shape[2] == channels and 0 <= prefix <= MAX_PREFIX:
        return f"NLC+{prefix}"
    return ""


def class_token_node(network: nn.Module, last: NodeLayout, height: int, width: int) -> str:
    """Return the node whose first token is the class token: the final norm, or else the last block.

    Args:
        network: on the meta device.
        last: the last cut.
        height: of the image, pixels.
        width: of the image, pixels.

    Returns:
        The node; "" if the network has no class token.
    """
    if not any(name.rpartition(".")[2].startswith("cls_token") for name, _ in network.named_parameters()):
        return ""
    norms = [
        path
        for path, module in network.named_modules()
        if path.split(".")[0].startswith("norm") and not isinstance(module, (nn.Identity, nn.ModuleList))
    ]
    by_module = outputs(network, norms, height, width)
    tokens = [path for path, output in by_module.items() if isinstance(output, Tensor) and output.ndim == 3]
    if tokens:
        return tokens[-1]
    return last.node if last.layout.startswith("NLC") and last.layout != "NLC+0" else ""
