"""Loading by name: points, normalizations, and errors."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from realdata import RealData
from torch import nn
from torchvision.models import squeezenet1_1

import lnkit
from lnkit import BackboneSpec, ExtractionPoint, UnknownNameError, UsageError, WeightsError
from lnkit.networks.load import make_loss_network, mean_and_std
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry

SQUEEZENET = "squeezenet1_1"


def images() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_the_same_seed_gives_the_same_network() -> None:
    first, same, other = (lnkit.load_loss_network(SQUEEZENET, weights="random", seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first(images())["late"], same(images())["late"])
    assert not torch.equal(first(images())["late"], other(images())["late"])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("late", ["late"]),
        ("early+mid", ["early", "mid"]),
        ("mid,early+mid", ["mid", "early"]),
        ("all", ["early", "semi_early", "mid", "late"]),
        ("features.4+late", ["features.4", "late"]),
        ("lpips", [f"features.{index}" for index in (1, 4, 7, 9, 10, 11, 12)]),
    ],
)
def test_points_are_named_as_everywhere(text: str, names: list[str]) -> None:
    network = lnkit.load_loss_network(SQUEEZENET, text, weights="random")
    assert list(network(images())) == names


def test_real_weights_reach_the_features(real_data: RealData) -> None:
    """The features are those of torchvision's own network with the same file and ImageNet normalization."""
    from safetensors.torch import load_file

    file = real_data("weights/squeezenet1_1.safetensors")
    module = squeezenet1_1(weights=None).eval()
    module.load_state_dict(load_file(file))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalized = (images() - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    with torch.no_grad():
        expected = module.features[:8](normalized)
        found = lnkit.load_loss_network(SQUEEZENET, "mid", weights=str(file))(images())["mid"]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_the_lpips_normalization_is_that_of_lpips() -> None:
    lpips = pytest.importorskip("lpips")
    network = lnkit.load_loss_network(SQUEEZENET, "early", weights="random", normalization="lpips")
    torch.testing.assert_close(network.normalize(images()), lpips.ScalingLayer()(2 * images() - 1))


def test_normalizations() -> None:
    spec = BackboneSpec(
        "tiny", "Test", load=lambda pretrained: nn.Identity(), mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)
    )
    assert mean_and_std(spec, "backbone") == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert mean_and_std(spec, "imagenet") == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert mean_and_std(spec, "none") == ((0, 0, 0), (1, 1, 1))


def test_what_does_not_exist_is_named_with_what_does() -> None:
    with pytest.raises(UnknownNameError, match="squeezenet1_1"):
        lnkit.load_loss_network("squeezenet1_2", weights="random")
    with pytest.raises(UnknownNameError, match="late"):
        lnkit.load_loss_network(SQUEEZENET, "lat", weights="random")
    with pytest.raises(
        UsageError, match=r"normalization is named 'imagnet'; there are backbone, imagenet, lpips, none\."
    ):
        lnkit.load_loss_network(SQUEEZENET, weights="random", normalization="imagnet")  # type: ignore[arg-type]


def test_a_wrong_normalization_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="normalization"):
        lnkit.load_loss_network(SQUEEZENET, weights=str(tmp_path / "missing"), normalization="x")  # type: ignore[arg-type]


def test_a_point_in_a_head_that_the_file_did_not_hold_is_refused(tmp_path: Path) -> None:
    def build(pretrained: bool) -> nn.Module:
        return nn.Sequential(OrderedDict(body=nn.Conv2d(3, 4, 1), relu=nn.ReLU(), head=nn.Conv2d(4, 2, 1)))

    spec = BackboneSpec("tiny", "Test", load=build)
    path = tmp_path / "features_only.pth"
    torch.save({name: tensor for name, tensor in build(False).state_dict().items() if "body" in name}, path)
    loaded = build_backbone(spec, str(path))
    assert make_loss_network(loaded, spec, [ExtractionPoint("late", "relu")])(images())["late"].shape == (2, 4, 64, 64)
    with pytest.raises(WeightsError, match=r"features_only\.pth has no weights for the head of tiny.*'end' lies in it"):
        make_loss_network(loaded, spec, [ExtractionPoint("end", "head")])


def test_transform_input_means_nothing_to_other_backbones() -> None:
    spec = default_registry().backbone(SQUEEZENET)
    loaded = build_backbone(spec, "random")
    point = default_registry().points[SQUEEZENET]["early"]
    with_it, without = (
        make_loss_network(loaded, spec, [point], transform_input=value)(images()) for value in (True, False)
    )
    assert torch.equal(with_it["early"], without["early"])


def test_a_whole_backbone_is_what_the_loss_network_is_cut_from() -> None:
    whole = lnkit.load_backbone(SQUEEZENET, weights="random", seed=3)
    network = lnkit.load_loss_network(SQUEEZENET, "features.3", weights="random", seed=3)
    with torch.no_grad():
        expected = whole.features[:4](network.normalize(images()))
        torch.testing.assert_close(network(images())["features.3"], expected)
        assert whole(network.normalize(images())).shape == (2, 1000)
    with pytest.raises(UnknownNameError, match="squeezenet1_1"):
        lnkit.load_backbone("squeezenet")
