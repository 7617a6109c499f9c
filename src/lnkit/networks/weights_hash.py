"""The hash that identifies the weights of a network, by value."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from lnkit.errors import WeightsError
from lnkit.networks.weight_fit import COUNTER
from lnkit.plugins.failures import sentence_of

_PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None), torch.dtype, torch.device)


def hash_weights(module: nn.Module, without: tuple[str, ...] = ()) -> str:
    """Return the SHA-256 of the values of a network, independent of the format of their file.

    For every entry of the state dict, sorted by name, it hashes the UTF-8 text ``name dtype shape`` and a line feed
    (``features.0.weight torch.float32 64x3x3x3``), then the values, row-major and little-endian. Counters of batch norm
    are left out, since they have no effect in evaluation mode. Extra state that is no tensor (``get_extra_state``) is
    hashed as ``name``, a space, a description by value, and a line feed.

    Args:
        module: The network.
        without: Names of tensors to leave out.

    Raises:
        WeightsError: A value is no dense tensor, or cannot be described.
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items(), key=lambda entry: entry[0]):
        if name in without or name.endswith(COUNTER):
            continue
        try:
            if isinstance(value, Tensor):
                digest.update(f"{name} {_header(value)}\n".encode())
                digest.update(_bytes(value))
            else:
                digest.update(f"{name} {_describe(value)}\n".encode())
        except Exception as error:  # tensors without values or of other layouts; extra state may be anything
            raise WeightsError(
                f"Expected dense tensors in the network, got {name!r}, which cannot be identified by its value "
                f"({sentence_of(error)}). Convert it to a dense tensor, or leave it out of the state_dict()."
            ) from error
    return digest.hexdigest()


def _header(tensor: Tensor) -> str:
    return f"{tensor.dtype} {'x'.join(map(str, tensor.shape))}"


def _bytes(tensor: Tensor) -> memoryview:
    if tensor.is_quantized:  # its bytes lack the scale
        raise ValueError("quantized")
    dense = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return dense.reshape(-1).view(torch.uint8).numpy().data


def _describe(value: Any, above: tuple[int, ...] = ()) -> str:
    """Write a value so that equal values give equal text, whichever process made them."""
    if isinstance(value, Tensor):
        return f"{_header(value)} {hashlib.sha256(_bytes(value)).hexdigest()}"
    if type(value) in _PLAIN:
        return f"{type(value).__name__} {value!r}"
    if id(value) in above:
        return f"the value {len(above) - above.index(id(value))} above"
    kind, above = type(value).__qualname__, (*above, id(value))
    if type(value) is dict:
        return f"{kind}({', '.join(sorted(f'{_describe(k, above)}: {_describe(v, above)}' for k, v in value.items()))})"
    if type(value) in (set, frozenset):
        return f"{kind}({', '.join(sorted(_describe(item, above) for item in value))})"
    if type(value) in (list, tuple):
        return f"{kind}({', '.join(_describe(item, above) for item in value)})"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return _describe_object(value, above)


def _describe_object(value: Any, above: tuple[int, ...]) -> str:
    """Describe a value by what pickle would store of it."""
    if isinstance(value, (FunctionType, MethodType, ModuleType)):
        raise TypeError(f"a {type(value).__name__} has no value")
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return f"{type(value).__module__}.{reduced}"
    function, *parts = reduced
    values = [list(part) if isinstance(part, Iterator) else part for part in parts]
    return f"{function.__module__}.{function.__qualname__}({_describe(values, above)})"
