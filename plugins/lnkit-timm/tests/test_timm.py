"""lnkit-timm: its backbones in lnkit, its features against plain hooks, and what it says where something is missing."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lnkit import ImageError, LossNetwork, WeightsError
from lnkit.networks.hf_hub import store_hub_file
from lnkit.networks.load import make_loss_network
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry
from lnkit.specs import IMAGENET_CLASSES, class_digest

timm = pytest.importorskip("timm")
catalog = pytest.importorskip("lnkit_timm.catalog")
load = pytest.importorskip("lnkit_timm.load")

STANDARD = ("early", "semi_early", "mid", "late")


def loss_network(name: str, points: tuple[str, ...] = STANDARD) -> tuple[LossNetwork, nn.Module]:
    """A loss network with random weights, and the network that it was cut from."""
    spec = default_registry().backbone(name)
    loaded = build_backbone(spec, "random")
    return make_loss_network(
        loaded, spec, [default_registry().points_at(name)[point] for point in points]
    ), loaded.module


def outputs(network: nn.Module, nodes: tuple[str, ...], normalized: Tensor) -> list[Tensor]:
    """What plain hooks see at the nodes in a forward pass of the whole network."""
    kept: dict[str, Tensor] = {}

    def keep(node: str):
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            kept[node] = output.clone()

        return hook

    handles = [network.get_submodule(node).register_forward_hook(keep(node)) for node in nodes]
    with torch.no_grad():
        network(normalized)
    for handle in handles:
        handle.remove()
    return [kept[node] for node in nodes]


def as_map(output: Tensor, point: object, columns: int) -> Tensor:
    """Bring an output to (N, C, H, W), by a second way: token prefix + row * columns + column is at (row, column)."""
    if output.ndim == 4:
        return output if point.layout == "NCHW" else output.permute(0, 3, 1, 2)
    tokens = output[:, point.prefix_tokens :]
    rows = tokens.shape[1] // columns
    return torch.stack(
        [torch.stack([tokens[:, row * columns + column] for column in range(columns)], dim=-1) for row in range(rows)],
        dim=-2,
    )


# What is registered


def test_listing_imports_neither_timm_nor_torch() -> None:
    code = (
        "import sys, lnkit, lnkit_timm; kept = []; lnkit_timm.register_backbone(lambda *specs: kept.extend(specs)); "
        "lnkit_timm.register_extraction_points(lambda name, *points: kept.extend(points), {}); "
        "print(len(kept) > 2000, [name for name in ('timm', 'torch', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"


def test_every_architecture_has_the_four_points_in_order() -> None:
    registry = default_registry()
    names = [f"timm/{one.name}" for one in catalog.read_index().architectures]
    assert len(names) > 1000
    for name in names:
        assert tuple(registry.points_at(name))[:4] == STANDARD, name


def test_points_say_where_they_are() -> None:
    points = default_registry().points_at("timm/vit_tiny_patch16_224")
    assert [point.description for point in points.values()] == [
        "block 3 of 12",
        "block 6 of 12",
        "block 9 of 12",
        "block 12 of 12",
        "the class token at the end",
    ]
    assert default_registry().points_at("timm/resnet18")["mid"].description == "1/16 stage"


@pytest.mark.parametrize(
    "name", ["vit_small_patch14_dinov2", "convnext_tiny", "xcit_small_12_p8_224", "samvit_base_patch16"]
)
def test_each_set_of_weights_has_timms_own_rules(name: str) -> None:
    spec = default_registry().backbone(f"timm/{name}")
    assert spec.tags
    for tag in spec.tags:
        config = timm.get_pretrained_cfg(f"{name}.{tag}", allow_unregistered=False)
        tagged = default_registry().backbone(f"timm/{name}.{tag}")
        assert (tagged.weights, tagged.mean, tagged.std) == (tag, config.mean, config.std)
        assert tagged.interpolation == config.interpolation
        size = config.input_size[1:]
        assert tagged.input_size == (size if tagged.input_size else None)
        assert tagged.eval_size == max(size)
        assert not tagged.size_note or f"{size[1]}x{size[0]}" in tagged.size_note


def test_heads_that_are_said_to_know_imagenet_have_its_classes() -> None:
    """By timm's own settings: 1,000 classes, in the order of its list of ids."""
    assert class_digest(timm.data.ImageNetInfo().label_names()) == IMAGENET_CLASSES
    backbones = [spec for name, spec in default_registry().backbones.items() if name.startswith("timm/")]
    tagged = [spec.with_tag(tag) for spec in backbones if spec.with_tag for tag in spec.tags]
    stated = [spec for spec in tagged if spec.classes]
    assert {spec.classes for spec in stated} == {IMAGENET_CLASSES}
    assert len(stated) > 1000
    configs = [timm.get_pretrained_cfg(spec.name.removeprefix("timm/")) for spec in stated]
    assert {config.num_classes for config in configs if config} == {1000}


