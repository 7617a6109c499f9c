"""A loss as a metric of torchmetrics: the mean over images, however they come."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from lnkit import DeepPerceptualLoss, ExtractionPoint, ImageError, LossNetwork, UsageError

pytest.importorskip("torchmetrics")

from torchmetrics import MetricCollection

from lnkit.metrics import PerceptualDistance


@pytest.fixture
def pairs() -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 7, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return a, b


@pytest.fixture
def loss() -> DeepPerceptualLoss:
    torch.manual_seed(0)
    network = LossNetwork(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), [ExtractionPoint("late", "1")])
    return DeepPerceptualLoss(network, distance="spatial")


def after(metric: PerceptualDistance, pairs: tuple[Tensor, Tensor], sizes: list[int]) -> float:
    for output, target in zip(*(images.split(sizes) for images in pairs), strict=True):
        metric.update(output, target)
    return float(metric.compute())


def test_is_the_mean_over_images_not_over_batches(pairs: tuple[Tensor, Tensor]) -> None:
    expected = (pairs[0] - pairs[1]).abs().flatten(1).mean(1).mean().item()
    assert after(PerceptualDistance("pixel:image, l1"), pairs, [4, 1, 2]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_takes_any_loss_and_leaves_it_as_it_is(
    reduction: str, loss: DeepPerceptualLoss, pairs: tuple[Tensor, Tensor]
) -> None:
    loss.reduction = reduction  # type: ignore[assignment]  # parametrized
    single = [loss(a[None], b[None]).item() for a, b in zip(*pairs, strict=True)]
    metric = PerceptualDistance(loss)
    assert after(metric, pairs, [3, 4]) == pytest.approx(sum(single) / 7, rel=1e-5)
    assert loss.reduction == reduction
    assert metric.distances.network is loss.network


def test_its_range_and_its_loss_are_those_asked_for(pairs: tuple[Tensor, Tensor]) -> None:
    metric = PerceptualDistance("pixel:image, l1", value_range=(0, 255))
    scaled = (pairs[0] * 255, pairs[1] * 255)
    expected = (pairs[0] - pairs[1]).abs().mean().item()
    assert after(metric, scaled, [7]) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ImageError, match="same shape"):
        metric.update(pairs[0], pairs[1][:3])
    with pytest.raises(UsageError, match="Expected"):
        PerceptualDistance("")


def test_begins_again_after_a_reset(loss: DeepPerceptualLoss, pairs: tuple[Tensor, Tensor]) -> None:
    metric = PerceptualDistance(loss)
    first = after(metric, pairs, [7])
    metric.reset()
    assert after(metric, (pairs[0] * 0.5, pairs[1]), [7]) != first
    metric.reset()
    assert after(metric, pairs, [7]) == first


def test_the_network_is_no_part_of_it(loss: DeepPerceptualLoss) -> None:
    module = nn.ModuleDict({"net": nn.Conv2d(3, 3, 1), "metric": PerceptualDistance(loss)})
    assert list(module.state_dict()) == ["net.weight", "net.bias"]
    assert len(list(module.parameters())) == 2


@pytest.mark.parametrize("again", [copy.deepcopy, lambda metric: pickle.loads(pickle.dumps(metric))])
def test_a_copy_goes_on_alone(again, loss: DeepPerceptualLoss, pairs: tuple[Tensor, Tensor]) -> None:
    metric = PerceptualDistance(loss)
    metric.update(*(images[:3] for images in pairs))
    other = again(metric)
    other.update(*(images[3:] for images in pairs))
    assert other.compute().item() == pytest.approx(after(PerceptualDistance(loss), pairs, [7]), rel=1e-6)
    assert metric.count == 3


def test_stands_beside_other_metrics(loss: DeepPerceptualLoss, pairs: tuple[Tensor, Tensor]) -> None:
    metrics = MetricCollection({"ours": PerceptualDistance(loss), "l1": PerceptualDistance("pixel:image, l1")})
    values = metrics(*pairs)
    assert values["l1"].item() == pytest.approx((pairs[0] - pairs[1]).abs().mean().item(), rel=1e-6)
    assert values["ours"].item() == pytest.approx(loss(*pairs).item(), rel=1e-6)


def test_says_what_it_needs() -> None:
    code = "import sys; sys.modules['torchmetrics'] = None\nfrom lnkit.metrics import PerceptualDistance"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "lnkit.metrics needs the package torchmetrics (pip install 'lnkit[torchmetrics]')." in done.stderr
