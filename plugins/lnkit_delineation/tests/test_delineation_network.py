"""The U-Net and its losses, against a plain rewriting and against sums done by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lnkit import DeepPerceptualLoss, ExtractionPoint, LossNetwork
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry
from lnkit_delineation.data import DelineationData, Tiles
from lnkit_delineation.network import UNet, build_baseline
from lnkit_delineation.protocol import PAPER
from lnkit_delineation.task import DelineationTask, cross_entropy, weights
from lnkit_delineation.windows import mark_in_windows


@pytest.fixture
def network() -> UNet:
    torch.manual_seed(0)
    return UNet()


def plainly(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The same written out with functions, batch statistics and all: (N, 4, H, W) to (N, 1, H, W)."""
    functional = nn.functional

    def norm(y: Tensor, name: str) -> Tensor:
        mean, variance = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), keepdim=True, unbiased=False)
        scale, shift = (state[f"{name}.2.{part}"].reshape(1, -1, 1, 1) for part in ("weight", "bias"))
        return (y - mean) / (variance + 1e-5).sqrt() * scale + shift

    down = []
    for level in range(4):
        x = norm(functional.conv2d(x.relu(), state[f"down.{level}.1.weight"], None, 2, 1), f"down.{level}")
        down.append(x)
    one, two, three, four = down
    ups = [four]
    for level, mirror in enumerate((None, three, two, one)):
        y = ups[-1] if mirror is None else torch.cat([ups[-1], mirror], 1)
        y = functional.conv_transpose2d(y.relu(), state[f"up.{level}.1.weight"], None, 2, 1)
        ups.append(norm(y, f"up.{level}"))
    return ups[-1].sigmoid()


def test_is_wired_as_the_protocol_says(network: UNet) -> None:
    image, marks = torch.rand(2, 3, 64, 96), torch.rand(2, 1, 64, 96)
    expected = plainly(network.state_dict(), torch.cat([image, marks], 1))
    torch.testing.assert_close(network(image, marks), expected)


def test_widths_and_parameters(network: UNet) -> None:
    down = [block[1].weight.shape for block in network.down]
    up = [block[1].weight.shape for block in network.up]
    assert down == [(8, 4, 4, 4), (16, 8, 4, 4), (32, 16, 4, 4), (32, 32, 4, 4)]
    assert up == [(32, 32, 4, 4), (64, 16, 4, 4), (32, 8, 4, 4), (16, 1, 4, 4)], "transposed: in, out"
    convolutions = 16 * (4 * 8 + 8 * 16 + 16 * 32 + 32 * 32 + 32 * 32 + 64 * 16 + 32 * 8 + 16 * 1)
    norms = 2 * (8 + 16 + 32 + 32 + 32 + 16 + 8 + 1)
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + norms


@pytest.mark.parametrize("size", [(224, 224), (100, 57), (16, 16), (1, 3)])
def test_any_size_comes_out_as_it_came_in(network: UNet, size: tuple[int, int]) -> None:
    marks = network.eval()(torch.rand(1, 3, *size), torch.zeros(1, 1, *size))
    assert marks.shape == (1, 1, *size)
    assert 0 < marks.min() <= marks.max() < 1


def test_is_applied_to_its_own_output(network: UNet) -> None:
    network.eval()
    image = torch.rand(1, 3, 32, 32)
    first = network(image, torch.zeros(1, 1, 32, 32))
    second = network(image, first)
    found = network.apply_repeatedly(image, 3)
    assert len(found) == 3
    torch.testing.assert_close(found[0], first)
    torch.testing.assert_close(found[1], second)
    torch.testing.assert_close(found[2], network(image, second))


def test_later_applications_weigh_more() -> None:
    assert weights(1) == [1.0]
    assert weights(3) == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert sum(weights(7)) == pytest.approx(1)


