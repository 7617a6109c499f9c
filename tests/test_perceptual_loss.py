"""The deep perceptual loss: value, gradient, and its use in a training loop."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from lnkit import DeepPerceptualLoss, DistanceConfig, ExtractionPoint, ImageError, LossNetwork, UsageError
from lnkit.specs import EPSILONS


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    torch.manual_seed(0)
    backbone = get_model("squeezenet1_1", weights=None)
    return LossNetwork(backbone, [ExtractionPoint("early", "features.1"), ExtractionPoint("mid", "features.7")])


@pytest.fixture
def images() -> tuple[torch.Tensor, torch.Tensor]:
    a, b = torch.rand(2, 2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    return a, b


def test_is_the_mean_squared_difference_of_the_features(
    network: LossNetwork, images: tuple[torch.Tensor, torch.Tensor]
) -> None:
    a, b = (network(image) for image in images)
    expected = sum(nn.functional.mse_loss(a[point], b[point]) for point in ("early", "mid"))
    torch.testing.assert_close(DeepPerceptualLoss(network)(*images), expected)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("name", ["squared", "spatial", "mean_pool", "style", "sort"])
def test_gradient_is_finite_where_images_agree(network: LossNetwork, name: str, epsilon: str) -> None:
    loss = DeepPerceptualLoss(network, distance=DistanceConfig(name, epsilon=epsilon))
    target = torch.rand(2, 3, 48, 48)
    target[:, :, :24] = 0  # flat black, where many features are zero
    for output in (target.clone(), torch.zeros_like(target), target * 0.999):
        output.requires_grad_()
        loss(output, target).backward()
        assert output.grad is not None
        assert torch.isfinite(output.grad).all()


def test_only_the_output_gets_a_gradient(network: LossNetwork, images: tuple[torch.Tensor, torch.Tensor]) -> None:
    output, target = (image.clone().requires_grad_() for image in images)
    DeepPerceptualLoss(network)(output, target).backward()
    assert output.grad is not None
    assert output.grad.abs().sum() > 0
    assert target.grad is None
    assert all(parameter.grad is None for parameter in network.parameters())


def test_gradient_is_the_slope() -> None:
    small = LossNetwork(get_model("alexnet", weights=None), [ExtractionPoint("early", "features.0")])
    loss = DeepPerceptualLoss(small, distance="spatial").double()
    output = torch.rand(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.full_like(x, 0.5)), (output,), fast_mode=True)


def test_training_an_image_makes_it_like_the_target(network: LossNetwork) -> None:
    torch.manual_seed(0)
    target = torch.rand(1, 3, 48, 48)
    image = torch.full_like(target, 0.5).requires_grad_()
    loss, optimizer = DeepPerceptualLoss(network), torch.optim.Adam([image], lr=0.02)
    first = loss(image, target).item()
    for _ in range(25):
        optimizer.zero_grad()
        loss(image, target).backward()
        optimizer.step()
    assert loss(image, target).item() < 0.5 * first


def test_stays_frozen_and_in_evaluation_mode_inside_a_training_module(network: LossNetwork) -> None:
    parent = nn.ModuleDict({"net": nn.Conv2d(3, 3, 1), "loss": DeepPerceptualLoss(network)}).train()
    assert not any(module.training for module in parent["loss"].network.modules())  # type: ignore[union-attr]
    trained = [name for name, parameter in parent.named_parameters() if parameter.requires_grad]
    assert trained == ["net.weight", "net.bias"]


@pytest.mark.parametrize("name", ["squared", "spatial"])
def test_works_under_autocast(network: LossNetwork, name: str, images: tuple[torch.Tensor, torch.Tensor]) -> None:
    loss = DeepPerceptualLoss(network, distance=name)
    output = images[0].clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(output, images[1])
    value.backward()
    assert value.dtype == torch.float32
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()
    torch.testing.assert_close(value, loss(*images), rtol=0.05, atol=0)


def test_compiles_whole_with_the_same_value_and_gradient(
    network: LossNetwork, images: tuple[torch.Tensor, torch.Tensor]
) -> None:
    loss = DeepPerceptualLoss(network, distance="spatial")
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    values, gradients = [], []
    for way in (loss, compiled):
        output = images[0].clone().requires_grad_()
        value = way(output, images[1])
        value.backward()
        values.append(value)
        gradients.append(output.grad)
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_images_that_cannot_be_meant_are_refused(network: LossNetwork) -> None:
    good = torch.rand(1, 3, 48, 48)
    with pytest.raises(ImageError, match=r"got \[0"):
        DeepPerceptualLoss(network)(good, torch.linspace(0, 255, good.numel()).reshape(good.shape))
    with pytest.raises(ImageError, match="same shape"):
        DeepPerceptualLoss(network)(good, good[:, :, 1:])
    with pytest.raises(ImageError, match="uint8"):
        DeepPerceptualLoss(network)(good.to(torch.uint8), good)


def test_a_network_in_training_may_overshoot(network: LossNetwork) -> None:
    good = torch.rand(1, 3, 48, 48)
    assert torch.isfinite(DeepPerceptualLoss(network)(good * 1.5 - 0.2, good))


def test_loads_by_name() -> None:
    loss = DeepPerceptualLoss("alexnet", "early+mid", weights="random", distance="spatial")
    assert [point.name for point in loss.network.points] == ["early", "mid"]
    assert loss(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)).item() > 0


def test_reductions_are_those_of_torch(network: LossNetwork, images: tuple[torch.Tensor, torch.Tensor]) -> None:
    single = torch.stack([DeepPerceptualLoss(network)(*(image[k : k + 1] for image in images)) for k in range(2)])
    values = {name: DeepPerceptualLoss(network, reduction=name)(*images) for name in ("none", "mean", "sum")}
    torch.testing.assert_close(values["none"], single)
    torch.testing.assert_close(values["mean"], single.mean())
    torch.testing.assert_close(values["sum"], single.sum())
    with pytest.raises(UsageError, match="there are mean, sum, none"):
        DeepPerceptualLoss(network, reduction="batchmean")  # type: ignore[arg-type]


@pytest.mark.parametrize("value_range", [(-1, 1), (0, 255)])
def test_images_of_another_range_have_the_same_distance(
    network: LossNetwork, images: tuple[torch.Tensor, torch.Tensor], value_range: tuple[float, float]
) -> None:
    low, high = value_range
    scaled = [low + image * (high - low) for image in images]
    loss = DeepPerceptualLoss(network, value_range=value_range)
    torch.testing.assert_close(loss(*scaled), DeepPerceptualLoss(network)(*images))
    with pytest.raises(ImageError, match=rf"Expected images with values in \[{low}, {high}\], got"):
        DeepPerceptualLoss(network, value_range=value_range)(scaled[0], scaled[1] * 3 - high)


@pytest.mark.parametrize("value_range", [(1, 0), (0, float("inf")), (float("nan"), 1), (0, 0)])
def test_ranges_that_cannot_be_meant_are_refused(network: LossNetwork, value_range: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="value range such as"):
        DeepPerceptualLoss(network, value_range=value_range)


def test_gray_is_gray_rgb_and_rgba_is_refused(network: LossNetwork, images: tuple[torch.Tensor, torch.Tensor]) -> None:
    gray = [image[:, :1] for image in images]
    repeated = [image.repeat(1, 3, 1, 1) for image in gray]
    torch.testing.assert_close(DeepPerceptualLoss(network)(*gray), DeepPerceptualLoss(network)(*repeated))
    with pytest.raises(ImageError, match="Blend RGBA over a background"):
        DeepPerceptualLoss(network)(*(torch.cat([image, image[:, :1]], 1) for image in images))
    with pytest.raises(ImageError, match=r"\(N, 3, H, W\) or \(N, 1, H, W\), got \(2, 2, 48, 48\)"):
        DeepPerceptualLoss(network)(*(image[:, :2] for image in images))


def test_an_image_where_nothing_counts_has_the_distance_0() -> None:
    loss = DeepPerceptualLoss("pixel", "image", reduction="none")
    output = torch.full((2, 3, 4, 4), 0.5, requires_grad=True)
    mask = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    values = loss(output, torch.zeros(2, 3, 4, 4), mask=mask)
    assert values.tolist() == [0.0, 0.25]
    values.sum().backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()


def test_a_given_network_keeps_its_memory_format() -> None:
    network = LossNetwork(nn.Sequential(nn.Conv2d(3, 4, 3)), [ExtractionPoint("late", "0")])
    DeepPerceptualLoss(network)
    assert all(parameter.is_contiguous() for parameter in network.parameters())
