"""A frozen network in small parts gives the value and the gradient of all at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.models import get_model

from lnkit import DeepPerceptualLoss, DistanceConfig, ExtractionPoint, LossNetwork
from lnkit.training.micro_batch import mean_in_parts


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    torch.manual_seed(0)
    backbone = get_model("squeezenet1_1", weights=None)
    return LossNetwork(backbone, [ExtractionPoint("early", "features.1"), ExtractionPoint("mid", "features.7")])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["squared", "spatial", "style"])
def test_value_and_gradient_of_a_loss(network: LossNetwork, name: str, size: int) -> None:
    loss = DeepPerceptualLoss(network, distance=DistanceConfig(name))
    images, target = torch.rand(2, 5, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    values, gradients = [], []
    for loss.micro_batch in (None, size):
        output = images.clone().requires_grad_()
        value = loss(output, target)
        (3 * value).backward()
        values.append(value.detach())
        gradients.append(output.grad)
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_no_more_than_a_part_at_once() -> None:
    seen: list[int] = []

    def measure(part: Tensor, rows: slice) -> Tensor:
        seen.append(len(part))
        return part.square().sum(1) * torch.arange(7.0)[rows]

    images = torch.rand(7, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: mean_in_parts(x, measure, 3), (images,))
    assert set(seen) == {3, 1}


def test_without_a_gradient_none_is_computed() -> None:
    def measure(part: Tensor, rows: slice) -> Tensor:
        assert not part.requires_grad
        return part.sum(1)

    assert mean_in_parts(torch.ones(4, 2), measure, 3) == 2.0


def test_targets_may_come_before_the_output(network: LossNetwork) -> None:
    loss = DeepPerceptualLoss(network)
    output, target = torch.rand(2, 4, 3, 40, 40)
    targets = loss.targets(target.requires_grad_())
    assert set(targets) == {"early", "mid"}
    assert not any(features.requires_grad for features in targets.values())
    assert torch.equal(loss.loss_to_features(output, targets), loss(output, target))
    loss.micro_batch = 3
    for point, features in loss.targets(target).items():
        torch.testing.assert_close(features, targets[point])