def test_cross_entropy_by_hand() -> None:
    marks, truth = torch.tensor([[0.9, 0.2]]), torch.tensor([[1.0, 0.0]])
    assert cross_entropy(marks, truth).item() == pytest.approx(-(np.log(0.9) + np.log(0.8)) / 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert cross_entropy(marks.bfloat16(), truth).dtype == torch.float32


def tiles(count: int, side: int, seed: int = 0) -> Tiles:
    draw = np.random.default_rng(seed)
    images = draw.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    maps = (draw.random((count, side, side)) < 0.2).astype(np.uint8) * 255
    return Tiles(tuple(map(str, range(count))), images, maps, "ab")


def make_task(**changes: Any) -> DelineationTask:
    torch.manual_seed(1)
    loss = DeepPerceptualLoss(LossNetwork(nn.Sequential(nn.Conv2d(3, 4, 3)), [ExtractionPoint("end", "0")]))
    protocol = replace(PAPER, **{"train_tiles": "crop", "crop": 32, "batch_size": 2} | changes)
    return DelineationTask(protocol, DelineationData(tiles(5, 48), tiles(3, 32, 1), tiles(1, 32)), loss)


@pytest.mark.parametrize("k", [1, 3])
def test_the_loss_of_all_applications(network: UNet, k: int) -> None:
    """Pihlgren2023 Eq. 4 with the weights of Mosinska2018, added up one by one."""
    task = make_task(k_train=k)
    batch = task.load(np.array([0, 3]), np.random.default_rng(0))
    found = task.losses(network, batch)
    image, truth = batch["image"].float() / 255, batch["truth"].float() / 255
    marks, bce, features = torch.zeros(2, 1, 32, 32), 0.0, 0.0
    for number in range(1, k + 1):
        marks = network(image, marks)
        weight = number / (k * (k + 1) / 2)
        bce = bce + weight * nn.functional.binary_cross_entropy(marks, truth)
        features = features + weight * task.feature_loss(marks.repeat(1, 3, 1, 1), truth.repeat(1, 3, 1, 1))
    torch.testing.assert_close(found["bce"], bce)
    torch.testing.assert_close(found["feature loss"], features)
    torch.testing.assert_close(found["loss"], bce + 0.01 * features)


def test_in_training_mode_outputs_and_targets_have_their_own_statistics(network: UNet) -> None:
    """The reference code's loss with K = 1 against the same network put into training mode by hand."""
    torch.manual_seed(6)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    task = make_task(k_train=1)
    task.feature_loss = DeepPerceptualLoss(LossNetwork(plain, [ExtractionPoint("end", "2")], mode="train")).train()
    batch = task.load(np.array([0, 3]), np.random.default_rng(0))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = task.losses(network, batch)["feature loss"]
    network.load_state_dict(state)
    image, truth = batch["image"] / 255, batch["truth"] / 255
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    marks = network(image, torch.zeros(2, 1, 32, 32))
    with torch.no_grad():
        a, b = (plain.train()((gray.repeat(1, 3, 1, 1) - mean) / std) for gray in (marks, truth))
    torch.testing.assert_close(found.detach(), (a - b).square().mean())


def test_the_baseline_leaves_cross_entropy_alone(network: UNet) -> None:
    spec = default_registry().backbone("bce")
    backbone = build_backbone(spec).module
    assert isinstance(build_baseline(), type(backbone))
    loss = DeepPerceptualLoss(LossNetwork(backbone, [ExtractionPoint("alone", "alone")]))
    task = make_task()
    task.feature_loss = task._loss = loss
    batch = task.load(np.array([0, 3]), np.random.default_rng(0))
    found = task.losses(network, batch)
    found["loss"].backward()
    assert found["feature loss"].item() == 0
    assert found["loss"].item() == found["bce"].item()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters() if parameter.grad is not None)


