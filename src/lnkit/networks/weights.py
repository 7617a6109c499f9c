"""Build a backbone with its weights (pretrained, from a file, or random) and identify them by a hash."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path

import numpy.random
import torch
from torch import nn

from lnkit.errors import LnkitError, PluginError, UsageError, WeightsError
from lnkit.networks.hub import fetch_weights
from lnkit.networks.weight_files import COUNTER, fit_weights, read_weights, require_file
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.output import stdout_to_stderr
from lnkit.plugins.process_state import preserved
from lnkit.plugins.rules import printable
from lnkit.plugins.torch_state import GENERATORS, SETTINGS
from lnkit.plugins.unusable_networks import require_usable
from lnkit.plugins.user_backbones import is_user_backbone
from lnkit.progress import Progress, SilentProgress
from lnkit.specs import BackboneSpec, load_function

logger = logging.getLogger("lnkit")

# Errors that fetching and reading weights may raise.
FAILURES = (OSError, HTTPException, RuntimeError, EOFError, pickle.UnpicklingError)


@dataclass(frozen=True, slots=True)
class LoadedBackbone:
    """A backbone with its weights, in evaluation mode and without gradients."""

    module: nn.Module
    weights: str  # "IMAGENET1K_V1", "random" or "file"; stands in the signature of a score
    sha256: str  # of the tensors; see hash_weights
    source: str  # "IMAGENET1K_V1 from https://...", "random, seed 0", "squeezenet1_1.safetensors"
    absent: tuple[str, ...] = ()  # tensors of the head that were not in the file


def check_weights(weights: str | Path) -> None:
    """Raise WeightsError if ``weights``, as for :func:`build_backbone`, is a file that does not exist."""
    if weights not in ("pretrained", "random"):
        require_file(Path(weights).expanduser())


def build_backbone(
    spec: BackboneSpec, weights: str | Path = "pretrained", seed: int = 0, progress: Progress | None = None
) -> LoadedBackbone:
    """Build a backbone with its weights.

    Args:
        spec: The backbone.
        weights: "pretrained", "random", or the path of a safetensors file or of a state dict saved by ``torch.save``.
        seed: Seed of random weights, and of the head if the file has none. The random generators of the caller are not
            changed.
        progress: Announces a download before it begins.

    Raises:
        PluginError: The plugin of the backbone failed to build it.
        WeightsError: The weights are missing, damaged, made for another network, or could not be fetched.
    """
    absent: tuple[str, ...] = ()
    with _seeded(seed):
        if weights == "pretrained":
            source = f"{spec.weights} from {spec.remote.url}" if spec.remote else spec.weights
            module, name = _load_pretrained(spec, progress or SilentProgress()), spec.weights
        elif weights == "random":
            module, name, source = build_random(spec), "random", f"random, seed {seed}"
        else:
            path = Path(weights).expanduser()
            tensors = read_weights(path)
            module, name, source = build_random(spec), "file", path.name
            absent = fit_weights(module, tensors, spec.name, path)
    require_usable(module, spec.name)
    module.eval().requires_grad_(False)
    return LoadedBackbone(module, name, hash_weights(module, without=absent), source, absent)


def hash_weights(module: nn.Module, without: tuple[str, ...] = ()) -> str:
    """Return the SHA-256 of the tensors of a network, independent of the format of their file.

    For every entry of the state dict, sorted by name, it hashes the UTF-8 text ``name dtype shape`` and a line feed
    (``features.0.weight torch.float32 64x3x3x3``), then the values, row-major and little-endian. Counters of batch norm
    are left out, since they have no effect in evaluation mode.

    Args:
        module: The network.
        without: Names of tensors to leave out.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if name in without or name.endswith(COUNTER):
            continue
        digest.update(f"{name} {tensor.dtype} {'x'.join(map(str, tensor.shape))}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the generators of torch, NumPy and Python, and restore their states afterwards."""
    with preserved(GENERATORS):
        random.seed(seed)
        numpy.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        yield


def build_random(spec: BackboneSpec) -> nn.Module:
    """Build a backbone with random weights from the current state of torch's generator.

    Raises:
        PluginError: Its plugin failed to build it.
        WeightsError: A package that the backbone needs is missing.
    """
    try:
        return _build(spec, pretrained=False)
    except FAILURES as error:
        raise _broken(spec, error) from error


def _build(spec: BackboneSpec, *, pretrained: bool) -> nn.Module:
    """Call ``load`` of a plugin; errors other than FAILURES become LnkitErrors."""
    try:
        with _isolated(spec):
            module = load_function(spec.load)(pretrained)
    except ImportError as error:
        needed = " ".join(f"'{requirement}'" for requirement in spec.requires) or "the packages that its plugin needs"
        raise WeightsError(
            f"Backbone {spec.name} cannot be built ({_reason(error)}). Run: pip install {needed}"
        ) from error
    except (LnkitError, KeyboardInterrupt, *FAILURES):
        raise
    except BaseException as error:  # SystemExit too
        raise _broken(spec, error) from error
    if not isinstance(module, nn.Module):
        raise _error_of(spec, f"returned {type(module).__name__} instead of an nn.Module.")
    return module


@contextlib.contextmanager
def _isolated(spec: BackboneSpec) -> Iterator[None]:
    """Keep the output of a plugin out of the standard output, and undo its changes to global state."""
    with preserved(GENERATORS), preserved(SETTINGS) as changed, stdout_to_stderr():
        yield
    if changed:
        _warn_once(f"Building {spec.name} changes {', '.join(changed)}, which was undone. Tell the plugin's author.")


@cache  # a backbone is built more than once in a run
def _warn_once(sentence: str) -> None:
    logger.warning(sentence)


def _broken(spec: BackboneSpec, error: BaseException) -> LnkitError:
    return _error_of(spec, f"raised {sentence_of(error).rstrip('.')}. `lnkit --traceback ...` shows where.")


def _error_of(spec: BackboneSpec, reason: str) -> LnkitError:
    """Make the error for a failure in the code behind a backbone: that of a plugin, or the user's own."""
    if is_user_backbone(spec.name):
        return UsageError(f"{spec.name} {reason}")
    return PluginError(f"Backbone {spec.name} cannot be built: its plugin {reason} Tell the plugin's author.")


def _load_pretrained(spec: BackboneSpec, progress: Progress) -> nn.Module:
    if not spec.weights:
        raise WeightsError(
            f"{spec.name} has no pretrained weights. Give a file with --weights FILE, or use --weights random."
        )
    title = f"{spec.weights} weights of {spec.name}"
    file = fetch_weights(spec.remote, title, progress) if spec.remote else None
    try:
        return _build(spec, pretrained=True)
    except FAILURES as error:
        damaged = f"in {file} are damaged ({_reason(error)}). Delete that file and run again"
        unknown = f"could not be loaded ({_reason(error)}). Try again"
        raise WeightsError(
            f"The {title} {damaged if file else unknown}; pass a file of your own with --weights FILE; "
            "or do without pretrained weights with --weights random."
        ) from error


def _reason(error: BaseException) -> str:
    return printable((str(error) or type(error).__name__).splitlines()[0])
