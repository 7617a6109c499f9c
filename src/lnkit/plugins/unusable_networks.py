"""Say in words why a network cannot be used: it cannot be copied, or computes in another way than lnkit needs."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from lnkit.errors import UsageError

_LEAF = "is a tensor that was computed from parameters"


def copy_network(network: nn.Module, memo: dict[int, Any] | None = None) -> nn.Module:
    """Copy a network as copy.deepcopy does.

    Args:
        network: The network.
        memo: As for copy.deepcopy: objects by id that are shared instead of copied.

    Raises:
        UsageError: It cannot be copied; the message names the attribute and says what to do.
    """
    try:
        return copy.deepcopy(network, dict(memo or {}))
    except Exception as error:  # code of the network's own objects runs, and may raise anything
        raise UsageError(_why_not_copied(network, memo or {}, error)) from error


def why_unusable(network: nn.Module) -> str:
    """Return why lnkit can neither freeze, cut nor compare a network, after its name in a sentence; "" if it can."""
    for path, part in network.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            return (
                f"{f'has in {path!r}' if path else 'is'} a ScriptModule, whose inner outputs cannot be read. Give the "
                "nn.Module that it was made from; its state_dict() fits there."
            )
        if kind := "quantized" if _is_quantized(part) else "sparse" if _is_sparse(part) else "":
            return (
                f"has {kind} weights in {path!r} ({type(part).__name__}). Distances need the values in floating point: "
                "give the network as it was before, or convert its weights."
            )
        if empty := [name for name, value in _tensors(part).items() if is_lazy(value) or value.device.type == "meta"]:
            name = f"{path}.{empty[0]}" if path else empty[0]
            return f"has no values in {name!r}: call it once with a batch, or load its weights, first."
    return ""


def explain_mismatch(network: nn.Module, images: Tensor, error: BaseException) -> str:
    """Return a sentence if images failed for their type or number of channels; "" if the cause is another."""
    types = {tensor.dtype for tensor in network.parameters() if tensor.is_floating_point()} - {images.dtype}
    if types and re.search("type|dtype", str(error)):
        other = str(types.pop())
        return (
            f"The images are {images.dtype} and this backbone has weights of {other}: the types must be the same. "
            "Convert the images with images.float() or the network with network.float(); precision='bf16' computes a "
            "float32 network in bfloat16."
        )
    shape = re.escape(str(list(images.shape)[1:])[1:-1])  # of the images themselves, not of features inside
    found = re.search(rf"expected input\[\d+, {shape}\] to have (\d+) channels", str(error))
    if not found:
        return ""
    return (
        f"This backbone takes images with {found[1]} in place of the 3 channels of RGB that lnkit gives it. "
        "Put a module before it that converts them, such as torchvision.transforms.Grayscale() for one channel."
    )


def _why_not_copied(network: nn.Module, memo: dict[int, Any], error: BaseException) -> str:
    for path, part in network.named_modules():
        for name, value in _attributes(part):
            try:
                copy.deepcopy(value, dict(memo))
            except Exception:  # this is the one
                where = f"{path}.{name}" if path else name
                return f"This network cannot be copied: its attribute {where} {_what(part, name, value)}"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return f"This network cannot be copied ({type(error).__name__}: {reason}). Its __deepcopy__ or __getstate__ fails."


def _attributes(part: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield what a module holds itself, tensors included; not its submodules."""
    yield from part._parameters.items()
    yield from part._buffers.items()
    own = {name: value for name, value in vars(part).items() if name not in ("_parameters", "_buffers", "_modules")}
    yield from own.items()


def _what(part: nn.Module, name: str, value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"is of type {type(value).__name__}. Remove it, or make it in forward when it is first needed."
    if value.is_leaf:
        return "is a tensor that cannot be copied. Give it as a plain tensor."
    hooks = [type(hook).__name__ for hook in part._forward_pre_hooks.values()]
    for old in ("WeightNorm", "SpectralNorm"):
        if old in hooks:
            new = "weight_norm" if old == "WeightNorm" else "spectral_norm"
            return (
                f"{_LEAF}, by torch.nn.utils.{new}. Use torch.nn.utils.parametrizations.{new} instead, or "
                f"call torch.nn.utils.remove_{new}(module, {name!r}) first."
            )
    return f"{_LEAF}. Store it with .detach(), or compute it in forward."


def _is_quantized(part: nn.Module) -> bool:
    place = type(part).__module__
    return place.startswith(("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized")) or any(
        tensor.is_quantized for tensor in _tensors(part).values()
    )


def _is_sparse(part: nn.Module) -> bool:
    return any(not is_lazy(tensor) and tensor.layout != torch.strided for tensor in _tensors(part).values())


def _tensors(part: nn.Module) -> dict[str, Tensor]:
    """Return the tensors that a module holds itself."""
    return {name: tensor for name, tensor in {**part._parameters, **part._buffers}.items() if tensor is not None}
