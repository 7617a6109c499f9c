"""What timm's weights were trained on, read from their tags."""

from __future__ import annotations

import pytest

from lnkit.plugins.load import default_registry

timm = pytest.importorskip("timm")
catalog = pytest.importorskip("lnkit_timm.catalog")
training_data = pytest.importorskip("lnkit_timm.training_data")

# From the papers and model cards of the weights, not from their tags.
KNOWN = {
    "resnet18.a1_in1k": "ImageNet-1k classification",  # Wightman et al. 2021
    "vit_base_patch16_224.augreg2_in21k_ft_in1k": "ImageNet-21k classification, ImageNet-1k classification",
    "vit_base_patch16_224.dino": "DINO",  # Caron et al. 2021
    "vit_base_patch16_224.mae": "MAE",  # He et al. 2022
    "vit_small_patch14_dinov2.lvd142m": "DINOv2 on LVD-142M",  # Oquab et al. 2023
    "vit_small_patch16_dinov3.lvd1689m": "DINOv3 on LVD-1689M",  # Siméoni et al. 2025
    "vit_large_patch16_dinov3.sat493m": "DINOv3 on SAT-493M",
    "vit_base_patch16_clip_224.openai": "CLIP on OpenAI's data",  # Radford et al. 2021
    "vit_base_patch16_clip_224.laion2b": "CLIP on LAION-2B",
    "vit_base_patch16_clip_224.laion2b_ft_in12k_in1k": (
        "CLIP on LAION-2B, ImageNet-12k classification, ImageNet-1k classification"
    ),
    "convnext_base.clip_laion2b": "CLIP on LAION-2B",
    "vit_base_patch16_siglip_224.webli": "SigLIP on WebLI",  # Zhai et al. 2023
    "vit_base_patch16_siglip_224.v2_webli": "SigLIP 2 on WebLI",  # Tschannen et al. 2025
    "vit_base_patch16_clip_224.metaclip_400m": "MetaCLIP",
    "resnet50.fb_ssl_yfcc100m_ft_in1k": "semi-supervised on YFCC-100M, ImageNet-1k classification",
    "regnety_320.seer": "SEER",
    "regnety_160.swag_lc_in1k": "SWAG, ImageNet-1k classification",
    "convnextv2_atto.fcmae": "FCMAE",
    "samvit_base_patch16.sa1b": "SAM on SA-1B",
    "vit_huge_patch14_gap_224.in22k_ijepa": "I-JEPA on ImageNet-22k",
    "vit_base_patch16_dinov3_qkvb.eupe_lvd1689m": "EUPE on LVD-1689M",  # only the architecture is that of DINOv3
    "vit_base_patch16_sapiens2.fb": "",  # the tag names the authors only
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_weights(name: str) -> None:
    assert default_registry().backbone(f"timm/{name}").trained_on == KNOWN[name]


def test_the_plain_name_says_what_its_own_weights_learned() -> None:
    registry = default_registry()
    for name in ("resnet18", "vit_base_patch16_224", "vit_small_patch14_dinov2"):
        plain = registry.backbone(f"timm/{name}")
        assert plain.trained_on == registry.backbone(f"timm/{name}.{plain.weights}").trained_on != ""


def test_an_architecture_without_weights_learned_nothing() -> None:
    bare = [spec for spec in default_registry().backbones.values() if spec.name.startswith("timm/") and not spec.tags]
    assert len(bare) > 100
    assert {spec.trained_on for spec in bare} == {""}


def test_every_head_of_imagenet_says_that_it_was_trained_on_imagenet() -> None:
    """By the configuration of timm: a tag that ends in in1k belongs to a head of ImageNet's 1,000 classes."""
    for row in catalog.read_index().architectures:
        for tag in row.tags:
            said = training_data.trained_on(row.name, tag)
            assert ("in1k" in tag.split("_")) == ("ImageNet-1k" in said), f"{row.name}.{tag}"
            assert any(year in tag for year in ("in21k", "inw21k", "in22k", "in12k")) == (
                any(data in said for data in ("ImageNet-21k", "ImageNet-W21k", "ImageNet-22k", "ImageNet-12k"))
            ), f"{row.name}.{tag}"


def test_heads_without_classes_are_not_said_to_classify() -> None:
    """Timm's own number of classes is the second source: zero where there is no classifier."""
    wrong = []
    for row in catalog.read_index().architectures:
        for tag in row.tags:
            last = training_data.trained_on(row.name, tag).rpartition(", ")[2]
            config = timm.get_pretrained_cfg(f"{row.name}.{tag}")
            if last == "ImageNet-1k classification" and config and config.num_classes == 0:
                wrong.append(f"{row.name}.{tag}")
    assert wrong == []


def test_how_many_are_unknown() -> None:
    unknown = [
        f"{row.name}.{tag}"
        for row in catalog.read_index().architectures
        for tag in row.tags
        if not training_data.trained_on(row.name, tag)
    ]
    assert 0 < len(unknown) < 30, unknown
