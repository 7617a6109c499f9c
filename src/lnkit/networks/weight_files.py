"""Weights from a file: read without running anything in it, and fitted to a network or refused in a sentence."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from lnkit.errors import WeightsError

logger = logging.getLogger("lnkit")

COUNTER = "num_batches_tracked"  # batch norm's; it means nothing in evaluation mode
WRAPPERS = ("state_dict", "model")  # under which training scripts nest the tensors
SHOWN = 3  # names in an error message


def require_file(path: Path) -> None:
    """Raise WeightsError if there is no file at ``path``."""
    if not path.is_file():
        raise WeightsError(
            f"There is no weights file {path}. Weights are 'pretrained', 'random', or a .safetensors or .pth file."
        )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or of a state dict saved with ``torch.save``, on the CPU.

    The state dict may be nested under "state_dict" or "model", and its names may begin with "module." (as
    ``DataParallel`` leaves them). Nothing but tensors is unpickled.

    Raises:
        WeightsError: there is no such file, it is damaged, or it holds anything else.
    """
    require_file(path)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    tensors = {name: value for name, value in _unwrap(content).items() if isinstance(value, Tensor)}
    if not tensors:
        raise WeightsError(f"{path} holds no tensors by name; expected the state dict of a network.")
    if all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is no whole safetensors file ({error}). {_DAMAGED}") from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # of a pickle's version, which says nothing about the weights
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error):
            raise WeightsError(f"{path} is no file that torch.save wrote. {_DAMAGED}") from error
        raise WeightsError(
            f"{path} holds Python objects besides tensors, and reading those could run any code, so it is refused. "
            "Where you trust the file, load it yourself and save its state_dict() as safetensors."
        ) from error
    except (KeyError, IndexError) as error:  # text read as a pickle: the message is a bare number
        raise WeightsError(f"{path} is no file that torch.save wrote. {_DAMAGED}") from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({_first_line(error)}). {_DAMAGED}") from error


_DAMAGED = "It may be cut short or no weights file at all: fetch it again, and check its size."


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _unwrap(content: Any) -> Mapping[str, Any]:
    """The mapping in which the tensors are, however deep a training script has nested it."""
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            return content
        content = inner
    return {}


def fit_weights(module: nn.Module, tensors: Mapping[str, Tensor], network: str, path: Path) -> tuple[str, ...]:
    """Copy tensors into a network; return the names in its head that kept the values they had.

    Every tensor of the network has to be there in its shape, except for two kinds: batch norm's counters, and the head,
    which is everything in the last child with tensors (``fc``, ``classifier``). A file made for features only, or
    for other classes, has no head that fits, and no extraction point before the head depends on it. What the file holds
    beyond the network (auxiliary heads) is logged and left.

    Raises:
        WeightsError: tensors are missing or have another shape; the first few are named.
    """
    own = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(COUNTER)}
    fitting = {name: tensors[name] for name in own if name in tensors and tensors[name].shape == own[name].shape}
    absent = tuple(name for name in own if name not in fitting)
    if not fitting:
        raise WeightsError(
            f"Nothing in {path} fits {network}: it holds {_some(tensors)}, where {network} has {_some(own)}. "
            "Was it made for another backbone?"
        )
    _require_all_but_head([name for name in absent if name not in _head(own)], own, tensors, network, path)
    _log_what_is_left(absent, set(tensors) - set(module.state_dict()), network, path)
    module.load_state_dict(fitting, strict=False)
    return absent


def _head(own: Mapping[str, Tensor]) -> set[str]:
    """The tensors of a network's last child, if it has children besides it."""
    children = list(dict.fromkeys(name.split(".")[0] for name in own))
    return {name for name in own if name.split(".")[0] == children[-1]} if len(children) > 1 else set()


def _require_all_but_head(
    absent: list[str], own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], network: str, path: Path
) -> None:
    differing = [name for name in absent if name in tensors]
    if differing:
        name = differing[0]
        raise WeightsError(
            f"{path} does not fit {network}: the shape of {_some(differing)} differs; "
            f"{name!r} is {tuple(tensors[name].shape)} in the file and {tuple(own[name].shape)} in the network. "
            "Was it made for another backbone?"
        )
    if absent:
        raise WeightsError(
            f"{path} lacks {len(absent)} of the {len(own)} tensors of {network}: {_some(absent)}. "
            "Was it made for another backbone?"
        )


def _log_what_is_left(absent: tuple[str, ...], unexpected: set[str], network: str, path: Path) -> None:
    if unexpected:
        logger.info("%s holds more than %s needs, left unused: %s", path, network, _some(sorted(unexpected)))
    if absent:
        logger.info("%s has no head that fits %s; it keeps random values: %s", path, network, _some(absent))


def _some(names: Iterable[str]) -> str:
    """``'a', 'b', 'c' and 49 more``."""
    every = list(names)
    shown = ", ".join(repr(name) for name in every[:SHOWN])
    return f"{shown} and {len(every) - SHOWN} more" if len(every) > SHOWN else shown
