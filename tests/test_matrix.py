"""All distances of a set: those of `compare`, symmetric, from one run of the network per image, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from realdata import RealData
from torch import nn

from lnkit import DistanceConfig, DistanceSpec, ExtractionPoint, ImageError, LnkitError, LossNetwork
from lnkit.distances import matrix as matrix_module
from lnkit.distances.comparer import ImageComparer
from lnkit.distances.matrix import PairwiseDistances
from lnkit.distances.stacked import StackedDistances
from lnkit.networks.load import make_loss_network
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress

Array = np.ndarray[Any, Any]
POINTS = ("early", "late")
GROUPS = [("early",), ("late",), ("early", "late")]


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(True), nn.Conv2d(16, 24, 3, 2), nn.SiLU(True)]
    return LossNetwork(nn.Sequential(*layers), [ExtractionPoint("early", "2"), ExtractionPoint("late", "4")])


def photos(count: int, seed: int = 0, height: int = 16, width: int = 16) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def make(network: LossNetwork, name: str = "spatial", **options: Any) -> ImageComparer:
    return ImageComparer(network, options.pop("groups", GROUPS), DistanceConfig(name), **options)


def pair_by_pair(comparer: ImageComparer, images: Array) -> Array:
    """Compute the same matrix by comparing pairs."""
    a, b = np.triu_indices(len(images), 1)
    found = np.zeros((len(images), len(images), len(GROUPS)))
    found[a, b] = found[b, a] = comparer.compare(images[a], images[b])[:, 0]
    return found


@pytest.mark.parametrize("name", ["spatial", "style", "sort", "mean_pool", "squared", "spatial+mean_pool"])
def test_distances_are_those_of_compare(network: LossNetwork, name: str) -> None:
    images = photos(9)
    found = make(network, name).matrix(images)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, pair_by_pair(make(network, name, engine="eager"), images), rtol=2e-5)
    np.testing.assert_array_equal(found, found.transpose(1, 0, 2))
    assert (found[np.arange(9), np.arange(9)] == 0).all()
    np.testing.assert_allclose(found[..., 2], found[..., 0] + found[..., 1], rtol=1e-12)


def test_squared_differences_of_pixels_have_a_closed_form() -> None:
    images = photos(7, height=6, width=10)
    backbone = LossNetwork(nn.Sequential(nn.Identity()), [ExtractionPoint("pixels", "0")], mean=(0,) * 3, std=(1,) * 3)
    found = ImageComparer(backbone, [("pixels",)], DistanceConfig("squared")).matrix(images)[..., 0]
    flat = images.reshape(7, -1) / 255.0
    np.testing.assert_allclose(found, ((flat[:, None] - flat[None]) ** 2).mean(2), rtol=1e-5)


def test_real_network(real_data: RealData) -> None:
    spec = default_registry().backbone("squeezenet1_1")
    loaded = build_backbone(spec, str(real_data("weights/squeezenet1_1.safetensors")), 0, SilentProgress())
    points = tuple(default_registry().points["squeezenet1_1"][name] for name in POINTS)
    network = make_loss_network(loaded, spec, points, "backbone", True)
    files = sorted((real_data("human_2afc") / "2afc" / "val" / "materials" / "ref").iterdir())[:12]
    from PIL import Image

    images = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    np.testing.assert_allclose(
        make(network).matrix(images), pair_by_pair(make(network, engine="eager"), images), rtol=2e-5, atol=1e-9
    )


def test_the_network_runs_once_per_image_in_batches_of_one_size(
    network: LossNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[int] = []
    computed: list[int] = []
    embed, features = PairwiseDistances._embed, StackedDistances.features
    monkeypatch.setattr(
        PairwiseDistances, "_embed", lambda self, images: (wanted.append(len(images)), embed(self, images))[1]
    )
    monkeypatch.setattr(
        StackedDistances, "features", lambda self, images: (computed.append(len(images)), features(self, images))[1]
    )
    make(network).matrix(photos(40, height=64, width=64))
    assert wanted == [1, 32, 8]  # the first image only for the size of its features
    assert computed == [32, 32, 32]


@pytest.mark.parametrize("batches", [1, 2])
def test_blocks_change_nothing_and_bound_the_memory(
    network: LossNetwork, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, comparer = photos(11), make(network, groups=GROUPS[:2])
    monkeypatch.setattr(comparer, "_batch_pixels", 3 * 16 * 16)
    whole = comparer.matrix(images)
    per_image = 4 * (16 * 14 * 14 + 24 * 6 * 6)
    monkeypatch.setattr(matrix_module, "BLOCK_BYTES", 3 * batches * per_image)
    waiting: list[int] = []
    compare = PairwiseDistances._compare
    monkeypatch.setattr(
        PairwiseDistances,
        "_compare",
        lambda self, rows, image: (waiting.append(len(rows[0])), compare(self, rows, image))[1],
    )
    np.testing.assert_array_equal(comparer.matrix(images), whole)
    assert max(waiting) == 3 * batches
    assert sum(waiting) == 11 * 10 // 2


def test_some_rows_at_a_time_change_nothing(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make(network).matrix(photos(7))
    monkeypatch.setattr(matrix_module, "CALL_BYTES", 1)
    np.testing.assert_allclose(make(network).matrix(photos(7)), whole, rtol=1e-6)


def test_nothing_hangs_on_batch_size_or_engine(network: LossNetwork) -> None:
    whole = make(network).matrix(photos(7))
    np.testing.assert_array_equal(make(network, batch_size=2).matrix(photos(7)), whole)
    comparer = make(network, engine="inductor")
    np.testing.assert_array_equal(comparer.matrix(photos(7)), whole)
    assert comparer.engine == "eager"


def test_identical_images_are_exactly_as_far(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    compare, rng = PairwiseDistances._compare, np.random.default_rng(0)
    uneven = lambda found: found * (1 + 1e-6 * rng.random(found.shape))  # noqa: E731 - the rounding of a large batch
    monkeypatch.setattr(PairwiseDistances, "_compare", lambda *given: uneven(compare(*given)) + 1e-12)
    images = photos(8)
    images[5] = images[2]
    found = make(network).matrix(images)
    assert (found[5, 2] == 0).all()
    np.testing.assert_array_equal(found[5], found[2])


def test_finished_blocks_are_not_measured_again(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    images, comparer = photos(10), make(network)
    monkeypatch.setattr(comparer, "_batch_pixels", 4 * 16 * 16)
    monkeypatch.setattr(matrix_module, "BLOCK_BYTES", 1)
    kept: dict[str, Mapping[str, Array]] = {}

    class Store:
        def get_or_compute(self, key: str, compute: Callable[[], Mapping[str, Array]]) -> Mapping[str, Array]:
            if key not in kept:
                kept[key] = compute()
            return kept[key]

    whole = comparer.matrix(images, store=Store())
    assert sorted(kept) == ["rows-000000", "rows-000004", "rows-000008"]
    np.testing.assert_array_equal(whole, comparer.matrix(images))
    del kept["rows-000004"]
    steps: list[int] = []
    np.testing.assert_array_equal(comparer.matrix(images, store=Store(), advance=steps.append), whole)
    assert sum(steps) == 6 + 8  # rows 4 to 7: among themselves, and with the last two


def test_only_the_wanted_pairs_are_measured(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    images = photos(9)
    images[7] = images[2]  # identical images share their distances, whichever of them is wanted
    whole = make(network).matrix(images)
    wanted = np.random.default_rng(1).random((9, 9)) < 0.3
    wanted[7, 4] = True
    wanted[2, 4] = wanted[4, 2] = False
    either = wanted | wanted.T | np.eye(9, dtype=bool)
    monkeypatch.setattr(matrix_module, "BLOCK_BYTES", 1)
    steps: list[int] = []
    found = make(network).matrix(images, pairs=wanted, advance=steps.append)
    np.testing.assert_allclose(found[either], whole[either], rtol=2e-5)
    assert np.isnan(found[~either]).all()
    assert 0 < sum(steps) <= np.triu(either, 1).sum() < 36


def test_wanted_pairs_have_a_shape(network: LossNetwork) -> None:
    with pytest.raises(ImageError, match=r"true or false of shape \(3, 3\), got bool of shape \(2, 2\)"):
        make(network).matrix(photos(3), pairs=np.ones((2, 2), bool))
    with pytest.raises(ImageError, match="got int64"):
        make(network).matrix(photos(3), pairs=np.ones((3, 3), np.int64))


def test_progress_counts_pairs(network: LossNetwork) -> None:
    steps: list[int] = []
    make(network).matrix(photos(10), advance=steps.append)
    assert sum(steps) == 45


@pytest.mark.parametrize("count", [0, 1])
def test_few_images(network: LossNetwork, count: int) -> None:
    np.testing.assert_array_equal(make(network).matrix(photos(count)), np.zeros((count, count, 3)))


def test_a_distance_of_a_plugin_goes_from_the_earlier_image_to_the_later(network: LossNetwork) -> None:
    spec = DistanceSpec("mine", lambda: lambda a, b: (a.mean((1, 2, 3)) - 2 * b.mean((1, 2, 3))).square())
    comparer = make(network, "mine", lookup=lambda name: spec, engine="eager")
    np.testing.assert_allclose(comparer.matrix(photos(5)), pair_by_pair(comparer, photos(5)), rtol=1e-5)


def test_bf16_is_near(network: LossNetwork) -> None:
    images = photos(6)
    found, exact = make(network, precision="bf16").matrix(images), make(network).matrix(images)
    np.testing.assert_allclose(found, exact, rtol=0.05)
    assert (found != exact).any()


def test_what_cannot_be_compared_is_refused(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="8-bit RGB"):
        make(network).matrix(photos(3) / 255)
    with pytest.raises(ImageError, match="point"):
        make(network).matrix(photos(3, height=3, width=3))
    with pytest.raises(LnkitError, match="not finite"):
        make(
            network, "bad", lookup=lambda name: DistanceSpec("bad", lambda: lambda a, b: a.mean((1, 2, 3)) / 0)
        ).matrix(photos(3))

    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(PairwiseDistances, "_embed", run_out)
    with pytest.raises(ImageError, match="16 x 16 pixels do not fit into the memory"):
        make(network).matrix(photos(3))
