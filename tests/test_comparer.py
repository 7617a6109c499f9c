"""The comparer: distances equal a plain computation, and decisions depend on the images only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from realdata import RealData
from torch import nn

from lnkit import DistanceConfig, DistanceSpec, ExtractionPoint, ImageError, LossNetwork, UsageError
from lnkit.distances import comparer as comparer_module
from lnkit.distances.comparer import ImageComparer
from lnkit.distances.engines.eager import EagerEngine
from lnkit.distances.functional import builtin_distance

Array = np.ndarray[Any, Any]
POINTS = ("early", "mid", "late")


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(True), nn.Conv2d(16, 24, 3, 2), nn.ReLU(True)]
    backbone = nn.Sequential(*layers, nn.Conv2d(24, 32, 3), nn.SiLU(True))
    for module in backbone:
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return LossNetwork(backbone, [ExtractionPoint(n, k) for n, k in zip(POINTS, ("2", "4", "6"), strict=True)])


def photos(count: int, seed: int = 0, size: int = 16) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def make(network: LossNetwork, *groups: tuple[str, ...], **options: Any) -> ImageComparer:
    distance = options.pop("distance", DistanceConfig())
    return ImageComparer(network, groups or [(name,) for name in POINTS], distance, engine="eager", **options)


def plainly(network: LossNetwork, a: Array, b: Array, name: str = "spatial") -> Array:
    """Compute the distances at each point with the loss network and the distance functions directly."""
    with torch.no_grad():
        features = [network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255) for images in (a, b)]
    return np.stack(
        [builtin_distance(name)(features[0][point], features[1][point]).numpy() for point in POINTS], axis=1
    )


@pytest.mark.parametrize("name", ["spatial", "style", "sort", "mean_pool", "squared"])
def test_distances_are_those_of_the_plain_computation(network: LossNetwork, name: str) -> None:
    ref, p0, p1 = photos(5), photos(5, 1), photos(5, 2)
    found = make(network, distance=DistanceConfig(name), batch_size=2).compare(ref, p0, p1)
    assert found.shape == (5, 2, 3)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[:, 0], plainly(network, ref, p0, name), rtol=2e-5)
    np.testing.assert_allclose(found[:, 1], plainly(network, ref, p1, name), rtol=2e-5)


def test_each_loss_network_may_have_a_distance_of_its_own(network: LossNetwork) -> None:
    ref, p0, p1 = photos(5), photos(5, 1), photos(5, 2)
    names = ("style", "spatial", "mean_pool")
    found = make(network, *[("mid",)] * 3, distance=[DistanceConfig(name) for name in names]).compare(ref, p0, p1)
    for index, name in enumerate(names):
        np.testing.assert_allclose(found[:, 1, index], plainly(network, ref, p1, name)[:, 1], rtol=2e-5)
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        make(network, ("mid",), ("early",), distance=[DistanceConfig()])


def test_what_several_measures_need_is_computed_once(network: LossNetwork) -> None:
    called: list[str] = []

    def load(**_options: object) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            called.append("distance")
            return (a - b).square().flatten(1).mean(1)

        return distance

    groups = (("early", "mid"), ("mid",), ("early",))
    lookup = {"counted": DistanceSpec("counted", load)}.__getitem__
    comparer = make(network, *groups, distance=[DistanceConfig("counted")] * 3, lookup=lookup, batch_size=2)
    comparer.compare(photos(2), photos(2, 1))
    called.clear()
    comparer.compare(photos(2), photos(2, 1))
    assert len(called) == 2, "one batch at two points"


def test_several_points_are_summed(network: LossNetwork) -> None:
    ref, other = photos(3), photos(3, 1)
    found = make(network, ("early", "late"), ("late",), ("early",)).compare(ref, other)
    np.testing.assert_allclose(found[..., 0], found[..., 1] + found[..., 2], rtol=1e-6)


def test_learned_weights_follow_the_order_of_the_points(network: LossNetwork, tmp_path: Path) -> None:
    state = {"lin0.weight": torch.full((1, 16, 1, 1), 2.0), "lin1.weight": torch.full((1, 32, 1, 1), 3.0)}
    torch.save(state, tmp_path / "weights.pth")
    config = DistanceConfig("lin", lin_weights=str(tmp_path / "weights.pth"))
    ref, other = photos(3), photos(3, 1)
    plain = make(network).compare(ref, other)
    found = make(network, ("early", "late"), distance=config).compare(ref, other)
    np.testing.assert_allclose(found[..., 0], 2 * plain[..., 0] + 3 * plain[..., 2], rtol=1e-6)


def test_nothing_hangs_on_number_batch_order_or_company(network: LossNetwork) -> None:
    arrays = photos(11), photos(11, 1), photos(11, 2)
    whole = make(network).compare(*arrays)
    np.testing.assert_array_equal(make(network).compare(*(a[3:5] for a in arrays)), whole[3:5])
    np.testing.assert_array_equal(make(network).compare(*(a[::-1] for a in arrays)), whole[::-1])
    for batch_size in (1, 4, 100):
        np.testing.assert_allclose(make(network, batch_size=batch_size).compare(*arrays), whole, rtol=1e-6)
    alone = make(network, ("mid",)).compare(*arrays)
    np.testing.assert_allclose(alone[..., 0], whole[..., 1], rtol=1e-6)


def test_identical_images_are_exactly_as_far(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, rng = EagerEngine.__call__, np.random.default_rng(0)
    rounding = lambda found: found * (1 + 1e-6 * rng.random(found.shape))  # noqa: E731 - of an engine less even than ours
    monkeypatch.setattr(EagerEngine, "__call__", lambda engine, stack: rounding(whole(engine, stack)))
    ref, other = photos(7), photos(7, 1)
    found = make(network, batch_size=3).compare(ref, other, other.copy(), ref.copy())
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    assert (found[:, 0] > 0).all()
    assert (found[:, 2] == 0).all()


def near_ties(count: int) -> tuple[Array, Array, Array]:
    """Gray references, a small patch in one place, and the same patch elsewhere with a single level of gray beside it.

    The networks here are convolutions, so the place does not matter, and one distance is larger by that level alone.
    """
    ref = np.full((count, 40, 40, 3), 128, np.uint8)
    p0, p1 = ref.copy(), ref.copy()
    p0[:, 10:14, 10:14] = p1[:, 22:26, 22:26] = photos(count, size=4)
    p1[:, 8, 30, 0] += 1
    return ref, p0, p1


def test_near_ties_are_settled_whatever_the_batch(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    ref, p0, p1 = near_ties(12)
    groups = [("mid",), ("late",)]
    exact = make(network, *groups)
    by_hand = np.stack([exact._exact_distances([a[i] for a in (ref, p0, p1)]) for i in range(12)])
    assert (by_hand[:, 0] < by_hand[:, 1]).all()
    assert (by_hand[:, 1] - by_hand[:, 0] < 2e-5 * by_hand[:, 1]).all()
    for size in (1, 5, 12):
        np.testing.assert_array_equal(make(network, *groups, batch_size=size).compare(ref, p0, p1), by_hand)
    monkeypatch.setattr(comparer_module, "NEAR_TIE", -1.0)
    assert (make(network, *groups).compare(ref, p0, p1) != by_hand).all()


def test_only_what_is_near_a_tie_is_replaced(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    ref, p0, p1 = near_ties(4)
    p1[2:] = photos(2, 9, 40)
    settled = make(network).compare(ref, p0, p1)
    monkeypatch.setattr(comparer_module, "NEAR_TIE", -1.0)
    raw = make(network).compare(ref, p0, p1)
    np.testing.assert_array_equal(settled[2:], raw[2:])
    assert (settled[:2] != raw[:2]).any()


def test_rounding_stays_within_what_is_settled(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the error of float32 for differences from one level of gray to another image."""
    monkeypatch.setattr(comparer_module, "NEAR_TIE", -1.0)
    rng = np.random.default_rng(0)
    ref = photos(16)
    comparer = make(network)
    for strength in (1, 10, 255):
        p0, p1 = (
            np.clip(ref + rng.integers(-strength, strength + 1, ref.shape), 0, 255).astype(np.uint8) for _ in "01"
        )
        found = comparer.compare(ref, p0, p1)
        exact = np.stack([comparer._exact_distances([ref[i], p0[i], p1[i]]) for i in range(16)])
        error = np.abs((found[:, 0] - found[:, 1]) - (exact[:, 0] - exact[:, 1]))
        larger = exact.max(axis=1)
        allowed = larger + np.sqrt(larger * comparer._scales[3, 16, 16])
        assert (error <= 3e-6 * allowed).all()


