"""lnkit and the `lpips` package give equal distances with the same backbone and weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from lnkit.distances.comparer import ImageComparer
from lnkit.networks.loss_network import LossNetwork
from lnkit.plugins.load import default_registry
from lnkit.specs import LPIPS_MEAN, LPIPS_STD, DistanceConfig, LossNetworkId
from lnkit.training.perceptual_loss import DeepPerceptualLoss

lpips = pytest.importorskip("lpips")

NETS = {"alex": "alexnet", "squeeze": "squeezenet1_1", "vgg": "vgg16"}


def photographs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three patches of a photograph, and two distortions of each."""
    photo = data.astronaut()
    ref = np.stack([photo[y : y + 64, x : x + 64] for y, x in ((0, 200), (100, 150), (300, 300))])
    noise = np.random.default_rng(0).normal(0, 12, ref.shape)
    return ref, np.clip(ref + noise, 0, 255).astype(np.uint8), np.roll(ref, 2, axis=2)


def with_lpips(metric: torch.nn.Module, ref: np.ndarray, other: np.ndarray) -> np.ndarray:
    first, second = (torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1 for images in (ref, other))
    with torch.no_grad():
        return metric(first, second).flatten().double().numpy()


def as_loss_network(metric: torch.nn.Module, backbone: str) -> tuple[LossNetwork, tuple[str, ...]]:
    """The trunk of an LPIPS module, cut at the points that lnkit registers as `lpips`."""
    trunk = torch.nn.Sequential()
    features = torch.nn.Sequential()
    for number in range(metric.net.N_slices):
        for index, module in getattr(metric.net, f"slice{number + 1}").named_children():
            features.add_module(index, module)
    trunk.add_module("features", features)
    points = default_registry().points_of(LossNetworkId(backbone, ("lpips",)))
    network = LossNetwork(trunk, points, mean=LPIPS_MEAN, std=LPIPS_STD, name=backbone)
    return network, tuple(point.name for point in points)


@pytest.fixture(scope="module", params=NETS)
def net(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def metric(net: str) -> torch.nn.Module:
    """A metric of the package on random weights; drawing those of VGG takes seconds."""
    torch.manual_seed(0)
    return lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()


@pytest.mark.parametrize("learned", [True, False])
def test_same_distances_as_the_lpips_package(
    net: str, metric: torch.nn.Module, learned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric, "lpips", learned)  # whether it weights channels
    network, points = as_loss_network(metric, NETS[net])
    config = DistanceConfig("lin", lin_weights="lpips") if learned else DistanceConfig("spatial")
    ref, p0, p1 = photographs()
    found = ImageComparer(network, [points], config, engine="eager").compare(ref, p0, p1)[:, :, 0]
    expected = np.stack([with_lpips(metric, ref, other) for other in (p0, p1)], axis=1)
    assert expected.min() > 1e-4  # a comparison of zeros would prove nothing
    assert found == pytest.approx(expected, abs=1e-6, rel=1e-5)


def test_same_map_as_the_lpips_package(net: str, metric: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric, "spatial", True)
    network, _ = as_loss_network(metric, NETS[net])
    ref, p0, _ = photographs()
    first, second = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 for images in (ref, p0))
    loss = DeepPerceptualLoss(network, distance=DistanceConfig("lin", lin_weights="lpips"), reduction="none")
    with torch.no_grad():
        expected = metric(first * 2 - 1, second * 2 - 1)
    assert expected.shape == (3, 1, 64, 64)
    torch.testing.assert_close(loss.distance_map(first, second), expected, atol=1e-6, rtol=1e-5)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 10:20, 30:50] = 1
    torch.testing.assert_close(loss(first, second, mask), expected[..., 10:20, 30:50].mean((1, 2, 3)))
