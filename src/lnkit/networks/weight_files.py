"""Read weights from a file without running code in it, and copy them into a network."""

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

COUNTER = "num_batches_tracked"  # of batch norm; without effect in evaluation mode
WRAPPERS = ("state_dict", "model")  # keys under which training scripts nest the tensors
SHOWN = 3  # names in an error message


def require_file(path: Path) -> None:
    """Raise WeightsError if there is no file at ``path``."""
    if not path.is_file():
        raise WeightsError(
            f"There is no weights file {path}. Expected 'pretrained', 'random', or a .safetensors or .pth file."
        )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or of a state dict saved with ``torch.save``.

    The state dict may be nested under "state_dict" or "model", and its names may begin with "module." (a trace of
    ``DataParallel``). Only tensors are unpickled.

    Returns:
        Tensors on the CPU, by name.

    Raises:
        WeightsError: The file is missing or damaged, or holds something else.
    """
    require_file(path)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    tensors = {name: value for name, value in _unwrap(content).items() if isinstance(value, Tensor)}
    if not tensors:
        raise WeightsError(f"Expected the state dict of a network in {path}, got no named tensors.")
    if all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is not a complete safetensors file ({error}). {_DAMAGED}") from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # about the version of the pickle, which does not matter
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error):
            raise WeightsError(f"{path} was not written by torch.save. {_DAMAGED}") from error
        raise WeightsError(
            f"{path} holds Python objects besides tensors; reading those could run any code, so it is refused. "
            "If you trust the file, load it yourself and save its state_dict() as safetensors."
        ) from error
    except (KeyError, IndexError) as error:  # text read as a pickle: the message is a bare number
        raise WeightsError(f"{path} was not written by torch.save. {_DAMAGED}") from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{path} cannot be read ({first_line}). {_DAMAGED}") from error


_DAMAGED = "It may be truncated, or not a weights file: fetch it again, and check its size."


def _unwrap(content: Any) -> Mapping[str, Any]:
    """Return the innermost mapping, which holds the tensors."""
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            return content
        content = inner
    return {}


def fit_weights(module: nn.Module, tensors: Mapping[str, Tensor], network: str, path: Path) -> tuple[str, ...]:
    """Copy tensors into a network.

    Every tensor of the network must be there in the same shape, except counters of batch norm and the head, which is
    the last child with tensors (``fc``, ``classifier``): weights made for features only, or for other classes, have no
    head that fits, and no point before the head depends on it. Tensors that the network does not have, such as those of
    auxiliary heads, are logged and ignored.

    Args:
        module: The network.
        tensors: Tensors by name.
        network: Name of the network, for messages.
        path: File of the tensors, for messages.

    Returns:
        The names of tensors in the head that were not in the file.

    Raises:
        WeightsError: Tensors are missing or have another shape; the first few are named.
    """
    own = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(COUNTER)}
    fitting = {name: tensors[name] for name in own if name in tensors and tensors[name].shape == own[name].shape}
    absent = tuple(name for name in own if name not in fitting)
    if not fitting:
        raise WeightsError(
            f"Expected the tensors of {network}, such as {_some(own)}, got {_some(tensors)} in {path}. "
            "Was it made for another backbone?"
        )
    _require_all_but_head([name for name in absent if name not in _head(own)], own, tensors, network, path)
    _log_differences(absent, set(tensors) - set(module.state_dict()), network, path)
    module.load_state_dict(fitting, strict=False)
    return absent


def _head(own: Mapping[str, Tensor]) -> set[str]:
    """Return the tensors of the last child of a network, if it has other children."""
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


def _log_differences(absent: tuple[str, ...], unexpected: set[str], network: str, path: Path) -> None:
    if unexpected:
        logger.info("%s holds tensors that %s does not have, ignored: %s", path, network, _some(sorted(unexpected)))
    if absent:
        logger.info("%s has no head that fits %s; these tensors stay random: %s", path, network, _some(absent))


def _some(names: Iterable[str]) -> str:
    """Format names as ``'a', 'b', 'c' and 49 more``."""
    every = list(names)
    shown = ", ".join(repr(name) for name in every[:SHOWN])
    return f"{shown} and {len(every) - SHOWN} more" if len(every) > SHOWN else shown