def test_a_tag_has_the_size_of_its_own_weights() -> None:
    registry = default_registry()
    assert registry.backbone("timm/deepseek_vit_412m").input_size == (546, 546)
    assert registry.backbone("timm/deepseek_vit_412m.deepseek_v4_flash_vision_exp").input_size == (392, 392)


# What comes out

# name -> height and width of images, columns of each point's map
SPREAD = {
    "test_resnet": ((70, 101), (26, 13, 7, 4)),  # stages, NCHW
    "test_mambaout": ((64, 96), (24, 12, 6, 3)),  # NHWC
    "test_vit": ((64, 96), (6, 6, 6, 6)),  # class token left out
    "test_vit2": ((33, 100), (7, 7, 7, 7)),  # a register left out; padded to whole patches
    "deit_tiny_distilled_patch16_224": ((64, 96), (6, 6, 6, 6)),  # two tokens left out
    "convit_tiny": ((64, 96), (14, 14, 14, 14)),  # resized; a class token at the last point only
    "efficientformer_l1": ((64, 96), (56, 28, 14, 7)),  # the last stage is tokens
    "levit_128s": ((64, 96), (14, 7, 4, 4)),  # three stages: blocks
    "pit_ti_224": ((64, 96), (14, 14, 7, 7)),
    "crossvit_tiny_240": ((64, 96), (14, 14, 14, 14)),
}


@pytest.mark.parametrize("name", SPREAD)
def test_features_equal_those_of_the_unmodified_network(name: str) -> None:
    size, columns = SPREAD[name]
    network, backbone = loss_network(f"timm/{name}")
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = network(images)
    seen = outputs(backbone, tuple(point.node for point in network.points), network.normalize(images))
    for point, output, width in zip(network.points, seen, columns, strict=True):
        assert torch.equal(features[point.name], as_map(output, point, width)), point.name


def test_networks_of_one_size_get_resized_images() -> None:
    network, _ = loss_network("timm/levit_128s", ("late",))
    spec = default_registry().backbone("timm/levit_128s")
    assert spec.input_size == (224, 224)
    assert network.normalize(torch.rand(1, 3, 64, 96)).shape == (1, 3, 224, 224)


def test_plain_transformers_take_sizes_that_are_no_multiple_of_the_patch() -> None:
    network, _ = loss_network("timm/vit_small_patch14_dinov2", ("early",))
    assert network(torch.rand(1, 3, 64, 64))["early"].shape == (1, 384, 5, 5)


def test_other_sizes_than_whole_steps_are_refused_by_a_sentence() -> None:
    network, _ = loss_network("timm/swin_tiny_patch4_window7_224", ("early",))
    with pytest.raises(ImageError, match="do not reach the point"):
        network(torch.rand(1, 3, 63, 64))


@pytest.mark.parametrize("name", ["test_vit", "deit_tiny_distilled_patch16_224"])
def test_the_class_token_is_the_one_that_timm_pools(name: str) -> None:
    network, backbone = loss_network(f"timm/{name}", ("class_token",))
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        found = network(images)["class_token"]
        expected = backbone.forward_features(network.normalize(images))[:, 0]
    assert found.shape == (*expected.shape, 1, 1)
    assert torch.equal(found.flatten(1), expected)


# Taps: maps that no module gives as its output


def test_taps_take_their_element_and_leave_the_network_as_it_is() -> None:
    from lnkit_timm.taps import add_taps

    one = next(one for one in catalog.read_index().architectures if one.name == "tnt_s_legacy_patch16_224")
    plain = load.build(one).eval()
    tapped = copy.deepcopy(plain)
    add_taps(tapped, one.taps)
    assert tapped.state_dict().keys() == plain.state_dict().keys()
    kept: list[Tensor] = []
    plain.blocks[5].register_forward_hook(lambda _module, _inputs, output: kept.append(output[1].clone()))
    images = torch.rand(1, 3, 224, 224)
    point = default_registry().points_at(f"timm/{one.name}")["semi_early"]
    network = LossNetwork(tapped, [point])
    with torch.no_grad():
        normalized = network.normalize(images)
        assert torch.equal(tapped(normalized), plain(normalized))
        features = network(images)["semi_early"]
    assert torch.equal(features, kept[0][:, 1:].unflatten(1, (14, 14)).permute(0, 3, 1, 2))


