"""A loss computed in tiles equals that of the whole image, or is refused in words."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from lnkit import DeepPerceptualLoss, ExtractionPoint, ImageError, LossNetwork, UsageError
from lnkit.training import TiledLoss


def images(height: int, width: int, count: int = 2) -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, count, 3, height, width, generator=torch.Generator().manual_seed(1))
    return a, b


def network(name: str = "squeezenet1_1") -> LossNetwork:
    torch.manual_seed(0)
    nodes = {"squeezenet1_1": ("features.1", "features.4"), "vgg11": ("features.1", "features.9")}[name]
    return LossNetwork(get_model(name, weights=None), [ExtractionPoint(node, node) for node in nodes])


def gradient(loss: nn.Module, pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    output = pair[0].clone().requires_grad_()
    value = loss(output, pair[1])
    (slope,) = torch.autograd.grad((value * torch.arange(1.0, value.numel() + 1)).sum(), output)
    return value.detach(), slope


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("squeezenet1_1", size) for size in ((48, 48), (96, 96), (101, 157), (160, 47), (95, 96))),
        ("vgg11", (99, 150)),
    ],
)
def test_tiles_have_value_and_gradient_of_the_whole(name: str, size: tuple[int, int]) -> None:
    whole = DeepPerceptualLoss(network(name), distance="spatial", reduction="none")
    pair = images(*size)
    torch.testing.assert_close(gradient(TiledLoss(whole, 48, 24), pair), gradient(whole, pair))


@pytest.mark.parametrize("distance", ["squared", "l1", "charbonnier", "cosine", "spatial+l1"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_any_mean_over_positions_has_tiles(distance: str, reduction: str) -> None:
    whole = DeepPerceptualLoss(network(), distance=distance, reduction=reduction)  # type: ignore[arg-type]
    pair = images(100, 130)
    torch.testing.assert_close(TiledLoss(whole, 48, 24)(*pair), whole(*pair))


def test_no_pass_is_larger_than_a_tile_with_its_margins() -> None:
    whole = DeepPerceptualLoss(network(), distance="spatial")
    tiled, sizes = TiledLoss(whole, 48, 24), list[tuple[int, ...]]()
    features = whole.network.features
    whole.network.features = lambda batch: sizes.append(tuple(batch.shape[2:])) or features(batch)  # type: ignore[func-returns-value]
    tiled(*images(481, 260))
    assert max(max(size) for size in sizes) <= 48 + 2 * 24
    assert len(sizes) > 2 * 10 * 5  # output and target of each


def test_gray_images_and_other_ranges_have_tiles() -> None:
    whole = DeepPerceptualLoss(network(), distance="spatial", value_range=(-1, 1))
    a, b = (image[:, :1] * 2 - 1 for image in images(100, 100))
    torch.testing.assert_close(TiledLoss(whole, 48, 24)(a, b), whole(a, b))


@pytest.mark.parametrize("distance", ["style", "sort", "gram"])
def test_statistics_have_no_tiles(distance: str) -> None:
    with pytest.raises(UsageError, match="compares statistics of whole feature maps"):
        TiledLoss(DeepPerceptualLoss(network(), distance=distance), 48, 24)


def test_a_margin_below_what_a_feature_sees_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'features\.9' see more than 8 pixels around them.*larger margin"):
        TiledLoss(DeepPerceptualLoss(network("vgg11"), distance="spatial"), 48, 8)


def test_a_network_that_sees_the_whole_image_is_refused() -> None:
    """Squeeze-and-excitation."""
    torch.manual_seed(0)
    backbone = get_model("efficientnet_b0", weights=None)
    loss = DeepPerceptualLoss(LossNetwork(backbone, [ExtractionPoint("early", "features.1")]), distance="spatial")
    with pytest.raises(UsageError, match="squeeze-and-excitation"):
        TiledLoss(loss, 64, 32)


def test_sizes_that_cannot_be_are_refused() -> None:
    loss = DeepPerceptualLoss(network("vgg11"), distance="spatial")
    with pytest.raises(UsageError, match="margin from 0 to below the tile of 48 pixels, got 48"):
        TiledLoss(loss, 48, 48)
    with pytest.raises(UsageError, match=r"multiples of a stride"):
        TiledLoss(loss, 50, 24)
    with pytest.raises(UsageError, match="resizes its images"):
        TiledLoss(DeepPerceptualLoss(network(), distance="spatial", longest=64), 48, 24)
    with pytest.raises(ImageError, match="same shape"):
        TiledLoss(loss, 48, 24)(images(48, 48)[0], images(48, 47)[1])
