"""State dictionaries as safetensors and JSON, without pickle and exact to the bit.

A state is a tree of dictionaries, lists, tuples, plain values, arrays and tensors, as given by an optimizer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

_TENSOR, _PAIRS, _TUPLE, _ARRAY = "tensor", "pairs", "tuple", "array"


def pack(tree: Any, tensors: dict[str, Tensor], path: str = "") -> Any:
    """Convert a state to a tree for JSON and a dictionary of tensors.

    Args:
        tree: The state.
        tensors: Gets the tensors and arrays of the state.
        path: Prefix of the names of the tensors.

    Returns:
        The tree, with references in place of tensors.

    Raises:
        TypeError: A value fits neither into JSON nor into safetensors.
    """
    if isinstance(tree, Tensor):
        tensors[path] = tree.detach().contiguous().cpu()
        return {_TENSOR: path}
    if isinstance(tree, np.ndarray):
        tensors[path] = torch.from_numpy(np.ascontiguousarray(tree))
        return {_ARRAY: path}
    if isinstance(tree, dict):  # as pairs, since keys may be numbers
        return {_PAIRS: [[key, pack(value, tensors, f"{path}/{key}")] for key, value in tree.items()]}
    if isinstance(tree, tuple):
        return {_TUPLE: [pack(value, tensors, f"{path}/{index}") for index, value in enumerate(tree)]}
    if isinstance(tree, list):
        return [pack(value, tensors, f"{path}/{index}") for index, value in enumerate(tree)]
    if tree is None or isinstance(tree, (str, int, float)):
        return tree
    raise TypeError(f"A {type(tree).__name__} at {path or 'the top'} cannot be stored in a checkpoint.")


def unpack(packed: Any, tensors: dict[str, Tensor]) -> Any:
    """Return the state that :func:`pack` converted."""
    if isinstance(packed, list):
        return [unpack(value, tensors) for value in packed]
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == _TENSOR:
        return tensors[content]
    if kind == _ARRAY:
        return tensors[content].numpy()
    if kind == _TUPLE:
        return tuple(unpack(value, tensors) for value in content)
    return {key: unpack(value, tensors) for key, value in content}
