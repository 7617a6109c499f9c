"""A network of timm without its values, on torch's meta device: what shapes come out where, for images of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import timm
import torch
from stages import Place
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

MAX_PREFIX = 16  # class and register tokens; more of them are something else

Map = tuple[int, int, int]  # (C, H, W)


_SAME_SHAPE = {functional.batch_norm, functional.layer_norm, functional.gelu, functional.silu, functional.relu}
_DRAWN = {torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.erfinv_, torch.Tensor.clamp_, torch.Tensor.mul_}


class _ShapesOnly(TorchFunctionMode):
    """Skips what only values need: on the meta device torch runs much of it in Python, longer than all the rest."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if len(args) > 1 and func is functional.linear and args[0].is_meta:
            return args[0].new_empty((*args[0].shape[:-1], args[1].shape[0]))
        if args and func in _DRAWN and args[0].is_meta:
            return args[0]
        if args and func in _SAME_SHAPE:
            return torch.empty_like(args[0])
        return func(*args, **(kwargs or {}))


class Fit(NamedTuple):
    """How a module's output holds a map."""

    node: str  # "stages.0" or a tap of it: "stages.0[0]"
    layout: str  # "NCHW", "NHWC" or "NLC+1"


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """Build an architecture on the meta device; raises TypeError where it does not know the options."""
    with torch.device("meta"), _ShapesOnly():
        network: nn.Module = timm.create_model(name, **options)
    return network.eval()


def outputs(network: nn.Module, modules: Sequence[str], height: int, width: int) -> dict[str, Any]:
    """The first output of each of the modules; those that an image too small does not reach are left out."""
    found: dict[str, Any] = {}

    def note(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            found.setdefault(path, output)

        return hook

    handles = [network.get_submodule(path).register_forward_hook(note(path)) for path in dict.fromkeys(modules)]
    try:
        with _ShapesOnly():
            network(torch.zeros(1, 3, height, width, device="meta"))
    except Exception:  # whatever a network's own code raises at a size that it does not take
        return found
    finally:
        for handle in handles:
            handle.remove()
    return found


def maps(network: nn.Module, features: Sequence[int], height: int, width: int) -> list[Map]:
    """The shapes of timm's intermediate features; from what timm states, where they cannot be run without values."""
    images = torch.zeros(1, 3, height, width, device="meta")
    try:
        with _ShapesOnly():
            found = network.forward_intermediates(images, intermediates_only=True)  # type: ignore[operator]
        return [tuple(found[feature].shape[1:]) for feature in features]
    except RuntimeError:
        info: Any = network.feature_info
        stated = [getattr(info, "info", info)[feature] for feature in features]
        return [(one["num_chs"], height // one["reduction"], width // one["reduction"]) for one in stated]


def fits(network: nn.Module, places: Sequence[Place], height: int, width: int) -> list[Fit | None]:
    """How each place's output holds the map that timm's features have there; None where it does not."""
    found = outputs(network, [place.module for place in places], height, width)
    shapes = maps(network, [place.feature for place in places], height, width)
    reordered = "reroll" if hasattr(network, "reroll") else ""
    return [
        _fit(place.module, found.get(place.module), shape, reordered)
        for place, shape in zip(places, shapes, strict=True)
    ]


def _fit(module: str, output: Any, shape: Map, reordered: str) -> Fit | None:
    if isinstance(output, (tuple, list)):
        inner = [(index, layout_of(one, shape)) for index, one in enumerate(output) if isinstance(one, Tensor)]
        return next((Fit(f"{module}[{index}]", layout) for index, layout in inner if layout), None)
    if not isinstance(output, Tensor):
        return None
    layout = layout_of(output, shape)
    if layout == "NLC+0" and reordered:
        return Fit(f"{module}:{reordered}", "NHWC")
    if layout:
        return Fit(module, layout)
    channels, height, width = shape
    if output.ndim == 4 and output.shape[1] * output.shape[2] == height * width and output.shape[3] == channels:
        return Fit(f"{module}:deblockify", "NHWC")
    return None


def layout_of(output: Tensor, shape: Map) -> str:
    """Say how ``output`` holds a map of ``shape``, or nothing if it does not."""
    channels, height, width = shape
    if tuple(output.shape[1:]) == shape:
        return "NCHW"
    if tuple(output.shape[1:]) == (height, width, channels):
        return "NHWC"
    prefix = output.shape[1] - height * width
    if output.ndim == 3 and output.shape[2] == channels and 0 <= prefix <= MAX_PREFIX:
        return f"NLC+{prefix}"
    return ""


def class_token_node(network: nn.Module, last: Fit, height: int, width: int) -> str:
    """The node whose first token is the class token: the final norm, or the last block if that is not normalized.

    Empty where the network has no class token.
    """
    if not any(name.rpartition(".")[2].startswith("cls_token") for name, _ in network.named_parameters()):
        return ""
    norms = [
        path
        for path, module in network.named_modules()
        if path.split(".")[0].startswith("norm") and not isinstance(module, (nn.Identity, nn.ModuleList))
    ]
    found = outputs(network, norms, height, width)
    whole = [path for path, output in found.items() if isinstance(output, Tensor) and output.ndim == 3]
    if whole:
        return whole[-1]
    return last.node if last.layout.startswith("NLC") and last.layout != "NLC+0" else ""
