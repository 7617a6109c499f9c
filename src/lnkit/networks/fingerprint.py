"""Fingerprints of the user's own networks: the code and the settings that no version of a plugin identifies."""

from __future__ import annotations

import hashlib
import warnings

from torch import Tensor, nn
from torch.nn.modules import module as shared

from lnkit.networks.by_value import Description, NotKnown
from lnkit.networks.tensor_values import TensorKey, tensor_key
from lnkit.plugins.failures import sentence_of

__all__ = ["NotKnown", "fingerprint"]

_HOOKS_OF_ALL = ("_global_forward_pre_hooks", "_global_forward_hooks")


def fingerprint(module: nn.Module) -> str:
    """Return eight hexadecimal digits that identify everything that the outputs of a network depend on.

    The tensors of its state dict take part by name only: :func:`lnkit.networks.weights.hash_weights` hashes them.

    Raises:
        NotKnown: A part of it cannot be known by value; the message says which and why.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # some names of libraries warn when they are looked up
            description = _describe(module)
    except NotKnown:
        raise
    except RecursionError as error:
        raise NotKnown("its objects are nested too deeply") from error
    except Exception as error:  # code of the network's own objects may run, and raise anything
        raise NotKnown(f"reading it failed: {sentence_of(error)}") from error
    text = "\n".join((description.hexdigest(), *sorted(description.packages)))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _describe(module: nn.Module) -> Description:
    state = module.state_dict()
    weights: dict[TensorKey, str] = {}
    for name in sorted(state):
        if isinstance(state[name], Tensor) and (key := tensor_key(state[name])):
            weights.setdefault(key, name)
    description = Description(weights)
    description.add(module)
    description.add({name: value for name, value in state.items() if not isinstance(value, Tensor)})  # extra state
    description.add([list(getattr(shared, hooks).values()) for hooks in _HOOKS_OF_ALL])
    return description
