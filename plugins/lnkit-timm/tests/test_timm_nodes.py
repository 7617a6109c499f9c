"""Nodes of transformers that are no registered points, against the network itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import lnkit
from lnkit.errors import UsageError

VIT, SWIN = "timm/vit_tiny_patch16_224", "timm/swin_tiny_patch4_window7_224"


def outputs(name: str, nodes: tuple[str, ...], images: Tensor) -> dict[str, Tensor]:
    """What the modules of a network give in its own forward pass."""
    module, kept = lnkit.load_backbone(name, weights="random"), dict[str, Tensor]()
    spec = lnkit.load_loss_network(name, "late", weights="random")
    for node in nodes:
        module.get_submodule(node).register_forward_hook(lambda _m, _i, output, node=node: kept.update({node: output}))
    with torch.no_grad():
        module((images - spec.mean) / spec.std)
    return kept


def test_patches_and_class_token_of_any_block() -> None:
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    points = ("blocks.0", "blocks.0@cls", "blocks.5.norm1", "patch_embed", "patch_embed.proj")
    network = lnkit.load_loss_network(VIT, "+".join(points), weights="random")
    found = network(images)
    own = outputs(VIT, ("blocks.0", "blocks.5.norm1", "patch_embed", "patch_embed.proj"), images)
    assert torch.equal(found["blocks.0"], own["blocks.0"][:, 1:].mT.reshape(2, 192, 14, 14))
    assert torch.equal(found["blocks.0@cls"][:, :, 0, 0], own["blocks.0"][:, 0])
    assert torch.equal(found["blocks.5.norm1"], own["blocks.5.norm1"][:, 1:].mT.reshape(2, 192, 14, 14))
    assert torch.equal(found["patch_embed"], own["patch_embed"].permute(0, 3, 1, 2))
    assert torch.equal(found["patch_embed.proj"], own["patch_embed.proj"])


def test_a_block_of_a_network_with_channels_last() -> None:
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    found = lnkit.load_loss_network(SWIN, "layers.1.blocks.0", weights="random")(images)
    own = outputs(SWIN, ("layers.1.blocks.0",), images)
    assert torch.equal(found["layers.1.blocks.0"], own["layers.1.blocks.0"].permute(0, 3, 1, 2))
    with pytest.raises(UsageError, match=r"The node 'layers\.1' has no class token: leave out @cls"):
        lnkit.load_loss_network(SWIN, "layers.1@cls", weights="random")