class TestCrops:
    """What the network is trained on."""

    def test_image_and_map_are_cut_alike(self) -> None:
        task = make_task()
        train = tiles(5, 48)
        train.images[..., 0] = train.maps  # so that one can be told from the other
        task.data = replace(task.data, train=train)
        batch = task.load(np.arange(5), np.random.default_rng(2))
        assert batch["image"].shape == (5, 3, 32, 32)
        assert torch.equal(batch["image"][:, :1], batch["truth"])

    def test_half_of_them_are_flipped_and_places_vary(self) -> None:
        task = make_task()
        train = tiles(1, 48)
        train.images[..., 0] = np.arange(48, dtype=np.uint8)  # columns, from left to right
        train.images[..., 1] = np.arange(48, dtype=np.uint8)[:, None]
        task.data = replace(task.data, train=train)
        crops = task.load(np.zeros(400, np.int64), np.random.default_rng(3))["image"]
        first, second = crops[:, 0, 0, 0].int(), crops[:, 0, 0, 1].int()
        flipped = second < first
        assert 0.4 < flipped.float().mean() < 0.6
        lefts = torch.where(flipped, first - 31, first)
        assert set(lefts.tolist()) == set(range(17)), "every place from 0 to 48 - 32"
        assert set(crops[:, 1, 0, 0].tolist()) == set(range(17))

    def test_without_flips(self) -> None:
        task = make_task(flip=0.0)
        train = tiles(1, 48)
        train.images[..., 0] = np.arange(48, dtype=np.uint8)
        task.data = replace(task.data, train=train)
        crops = task.load(np.zeros(50, np.int64), np.random.default_rng(3))["image"].int()
        assert (crops[:, 0, 0, 1] > crops[:, 0, 0, 0]).all()


def test_tiles_that_are_resized_are_taken_whole_and_flipped_alike() -> None:
    task = make_task(train_tiles="resized", flip=1.0)
    train = tiles(3, 48)
    train.images[..., 0] = train.maps
    task.data = replace(task.data, train=train)
    batch = task.load(np.arange(3), np.random.default_rng(4))
    assert batch["image"].shape == (3, 3, 48, 48)
    assert torch.equal(batch["image"], torch.from_numpy(train.images[:, :, ::-1].copy()).permute(0, 3, 1, 2))
    assert torch.equal(batch["image"][:, :1], batch["truth"])


@pytest.mark.parametrize("keeps", ["loss", "bce"])
def test_validation_is_the_mean_over_tiles(network: UNet, keeps: str) -> None:
    task = make_task(keeps=keeps)
    network.eval()
    with torch.no_grad():
        found = task.validate(network)
        image = torch.from_numpy(task.data.valid.images).permute(0, 3, 1, 2).float() / 255
        truth = torch.from_numpy(task.data.valid.maps)[:, None].float() / 255
        expected = task.compute_losses(network, image, truth)
    assert found.value == pytest.approx(expected[keeps].item(), rel=1e-5)
    assert set(found.others) == {"loss", "bce", "feature loss"} - {keeps}
    assert 0 < found.variation < 1


class TestWindows:
    """Whole tiles."""

    @pytest.mark.parametrize("size", [(70, 100), (32, 32), (20, 90), (33, 64)])
    def test_what_sees_one_pixel_gives_what_it_gives_at_once(self, size: tuple[int, int]) -> None:
        image = torch.rand(1, 3, *size, dtype=torch.float64)
        found = mark_in_windows(lambda part: part.mean(1, keepdim=True).square(), image, window=32)
        torch.testing.assert_close(found, image.mean(1, keepdim=True).square())

    def test_the_middle_of_a_window_counts_most(self) -> None:
        """Windows that mark nothing but their own edges leave almost nothing where others see the middle."""

        def edges(part: Tensor) -> Tensor:
            marks = torch.zeros_like(part[:, :1])
            marks[..., :2], marks[..., -2:] = 1, 1
            return marks

        found = mark_in_windows(edges, torch.zeros(1, 3, 64, 128), window=64)
        assert found[..., 31:33].max() < 0.1, "a seam between two windows, in the middle of a third"
        assert found[..., :2].min() == 1, "where only one window is"

    def test_windows_have_the_size_of_a_crop(self) -> None:
        seen = []

        def look(part: Tensor) -> Tensor:
            seen.append(tuple(part.shape[2:]))
            return part[:, :1]

        mark_in_windows(look, torch.zeros(1, 3, 100, 64), window=32)
        assert set(seen) == {(32, 32)}
        assert len(seen) == 6 * 3
