"""Losses of volumes, of shifted images, and of images above a resolution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit import DeepPerceptualLoss, ExtractionPoint, ImageError, LossNetwork, UsageError
from lnkit.training import VolumeLoss, random_shift


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    torch.manual_seed(0)
    return LossNetwork(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), [ExtractionPoint("late", "1")])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def volumes() -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 2, 1, 6, 7, 8, generator=seeded(1))
    return a, b


# Volumes, by the facts about MONAI


@pytest.mark.parametrize("channels", [1, 3])
def test_a_volume_is_the_sum_over_axes_of_means_over_slices(channels: int, network: LossNetwork) -> None:
    loss = DeepPerceptualLoss(network)
    a, b = (volume.repeat(1, channels, 1, 1, 1) for volume in volumes())
    axes = [
        [loss(a[n, :, k][None], b[n, :, k][None]) for n in range(2) for k in range(6)],
        [loss(a[n, :, :, k][None], b[n, :, :, k][None]) for n in range(2) for k in range(7)],
        [loss(a[n, :, :, :, k][None], b[n, :, :, :, k][None]) for n in range(2) for k in range(8)],
    ]
    expected = sum(torch.stack(values).mean() for values in axes)
    torch.testing.assert_close(VolumeLoss(loss, ratio=1.0)(a, b), expected)


def test_equal_slices_count_as_one_image(network: LossNetwork) -> None:
    """Parity test 9: a volume of equal slices has along that axis the value of the image."""
    loss = DeepPerceptualLoss(network)
    a, b = torch.rand(2, 1, 1, 8, 8, generator=seeded(2))
    cubes = [image[:, :, None].expand(-1, -1, 8, -1, -1) for image in (a, b)]
    total = VolumeLoss(loss, ratio=1.0)(*cubes)
    others = [
        torch.stack([loss(*(cube.select(axis, k) for cube in cubes)) for k in range(8)]).mean() for axis in (3, 4)
    ]
    torch.testing.assert_close(total - sum(others), loss(a, b))


def test_a_part_of_the_slices_is_drawn_anew_by_the_generator(network: LossNetwork) -> None:
    loss = DeepPerceptualLoss(network)
    drawn = VolumeLoss(loss, ratio=0.5, generator=seeded(3))
    first, second = (drawn(*volumes()).item() for _ in range(2))
    assert first != second
    assert VolumeLoss(loss, ratio=0.5, generator=seeded(3))(*volumes()).item() == first
    assert drawn(volumes()[0], volumes()[0]).item() == 0  # the same slices of both


def test_the_part_is_rounded_down(network: LossNetwork) -> None:
    counts: list[int] = []
    loss = DeepPerceptualLoss(network)
    loss.register_forward_pre_hook(lambda _module, images: counts.append(len(images[0])))
    VolumeLoss(loss, ratio=0.3)(*volumes())
    assert counts == [3, 4, 4]  # of 12, 14 and 16 slices


def test_volumes_have_a_gradient_and_bounded_memory(network: LossNetwork) -> None:
    loss = DeepPerceptualLoss(network)
    gradients = []
    for size in (None, 5):
        loss.micro_batch = size
        output = volumes()[0].requires_grad_()
        VolumeLoss(loss, ratio=1.0)(output, volumes()[1]).backward()
        gradients.append(output.grad)
    torch.testing.assert_close(*gradients)


def test_volumes_that_cannot_be_meant_are_refused(network: LossNetwork) -> None:
    loss = DeepPerceptualLoss(network)
    with pytest.raises(ImageError, match=r"\(N, 1, D, H, W\).*\(2, 1, 6, 7\)"):
        VolumeLoss(loss)(*(volume[..., 0] for volume in volumes()))
    with pytest.raises(ImageError, match=r"0\.01 takes none of 12 slices"):
        VolumeLoss(loss, ratio=0.01)(*volumes())
    for ratio in (0, 1.5, float("nan")):
        with pytest.raises(UsageError, match="ratio above 0"):
            VolumeLoss(loss, ratio=ratio)
    with pytest.raises(UsageError, match="reduction 'mean', got 'none'"):
        VolumeLoss(DeepPerceptualLoss(network, reduction="none"))


# Shifts


def test_both_images_are_shifted_alike_within_the_limit() -> None:
    ramp = torch.arange(20.0).expand(1, 1, 20, 20)
    image = torch.cat([ramp, ramp.transpose(2, 3)], dim=1)  # the column and the row of each pixel
    shifts = set()
    for seed in range(60):
        a, b = random_shift(image, image * 2, 2, seeded(seed))
        assert torch.equal(a * 2, b)
        assert a.shape == image.shape
        right, down = (int(a[0, channel, 10, 10]) - 10 for channel in (0, 1))
        assert torch.equal(a[:, :, 2:-2, 2:-2], image.roll((-down, -right), (2, 3))[:, :, 2:-2, 2:-2])
        shifts.add((down, right))
    assert {down for down, _ in shifts} == {right for _, right in shifts} == {-2, -1, 0, 1, 2}
    assert len(shifts) > 15  # rows and columns are drawn apart


def test_a_shift_follows_its_generator_and_has_a_gradient() -> None:
    image = torch.rand(2, 3, 16, 16, requires_grad=True)
    a, b = random_shift(image, image.detach(), 8, seeded(4))
    assert torch.equal(random_shift(image, image, 8, seeded(4))[0], a)
    (a - b + a).sum().backward()
    assert image.grad is not None
    assert image.grad.sum() == pytest.approx(2 * image.numel())
    assert torch.equal(random_shift(image, image, 0)[0], image)


@pytest.mark.parametrize("most", [-1, 16])
def test_shifts_that_cannot_be_are_refused(most: int) -> None:
    image = torch.rand(1, 3, 16, 20)
    with pytest.raises(UsageError, match=rf"from 0 to 15 pixels for these images, got {most}"):
        random_shift(image, image, most)
    with pytest.raises(UsageError, match="same size"):
        random_shift(image, image[:, :, 1:], 1)


# A cap on the resolution


@pytest.mark.parametrize(("size", "reduced"), [((40, 60), (21, 32)), ((60, 40), (32, 21)), ((64, 64), (32, 32))])
def test_larger_images_are_reduced(size: tuple[int, int], reduced: tuple[int, int], network: LossNetwork) -> None:
    a, b = torch.rand(2, 2, 3, *size, generator=seeded(5))
    by_hand = [functional.interpolate(image, reduced, mode="bicubic", align_corners=False) for image in (a, b)]
    features = [network.features(image)["late"] for image in by_hand]
    loss = DeepPerceptualLoss(network, longest=32)
    torch.testing.assert_close(loss(a, b), functional.mse_loss(*features))
    assert loss.distance_map(a, b).shape == (2, 1, *size)


def test_images_within_the_limit_stay(network: LossNetwork) -> None:
    a, b = torch.rand(2, 2, 3, 20, 32, generator=seeded(6))
    assert torch.equal(DeepPerceptualLoss(network, longest=32)(a, b), DeepPerceptualLoss(network)(a, b))


def test_black_and_white_may_overshoot_when_they_are_reduced(network: LossNetwork) -> None:
    edges = (torch.rand(1, 3, 60, 60, generator=seeded(7)) > 0.5).float()
    assert torch.isfinite(DeepPerceptualLoss(network, longest=32)(edges, edges))
    with pytest.raises(ImageError, match=r"values in \[0, 1\]"):
        DeepPerceptualLoss(network, longest=32)(edges, edges * 2)


def test_a_limit_that_cannot_be_is_refused(network: LossNetwork) -> None:
    with pytest.raises(UsageError, match="1 pixel or more, got 0"):
        DeepPerceptualLoss(network, longest=0)
