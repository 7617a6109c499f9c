"""A loss inside somebody's module: nothing that is done to the parent changes the loss network."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from lnkit import DeepPerceptualLoss, ExtractionPoint, LossNetwork


@pytest.fixture
def parent() -> nn.Module:
    torch.manual_seed(0)
    points = [ExtractionPoint("early", "features.1"), ExtractionPoint("mid", "features.7")]
    network = LossNetwork(get_model("squeezenet1_1", weights=None), points)
    return nn.ModuleDict({"net": nn.Conv2d(3, 3, 1), "loss": DeepPerceptualLoss(network, distance="spatial")})


@pytest.fixture
def images() -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    return a, b


def train_everything(parent: nn.Module, images: tuple[Tensor, Tensor]) -> None:
    """Freeze, unfreeze, and take five steps over all parameters with weight decay."""
    parent.requires_grad_(False).requires_grad_(True)
    optimizer = torch.optim.AdamW(parent.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(5):
        optimizer.zero_grad()
        parent["loss"](parent["net"](images[0]), images[1]).backward()  # type: ignore[index]
        optimizer.step()


def average(parent: nn.Module, images: tuple[Tensor, Tensor]) -> None:
    mean = torch.optim.swa_utils.AveragedModel(parent, use_buffers=True)
    mean.update_parameters(parent)


WHATEVER = {
    "trained": train_everything,
    "initialized": lambda parent, _: parent.apply(lambda m: [nn.init.zeros_(p) for p in m.parameters(recurse=False)]),
    "loaded": lambda parent, _: parent.load_state_dict({k: v * 0 for k, v in parent.state_dict().items()}),
    "averaged": average,
    "halved": lambda parent, _: parent.half().float(),
    "doubled": lambda parent, _: parent.double(),
    "trained mode": lambda parent, _: parent.train(),
    "emptied": lambda parent, _: [module.reset_parameters() for module in parent.modules() if hasattr(module, "bias")],
}


@pytest.mark.parametrize("what", WHATEVER)
def test_that_nothing_reaches_the_loss_network(what: str, parent: nn.Module, images: tuple[Tensor, Tensor]) -> None:
    loss = parent["loss"]  # type: ignore[index]
    before = loss(*images)
    WHATEVER[what](parent, images)
    assert torch.equal(loss(*images), before)
    assert not any(parameter.requires_grad for parameter in loss.network.parameters())
    assert not any(module.training for module in loss.network.modules())


def test_that_it_is_no_luggage(parent: nn.Module) -> None:
    assert [name for name, _ in parent.named_parameters()] == ["net.weight", "net.bias"]
    assert list(parent.state_dict()) == ["net.weight", "net.bias"]
    assert [name for name, _ in parent.named_modules()] == ["", "net", "loss"]


def test_that_it_follows_to_a_device_and_only_there(parent: nn.Module) -> None:
    parent.to("meta")
    assert parent["loss"].network.device.type == "meta"  # type: ignore[index]


def test_that_the_loss_itself_can_be_converted(parent: nn.Module, images: tuple[Tensor, Tensor]) -> None:
    loss = parent["loss"]  # type: ignore[index]
    single = loss(*images)
    assert loss.double()(*(image.double() for image in images)).item() == pytest.approx(single.item(), rel=1e-5)
    assert loss.float().network.mean.dtype == torch.float32


def saved(loss: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(loss, file)
    file.seek(0)
    again: nn.Module = torch.load(file, weights_only=False)
    return again


@pytest.mark.parametrize("again", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss)), saved])
@pytest.mark.parametrize("distance", ["spatial", "sort+gram", "charbonnier(eps=0.01)", "angle", "dists", "style"])
def test_that_a_copy_gives_the_same_values(again, distance: str, images: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    network = LossNetwork(get_model("squeezenet1_1", weights=None), [ExtractionPoint("early", "features.1")])
    loss = DeepPerceptualLoss(network, distance=distance)
    assert torch.equal(again(loss)(*images), loss(*images))


def test_that_a_copy_shares_nothing(parent: nn.Module, images: tuple[Tensor, Tensor]) -> None:
    loss = parent["loss"]  # type: ignore[index]
    other, before = copy.deepcopy(loss), loss(*images)
    with torch.no_grad():
        for parameter in other.network.parameters():
            parameter.zero_()
    assert torch.equal(loss(*images), before)
