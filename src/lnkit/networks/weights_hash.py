"""The hash that identifies the weights of a network, by value."""

from __future__ import annotations

import hashlib
from typing import Any

from torch import Tensor, nn

from lnkit.errors import WeightsError
from lnkit.networks.by_value import Description
from lnkit.networks.tensor_values import tensor_bytes
from lnkit.networks.weight_fit import COUNTER
from lnkit.plugins.failures import sentence_of


def hash_weights(module: nn.Module, without: tuple[str, ...] = ()) -> str:
    """Return the SHA-256 of the values of a network, independent of the format of their file.

    For every entry of the state dict, sorted by name, it hashes the UTF-8 text ``name dtype shape`` and a line feed
    (``features.0.weight torch.float32 64x3x3x3``), then the values, row-major and little-endian. Counters of batch norm
    are left out, since they have no effect in evaluation mode. Extra state that is no tensor (``get_extra_state``) is
    hashed as ``name``, a space, the hash of its description by value, and a line feed.

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


def _bytes(tensor: Tensor) -> Any:
    if tensor.is_quantized:  # its bytes lack the scale
        raise ValueError("quantized")
    return tensor_bytes(tensor)


def _describe(value: object) -> str:
    description = Description()
    description.add(value)
    return description.hexdigest()
