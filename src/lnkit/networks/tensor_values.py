"""The values of a tensor as bytes, and what two tensors with the same values in the same memory have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

TensorKey = tuple[object, ...]


def tensor_key(tensor: Tensor) -> TensorKey:
    """Return what two tensors have in common if they are the same values in the same memory; () if unknown."""
    try:
        place = tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.stride()
    except (RuntimeError, NotImplementedError):  # no memory of its own: sparse, fake, a subclass
        return ()
    values = tuple(tensor.shape), tensor.dtype, tensor.device, tensor.is_conj(), tensor.is_neg()
    return (*place, *values) if place[0] and tensor.numel() else ()


def tensor_bytes(tensor: Tensor) -> Any:
    """Return the values of a tensor, row-major, as a buffer."""
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        return plain.reshape(-1).view(torch.uint8).numpy()
