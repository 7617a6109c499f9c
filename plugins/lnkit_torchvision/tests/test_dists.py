"""DISTS (Ding2020) as a loss of lnkit, against one written out here and against the package DISTS-pytorch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models
from torchvision.models import vgg16

from lnkit import DistanceConfig, UsageError, WeightsError, load_loss
from lnkit.distances import dists, dists_weights, load_dists_weights
from lnkit.distances.factory import shared_distances
from lnkit.losses.given import given_loss
from lnkit.losses.imports.names import import_name
from lnkit.networks.weights import build_random
from lnkit.plugins.load import default_registry

CHANNELS = [3, 64, 128, 256, 512, 512]
ENDS = [0, 4, 9, 16, 23, 30]  # of the stages in torchvision's `features`: a max pool, if any, begins each


@dataclass(frozen=True)
class Made:
    """Random weights of VGG-16 and of DISTS, and the files that hold them."""

    vgg: nn.Module
    alpha: Tensor
    beta: Tensor
    vgg_file: Path
    dists_file: Path
    loss: nn.Module  # of lnkit, with both

    def theirs(self, x: Tensor, y: Tensor) -> Tensor:
        """1 - sum(alpha S1 + beta S2) over the six stages."""
        alpha, beta = self.alpha.to(x.dtype), self.beta.to(x.dtype)
        total = alpha.sum() + beta.sum()
        weights = zip((alpha / total).split(CHANNELS, 1), (beta / total).split(CHANNELS, 1), strict=True)
        vgg = copy.deepcopy(self.vgg).to(x.dtype)
        similarity = torch.zeros(len(x), dtype=x.dtype)
        for (a, b), f, g in zip(weights, stages(vgg, x), stages(vgg, y), strict=True):
            f_mean, g_mean = f.mean((2, 3), True), g.mean((2, 3), True)
            covariance = ((f - f_mean) * (g - g_mean)).mean((2, 3), True)
            s1 = (2 * f_mean * g_mean + 1e-6) / (f_mean**2 + g_mean**2 + 1e-6)
            s2 = (2 * covariance + 1e-6) / (f.var((2, 3), False, True) + g.var((2, 3), False, True) + 1e-6)
            similarity = similarity + (a * s1 + b * s2).sum((1, 2, 3))
        return 1 - similarity


def stages(vgg: nn.Module, images: Tensor) -> list[Tensor]:
    """The image, and the ends of the five stages of VGG-16 with L2 pooling."""
    window = torch.tensor([0.25, 0.5, 0.25], dtype=images.dtype)  # Hann of 5 without its zero ends, with the sum 1
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    found, x = [images], (images - mean.to(images).view(3, 1, 1)) / std.to(images).view(3, 1, 1)
    for start, end in pairwise(ENDS):
        for layer in vgg.features[start:end]:
            if isinstance(layer, nn.MaxPool2d):
                kernel = torch.outer(window, window).expand(x.shape[1], 1, 3, 3)
                x = (functional.conv2d(x**2, kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()
            else:
                x = functional.relu(x) if isinstance(layer, nn.ReLU) else layer(x)
        found.append(x)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("dists")
    generator = torch.Generator().manual_seed(5)
    alpha, beta = torch.rand(2, 1, sum(CHANNELS), 1, 1, generator=generator)
    torch.save({"alpha": alpha, "beta": beta}, folder / "weights.pt")
    with torch.device("meta"):
        vgg = vgg16(weights=None).eval()
    del vgg.classifier[0:7]  # 120 million numbers that DISTS does not use
    vgg.to_empty(device="cpu")
    for module in vgg.modules():
        if isinstance(module, nn.Conv2d):
            gain = (2 / module.weight[0].numel()) ** 0.5
            module.weight.data = torch.randn(module.weight.shape, generator=generator) * gain
            module.bias.data = torch.randn(module.bias.shape, generator=generator) * 0.1
    torch.save(vgg.state_dict(), folder / "vgg16.pth")
    text = f"vgg16_l2pool:dists, dists(weights={folder / 'weights.pt'})"
    loss = load_loss(text, weights=str(folder / "vgg16.pth"), reduction="none")
    return Made(vgg.requires_grad_(False), alpha, beta, folder / "vgg16.pth", folder / "weights.pt", loss)


def pair(*size: int) -> tuple[Tensor, Tensor]:
    x, y = torch.rand(2, 2, 3, *size, generator=torch.Generator().manual_seed(6))
    y[1] = (x[1] + 0.2 * y[1]).clamp(0, 1)  # one pair that is unrelated, one that is alike
    return x, y


def compare(ours: nn.Module, theirs: Callable[[Tensor, Tensor], Tensor], size: tuple[int, int]) -> None:
    """Compare values and gradients in double precision, where theirs does not lose the digits of small distances."""
    x, y = (images.double() for images in pair(*size))
    x.requires_grad_()
    found, expected = copy.deepcopy(ours).double()(x, y), theirs(x, y)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    (mine,), (their,) = (torch.autograd.grad(value.sum(), x) for value in (found, expected))
    assert (mine - their).norm() < 1e-6 * their.norm()
    assert their.norm() > 0
    torch.testing.assert_close(ours(x.detach().float(), y.float()).double(), found.detach(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("size", [(32, 32), (37, 50), (1, 1)])
def test_that_the_loss_is_dists_in_value_and_gradient(made: Made, size: tuple[int, int]) -> None:
    compare(made.loss, made.theirs, size)


def test_that_the_loss_is_that_of_the_package(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the learned weights in the package; those of VGG are random, since the package would download them."""
    package = pytest.importorskip("DISTS_pytorch")
    monkeypatch.setattr(models, "vgg16", lambda pretrained: copy.deepcopy(made.vgg))
    theirs = package.DISTS(load_weights=False)  # it looks for its weights outside of the package
    learned = torch.load(Path(package.__file__).parent / "weights.pt", weights_only=True)
    theirs.alpha.data, theirs.beta.data = learned["alpha"], learned["beta"]
    monkeypatch.undo()
    loss = load_loss(import_name("dists").loss, weights=str(made.vgg_file), reduction="none")

    def evaluate(x: Tensor, y: Tensor) -> Tensor:
        value: Tensor = theirs.double()(x, y, require_grad=True)
        return value

    compare(loss, evaluate, (48, 40))