def test_progress_is_told_batch_by_batch(network: LossNetwork) -> None:
    steps: list[int] = []
    make(network, batch_size=4).compare(photos(10), photos(10, 1), advance=steps.append)
    assert steps == [4, 4, 2]


def test_batches_go_by_the_size_that_images_are_resized_to() -> None:
    network = LossNetwork(nn.Sequential(nn.Conv2d(3, 4, 3)), [ExtractionPoint("all", "0")], input_size=(256, 256))
    steps: list[int] = []
    make(network, ("all",)).compare(photos(5), photos(5, 1), advance=steps.append)
    assert steps == [2, 2, 1], "32 images of 64 x 64 pixels are as much as two of 256 x 256"


def test_no_items_give_no_distances(network: LossNetwork) -> None:
    assert make(network).compare(photos(0), photos(0)).shape == (0, 1, 3)


def test_memory_mapped_images_are_left_as_they_are(network: LossNetwork, tmp_path: Path) -> None:
    np.save(tmp_path / "ref.npy", photos(6))
    mapped = np.load(tmp_path / "ref.npy", mmap_mode="r")
    other = photos(6, 1)
    np.testing.assert_array_equal(make(network).compare(mapped, other), make(network).compare(photos(6), other))


@pytest.mark.parametrize("limit", [5, 3])
def test_batch_is_halved_while_memory_runs_out(
    network: LossNetwork, limit: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ref, other = photos(20), photos(20, 1)
    expected = make(network).compare(ref, other)

    whole = EagerEngine.__call__

    def run(self: EagerEngine, stack: Array) -> Array:
        if len(stack) > 2 * limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, stack)

    monkeypatch.setattr(EagerEngine, "__call__", run)
    comparer = make(network, batch_size=16)
    np.testing.assert_allclose(comparer.compare(ref, other), expected, rtol=1e-6)
    assert comparer._batch_limit == {5: 4, 3: 2}[limit]
    assert "ran out" in caplog.text


