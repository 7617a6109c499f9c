"""Give a backbone its weights (pretrained, from a file, or random) and say exactly which ones they are."""

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
from lnkit.networks.hub import provide
from lnkit.networks.weight_files import COUNTER, fit_weights, read_weights, require_file
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.output import stdout_to_stderr
from lnkit.plugins.process_state import preserved
from lnkit.plugins.rules import printable
from lnkit.plugins.torch_state import GENERATORS, SETTINGS
from lnkit.plugins.user_backbones import is_user_backbone
from lnkit.progress import Progress, SilentProgress
from lnkit.specs import BackboneSpec, load_object

logger = logging.getLogger("lnkit")

# What fetching and reading weights may raise.
FAILURES = (OSError, HTTPException, RuntimeError, EOFError, pickle.UnpicklingError)


@dataclass(frozen=True, slots=True)
class LoadedBackbone:
    """A backbone with its weights, in evaluation mode and without gradients."""

    module: nn.Module
    weights: str  # "IMAGENET1K_V1", "random" or "file"; stands in the signature of a score
    sha256: str  # of the tensors, whatever file they came in: see hash_weights
    source: str  # "IMAGENET1K_V1 from https://...", "random, seed 0", "squeezenet1_1.safetensors"
    absent: tuple[str, ...] = ()  # tensors of the head that a file did not hold


def check_weights(weights: str) -> None:
    """Raise WeightsError if ``weights``, as load_backbone takes them, name a file that is not there."""
    if weights not in ("pretrained", "random"):
        require_file(Path(weights).expanduser())


def load_backbone(
    spec: BackboneSpec, weights: str = "pretrained", seed: int = 0, progress: Progress | None = None
) -> LoadedBackbone:
    """Build a backbone and give it its weights.

    Args:
        spec: the backbone.
        weights: "pretrained", "random", or the path of a safetensors file or of a state dict saved by ``torch.save``.
        seed: of random weights, and of the head where a file holds none. The same seed gives the same weights, and the
            caller's random generator is left as it was.
        progress: is told of a download before it begins.

    Raises:
        WeightsError: the weights are missing, damaged, made for another network, or could not be fetched.
        PluginError: the backbone's plugin failed to build it.
    """
    absent: tuple[str, ...] = ()
    with _own_generators(seed):
        if weights == "pretrained":
            module, name, source = _load_pretrained(spec, progress or SilentProgress()), spec.weights, _origin(spec)
        elif weights == "random":
            module, name, source = build_random(spec), "random", f"random, seed {seed}"
        else:
            path = Path(weights).expanduser()
            tensors = read_weights(path)
            module, name, source = build_random(spec), "file", path.name
            absent = fit_weights(module, tensors, spec.name, path)
    module.eval().requires_grad_(False)
    return LoadedBackbone(module, name, hash_weights(module, without=absent), source, absent)


def hash_weights(module: nn.Module, without: tuple[str, ...] = ()) -> str:
    """SHA-256 of a network's tensors as they are in memory, so that the format of the file they came in is no matter.

    For every entry of the state dict in the order of its names: the UTF-8 text ``name dtype shape`` and a line feed
    (``features.0.weight torch.float32 64x3x3x3``), then the values, row-major and little-endian. Batch norm's
    counters are left out, since they mean nothing in evaluation mode, and so is what ``without`` names.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if name in without or name.endswith(COUNTER):
            continue
        shape = "x".join(map(str, tensor.shape))
        digest.update(f"{name} {tensor.dtype} {shape}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@contextlib.contextmanager
def _own_generators(seed: int) -> Iterator[None]:
    """Draw from generators seeded for us alone, torch's and what else a plugin may draw from; put the caller's back."""
    with preserved(GENERATORS):
        random.seed(seed)
        numpy.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        yield


def build_random(spec: BackboneSpec) -> nn.Module:
    """Build a backbone with random weights, drawn from torch's own generator.

    Raises:
        WeightsError: a package that the backbone needs is missing.
        PluginError: its plugin failed to build it.
    """
    try:
        return _build(spec, pretrained=False)
    except FAILURES as error:
        raise _broken(spec, error) from error


def _build(spec: BackboneSpec, *, pretrained: bool) -> nn.Module:
    """Call the plugin's ``load``, which may raise anything. FAILURES pass."""
    try:
        with _apart(spec):
            module = load_object(spec.load)(pretrained)
    except ImportError as error:
        needed = " ".join(f"'{requirement}'" for requirement in spec.requires) or "what its plugin asks for"
        raise WeightsError(
            f"Backbone {spec.name} cannot be built ({_reason(error)}). Run: pip install {needed}"
        ) from error
    except (LnkitError, KeyboardInterrupt, *FAILURES):
        raise
    except BaseException as error:  # SystemExit too
        raise _broken(spec, error) from error
    if not isinstance(module, nn.Module):
        raise _blame(spec, f"gave {type(module).__name__}, and an nn.Module is expected.")
    return module


@contextlib.contextmanager
def _apart(spec: BackboneSpec) -> Iterator[None]:
    """Keep what a plugin prints from the results, and put back what it changes for the whole process."""
    with preserved(GENERATORS), preserved(SETTINGS) as changed, stdout_to_stderr():
        yield
    if changed:
        _say_once(f"Building {spec.name} changes {', '.join(changed)}, which was put back; tell its plugin's author.")


@cache
def _say_once(sentence: str) -> None:
    """A backbone is built more than once in a run."""
    logger.warning(sentence)


def _broken(spec: BackboneSpec, error: BaseException) -> LnkitError:
    return _blame(spec, f"raised {sentence_of(error).rstrip('.')}. `lnkit --traceback ...` shows where.")


def _blame(spec: BackboneSpec, did: str) -> LnkitError:
    """Make an error of what the code behind a backbone did: a plugin's, or the user's own."""
    if is_user_backbone(spec.name):
        return UsageError(f"{spec.name} {did}")
    return PluginError(f"Backbone {spec.name} cannot be built: its plugin {did} Tell the plugin's author.")


def _origin(spec: BackboneSpec) -> str:
    return f"{spec.weights} from {spec.remote.url}" if spec.remote else spec.weights


def _load_pretrained(spec: BackboneSpec, progress: Progress) -> nn.Module:
    if not spec.weights:
        raise WeightsError(
            f"{spec.name} comes without pretrained weights. Give a file with --weights FILE, or take --weights random."
        )
    whose = f"{spec.weights} weights of {spec.name}"
    kept = provide(spec.remote, whose, progress) if spec.remote else None
    try:
        return _build(spec, pretrained=True)
    except FAILURES as error:
        damaged = f"in {kept} are damaged ({_reason(error)}). Delete that file and run again"
        unknown = f"could not be loaded ({_reason(error)}). Try again"
        raise WeightsError(
            f"The {whose} {damaged if kept else unknown}; pass a file of your own with --weights FILE; "
            "or do without pretrained weights with --weights random."
        ) from error


def _reason(error: BaseException) -> str:
    return printable((str(error) or type(error).__name__).splitlines()[0])