def test_that_equal_images_have_no_distance(made: Made) -> None:
    x, _ = pair(20, 20)
    assert made.loss(x, x.clone()).tolist() == [0.0, 0.0]


def test_that_a_name_means_dists(made: Made) -> None:
    loss = given_loss("dists")
    assert loss == import_name("dists").loss
    assert str(loss) == "vgg16_l2pool(normalization=backbone):dists, dists(weights=dists)"


def test_that_the_network_has_the_weights_and_names_of_vgg16() -> None:
    spec = default_registry().backbone("vgg16_l2pool")
    with torch.device("meta"):
        ours, vgg = build_random(spec), vgg16(weights=None)
    assert list(ours.state_dict()) == list(vgg.state_dict())
    assert spec.remote == default_registry().backbone("vgg16").remote
    assert spec.layer_names["relu4_3"] == "features.22"


def test_that_the_package_is_found_without_its_code(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(origin=str(made.dists_file.with_name("__init__.py")))
    monkeypatch.setattr(dists_weights, "find_spec", {"DISTS_pytorch": found}.get)
    for mine, file in zip(load_dists_weights("dists", 6), load_dists_weights(str(made.dists_file), 6), strict=True):
        assert all(map(torch.equal, mine, file))
    monkeypatch.setattr(dists_weights, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install DISTS-pytorch"):
        load_dists_weights("dists", 6)


def test_that_the_weights_sum_to_one_and_belong_to_their_points(made: Made) -> None:
    weights = load_dists_weights(str(made.dists_file), 6)
    assert [(len(alpha), len(beta)) for alpha, beta in weights] == [(channels, channels) for channels in CHANNELS]
    assert sum(float(part.double().sum()) for pair in weights for part in pair) == pytest.approx(1, abs=1e-6)
    with pytest.raises(UsageError, match=r"six points, vgg16_l2pool:dists; the loss network has 5"):
        load_dists_weights(str(made.dists_file), 5)
    image = torch.rand(1, 4, 8, 8)
    with pytest.raises(UsageError, match="Expected dists weights for 4 channels, got 3"):
        dists(image, image, weights=weights[0])


def test_that_points_in_another_order_have_weights_of_their_own(made: Made) -> None:
    points = ("a", "b", "c", "d", "e", "f")
    config = DistanceConfig(f"dists(weights={made.dists_file})")
    first, second = shared_distances([points, points[::-1]], [config] * 2, default_registry().distance)
    image = torch.rand(1, 3, 8, 8)
    assert first[0](image, 1 - image).item() > 0
    torch.testing.assert_close(second[0](image, 1 - image), first[0](image, 1 - image))
    with pytest.raises(UsageError, match="got 512"):
        second[5](image, 1 - image)


def test_that_equal_weights_are_the_distance_without_weights() -> None:
    a, b = torch.rand(2, 2, 8, 5, 6, generator=torch.Generator().manual_seed(7))
    equal = torch.full((8,), 1 / 16)
    torch.testing.assert_close(dists(a, b, weights=(equal, equal)), dists(a, b))


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ({"alpha": torch.ones(1475)}, "Expected tensors named alpha and beta"),
        ({"alpha": torch.ones(1475), "beta": torch.ones(1472)}, "1475 finite numbers as beta .* got 1472"),
        ({"alpha": torch.full((1475,), torch.nan), "beta": torch.ones(1475)}, "1475 finite numbers as alpha"),
        ({"alpha": torch.zeros(1475), "beta": torch.zeros(1475)}, "sum above 0 .* got 0"),
    ],
)
def test_that_other_files_are_refused(tensors: dict[str, Tensor], problem: str, tmp_path: Path) -> None:
    torch.save(tensors, tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match=problem):
        load_dists_weights(str(tmp_path / "weights.pt"), 6)