def test_an_item_too_large_for_memory_is_an_error(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("lnkit.distances.engines.eager.EagerEngine.__call__", run)
    with pytest.raises(ImageError, match="does not fit into the memory"):
        make(network, batch_size=4).compare(photos(4), photos(4))


def test_bf16_is_near_and_is_not_settled(network: LossNetwork) -> None:
    ref, p0, p1 = photos(8), photos(8, 1), photos(8, 2)
    comparer = make(network, precision="bf16")
    found, exact = comparer.compare(ref, p0, p1), make(network).compare(ref, p0, p1)
    np.testing.assert_allclose(found, exact, rtol=0.05)
    assert (found != exact).any()
    assert not comparer._exact


def test_images_of_another_form_are_refused(network: LossNetwork) -> None:
    comparer = make(network)
    with pytest.raises(ImageError, match="images of one shape"):
        comparer.compare(photos(3), photos(4))
    with pytest.raises(ImageError, match="float64"):
        comparer.compare(photos(3) / 255, photos(3))
    with pytest.raises(ImageError, match="too small"):
        comparer.compare(photos(3, size=4), photos(3, size=4))
    with pytest.raises(UsageError, match="at least one other"):
        comparer.compare(photos(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp8"}, "fp32, bf16"),
        ({"batch_size": 0}, "at least 1, got 0"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"device": "abacus"}, "abacus"),
    ],
)
def test_what_cannot_be_had_is_refused(network: LossNetwork, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make(network, **options)


def test_real_triplet_is_decided_as_people_do(real_data: RealData) -> None:
    from PIL import Image
    from safetensors.torch import load_file
    from torchvision.models import squeezenet1_1

    backbone = squeezenet1_1()
    backbone.load_state_dict(load_file(real_data("weights/squeezenet1_1.safetensors")))
    nodes = {"mid": "features.7", "late": "features.12"}
    network = LossNetwork(backbone, [ExtractionPoint(name, node) for name, node in nodes.items()])
    images = [
        np.asarray(Image.open(real_data("lpips_example") / f"{name}.png").convert("RGB"))[None]
        for name in ("ref", "p0", "p1")
    ]
    found = make(network, ("mid",), ("late",)).compare(*images)
    assert (found[0, 1] < found[0, 0]).all()
