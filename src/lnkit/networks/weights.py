"""Build a backbone with its weights (pretrained, from a file, or random) and identify them by a hash."""

from __future__ import annotations

import logging
import pickle
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path

from torch import nn

from lnkit.errors import LnkitError, PluginError, UsageError, WeightsError
from lnkit.networks.device import seeded, standard_defaults
from lnkit.networks.weight_files import require_file
from lnkit.networks.weight_fit import Fit, load_file
from lnkit.networks.weight_readings import SEPARATOR, split_label
from lnkit.networks.weight_sources import fetch_source
from lnkit.networks.weights_hash import hash_weights
from lnkit.plugins.failures import place_of, sentence_of
from lnkit.plugins.guard import foreign_code, owner_of, raised_as, warn_of_changes
from lnkit.plugins.rules import printable
from lnkit.plugins.unusable_networks import why_unusable
from lnkit.plugins.user_backbones import FAMILY, is_user_backbone
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
    """Raise WeightsError if ``weights``, as for :func:`build_backbone`, is a file that is missing or unreadable."""
    if weights not in ("pretrained", "random"):
        require_file(split_label(weights)[0])


@standard_defaults()
def build_backbone(
    spec: BackboneSpec, weights: str | Path = "pretrained", seed: int = 0, progress: Progress | None = None
) -> LoadedBackbone:
    """Build a backbone with its weights.

    Args:
        spec: The backbone.
        weights: "pretrained", "random", or the path of a safetensors file or of a state dict saved by ``torch.save``.
            If the file holds several that fit, ``FILE::KEY`` chooses: "checkpoint.pth::state_dict_ema".
        seed: Seed of random weights, and of the head if the file has none. The random generators of the caller are not
            changed.
        progress: Announces a download before it begins, and says where in a file the weights were.

    Raises:
        PluginError: The plugin of the backbone failed to build it.
        UsageError: The file holds several sets of weights that fit, or nothing under the key.
        WeightsError: The weights are missing, damaged, made for another network, or could not be fetched.
    """
    absent: tuple[str, ...] = ()
    with seeded(seed):
        if weights == "pretrained":
            source = f"{spec.weights} from {spec.remote.url}" if spec.remote else spec.weights
            module, name = _load_pretrained(spec, progress or SilentProgress()), spec.weights
        elif weights == "random":
            module, name, source = build_random(spec), "random", f"random, seed {seed}"
        else:
            path, label = split_label(weights)
            module, name = build_random(spec), "file"
            with raised_as(partial(_broken, spec)):  # its own code, such as state_dict and train
                fit = load_file(module, path, label, spec.name)
            file = printable(path.name)
            absent, source = fit.absent, f"{file}{SEPARATOR}{fit.label}" if fit.label else file
            _say(fit, path, label, progress)
    with raised_as(partial(_broken, spec)):
        if reason := why_unusable(module):
            raise _error_of(spec, reason)
        module.cpu().float().eval().requires_grad_(False)  # lnkit computes in float32
        return LoadedBackbone(module, name, hash_weights(module, without=absent), source, absent)


def _say(fit: Fit, path: Path, label: str, progress: Progress | None) -> None:
    found = (f"Weights: those under {fit.label!r} in {path.name}.",) if fit.label not in ("", label) else ()
    for sentence in (*found, *fit.remarks):
        logger.info(sentence)
        (progress or SilentProgress()).say(sentence)


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

    def blame(error: BaseException) -> BaseException:
        if isinstance(error, ImportError):
            needed = " ".join(f"'{name}'" for name in spec.requires) or "the packages that its plugin needs"
            return WeightsError(f"Backbone {spec.name} cannot be built ({_reason(error)}). Run: pip install {needed}")
        return error if isinstance(error, (LnkitError, *FAILURES)) else _broken(spec, error)

    changed: list[str] = []
    try:
        with foreign_code(blame) as changed:
            module = load_function(spec.load)(pretrained)
    finally:
        if changed:
            warn_of_changes(f"Building {spec.name} changes {', '.join(changed)}")
    if not isinstance(module, nn.Module):
        raise _error_of(spec, f"returned {type(module).__name__} instead of an nn.Module.")
    return module


def _broken(spec: BackboneSpec, error: BaseException) -> LnkitError:
    place = place_of(error, owner_of("", spec.load).package)
    where = f" ({place})" if place else ""
    return _error_of(spec, f"raised {sentence_of(error).rstrip('.')}{where}. `lnkit --traceback ...` shows where.")


def _error_of(spec: BackboneSpec, reason: str) -> LnkitError:
    """Make the error for a failure in the code behind a backbone: that of a plugin, or the user's own."""
    if is_user_backbone(spec.name) or spec.family == FAMILY:
        return UsageError(f"{spec.name} {reason}")
    return PluginError(f"Backbone {spec.name} cannot be built: its plugin {reason} Tell the plugin's author.")


def _load_pretrained(spec: BackboneSpec, progress: Progress) -> nn.Module:
    if not spec.weights:
        raise WeightsError(
            f"{spec.name} has no pretrained weights. Give a file with --weights FILE, or use --weights random."
        )
    title = f"{spec.weights} weights of {spec.name}"
    file = fetch_source(spec.remote, title, progress) if spec.remote else None
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
    first = (str(error) or type(error).__name__).splitlines()[0]
    return printable(first.partition(" In PyTorch 2.6")[0])  # goes on with an advice to turn off a safety