def test_hieras_tokens_are_brought_into_rows() -> None:
    network, backbone = loss_network("timm/hiera_tiny_224", ("mid",))
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        expected = backbone.forward_intermediates(network.normalize(images), intermediates_only=True)[2]
        assert torch.equal(network(images)["mid"], expected)


def test_nests_blocks_are_put_together_as_in_timm() -> None:
    from timm.models.nest import deblockify

    from lnkit_timm.taps import Deblockify

    tokens = torch.rand(2, 16, 9, 5)  # 4 x 4 blocks of 3 x 3 tokens
    assert torch.equal(Deblockify()(tokens), deblockify(tokens, 3))


# What is missing


def test_weights_that_cannot_be_fetched_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without a connection: the hub's client is made to see none."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/nonexistent")
    with pytest.raises(WeightsError) as caught:
        build_backbone(default_registry().backbone("timm/resnet18"))
    message = str(caught.value)
    assert "The a1_in1k weights of timm/resnet18 could not be fetched" in message
    assert "https://huggingface.co/timm/resnet18.a1_in1k" in message
    for way in ("`lnkit weights import`", "--weights FILE", "--weights random"):
        assert way in message
    resnet = next(row for row in catalog.read_index().architectures if row.name == "resnet18")
    with pytest.raises(WeightsError, match=r"could not be downloaded.*efficientnet_lite0"):
        load.load(resnet, "a1_in1k", pretrained=True)


def test_weights_in_the_hubs_cache_are_loaded_without_asking_a_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants, file_download

    def ask(*arguments: object, **options: object) -> None:
        raise AssertionError("a server was asked")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(file_download, "get_hf_file_metadata", ask)
    backbone = default_registry().backbone("timm/test_resnet")
    random = timm.create_model("test_resnet.r160_in1k")
    save_file(random.state_dict(), tmp_path / "model.safetensors")
    store_hub_file(backbone.remote, tmp_path / "model.safetensors", "model.safetensors")
    loaded = build_backbone(backbone)
    assert torch.equal(loaded.module.state_dict()["fc.weight"], random.state_dict()["fc.weight"])


def test_an_unreachable_hub_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what has been downloaded is then found without it: the client is offline inside."""
    import huggingface_hub.constants as constants

    from lnkit_timm import hub

    asked = []
    resnet = next(row for row in catalog.read_index().architectures if row.name == "resnet18")

    class Session:
        def head(self, url: str, timeout: float) -> None:
            asked.append(url)
            raise OSError("Name or service not known")

    monkeypatch.setattr(hub, "get_session", Session)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/nonexistent")
    start = time.monotonic()
    with pytest.raises(WeightsError, match=r"https://huggingface.co cannot be reached: Name or service not known"):
        load.load(resnet, "a1_in1k", pretrained=True)
    assert time.monotonic() - start < 10
    assert asked == [constants.ENDPOINT]
    assert constants.HF_HUB_OFFLINE is False
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"\(HF_HUB_OFFLINE is set\)"):
        load.load(resnet, "a1_in1k", pretrained=True)
    assert asked == [constants.ENDPOINT]


def test_weights_that_are_not_on_the_hub_are_named_by_their_address() -> None:
    assert load.weights_location("vitamin_base_224", "datacomp1b_clip").startswith(
        "model.safetensors of https://huggingface.co/"
    )
    assert load.weights_location("vit_huge_patch16_gap_448", "in1k_ijepa").endswith(".pth.tar")


@pytest.mark.parametrize(("name", "tag"), [("resnet18_of_next_year", ""), ("resnet18", "a9_in1k")])
def test_what_another_timm_had_is_refused_by_a_sentence(name: str, tag: str) -> None:
    from dataclasses import replace

    one = replace(catalog.read_index().architectures[0], name=name)
    with pytest.raises(WeightsError, match=rf"has no .*{tag or name}.*pip install 'timm=="):
        load.load(one, tag, pretrained=False)
