"""Distances against closed forms written with numpy, and their gradients where roots and quotients are delicate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lnkit import DistanceConfig, UnknownNameError, UsageError, WeightsError
from lnkit.distances import functional as distances
from lnkit.distances.embedding import distances_from_first
from lnkit.distances.factory import make_distances, total_distance
from lnkit.distances.functional import builtin_distance
from lnkit.distances.lin_weights import load_lin_weights
from lnkit.plugins.load import default_registry
from lnkit.specs import EPSILONS, DistanceSpec

NAMES = ("spatial", "mean_pool", "mean_pool_per_channel", "style", "sort", "squared")

find = default_registry().distance


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 5, 4, 6, generator=generator, dtype=torch.float64)
    return a, b


def guard(norm: np.ndarray, squares: np.ndarray, epsilon: str) -> np.ndarray:
    if epsilon == "lpips":
        return norm + 1e-10
    if epsilon == "reference":
        return np.maximum(norm, 1e-12)
    return np.sqrt(squares + 1e-8)


def by_hand(name: str, a: np.ndarray, b: np.ndarray, epsilon: str, channel_norm: bool) -> np.ndarray:
    """Compute a distance image by image, position by position, from its definition."""

    def unit(y: np.ndarray, axis: int) -> np.ndarray:
        if not channel_norm:
            return y
        squares = (y * y).sum(axis, keepdims=True)
        return y / guard(np.sqrt(squares), squares, epsilon)

    def one(x: np.ndarray, y: np.ndarray) -> float:
        channels = x.shape[0]
        flat_x, flat_y = x.reshape(channels, -1), y.reshape(channels, -1)
        if name == "squared":
            return float(((x - y) ** 2).mean())
        if name == "style":
            gram_x, gram_y = (unit(f, 1) @ unit(f, 1).T for f in (flat_x, flat_y))
            return float(((gram_x - gram_y) ** 2).sum() / channels**2)
        if name.startswith("mean_pool"):
            flat_x, flat_y = flat_x.mean(1, keepdims=True), flat_y.mean(1, keepdims=True)
        if name == "mean_pool_per_channel":  # 1/C ||y0 - y1||^2, the formula in Kumar2022 8.1
            return float(np.linalg.norm(unit(flat_x, 0) - unit(flat_y, 0)) ** 2 / channels)
        if name == "sort":
            flat_x, flat_y = np.sort(flat_x, 1), np.sort(flat_y, 1)
        difference = (unit(flat_x, 0) - unit(flat_y, 0)) ** 2
        return float(difference.sum() / flat_x.shape[1])

    return np.array([one(x, y) for x, y in zip(a, b, strict=True)])


@pytest.mark.parametrize("channel_norm", [True, False])
@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("name", NAMES)
def test_equals_its_definition(name: str, epsilon: str, channel_norm: bool, pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    found = builtin_distance(name, channel_norm=channel_norm, epsilon=epsilon)(a, b)
    assert found.shape == (3,)
    np.testing.assert_allclose(found, by_hand(name, a.numpy(), b.numpy(), epsilon, channel_norm), rtol=1e-12)


def test_functions_and_their_makers_are_the_same(pair: tuple[Tensor, Tensor]) -> None:
    for name in ("spatial", "mean_pool", "mean_pool_per_channel", "style", "sort"):
        function: Callable[..., Tensor] = getattr(distances, name)
        torch.testing.assert_close(
            function(*pair, channel_norm=False), builtin_distance(name, channel_norm=False)(*pair)
        )
    torch.testing.assert_close(distances.squared(*pair), builtin_distance("squared")(*pair))
    weight = torch.rand(5)
    torch.testing.assert_close(distances.lin(*pair, weight=weight), builtin_distance("lin", weight=weight)(*pair))


def test_orthogonal_positions_are_two_apart_and_lin_weighs_them() -> None:
    a, b = torch.zeros(2, 1, 2, 3, 3)
    a[:, 0], b[:, 1] = 7.0, 0.1  # unit vectors (1, 0) and (0, 1), whatever their lengths
    assert distances.spatial(a, b).item() == pytest.approx(2.0, rel=1e-6)
    assert distances.lin(a, b, weight=torch.tensor([0.25, 3.0])).item() == pytest.approx(3.25, rel=1e-6)


def test_similar_features_do_not_cancel() -> None:
    a = torch.ones(1, 64, 8, 8)
    b = a.clone()
    b[:, 0] += 1e-4
    exact = distances.spatial(a.double(), b.double()).item()
    assert distances.spatial(a, b).item() == pytest.approx(exact, rel=1e-2)
    assert exact == pytest.approx(1e-8 / 64, rel=0.05)  # where 2 - 2 cos in float32 gives 0 or 1e-7


@pytest.mark.parametrize("case", ["equal", "both zero", "one zero", "zero position"])
@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_finite(name: str, epsilon: str, case: str, pair: tuple[Tensor, Tensor]) -> None:
    a, b = (tensor.float() for tensor in pair)
    if case == "equal":
        b = a.clone()
    if case in ("both zero", "one zero"):
        a = torch.zeros_like(a)
    if case == "both zero":
        b = torch.zeros_like(b)
    if case == "zero position":
        a[:, :, 1, 1] = 0
    a.requires_grad_()
    builtin_distance(name, epsilon=epsilon)(a, b).sum().backward()
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()
    assert a.grad.abs().max() < 1e6  # not merely short of infinity


def test_half_precision_is_compared_in_single() -> None:
    a, b = torch.rand(2, 2, 8, 4, 4).half()
    a[:, :, 0, 0] = 0  # 1e-10 is zero in half precision
    found = distances.spatial(a, b)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, distances.spatial(a.float(), b.float()))


def test_unknown_epsilon_is_refused() -> None:
    with pytest.raises(UsageError, match="lpips, reference, torchmetrics"):
        builtin_distance("spatial", epsilon="1e-10")


@pytest.mark.parametrize("name", [*NAMES, "spatial+sort"])
def test_sharing_the_reference_changes_nothing(name: str) -> None:
    features = torch.rand(3 * 4, 5, 3, 3)
    (distance,) = make_distances(DistanceConfig(name), ["late"], find)
    ref, p0, p1 = features.chunk(3)
    expected = torch.stack([distance(ref, p0), distance(ref, p1)], dim=1)
    torch.testing.assert_close(distances_from_first(distance, features, 3), expected, rtol=1e-6, atol=0)


def test_sums_and_points_add_up(pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    made = make_distances(DistanceConfig("spatial+sort", channel_norm=False), ["early", "late"], find)
    found = total_distance({"early": a, "late": b}, {"early": b, "late": b + 1}, ["early", "late"], made)
    parts = [builtin_distance(name, channel_norm=False) for name in ("spatial", "sort")]
    expected = sum(part(a, b) + part(b, b + 1) for part in parts)
    torch.testing.assert_close(found, expected)


def test_unknown_distance_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownNameError, match="spatial"):
        make_distances(DistanceConfig("spatal"), ["late"], find)


def test_a_learned_distance_is_loaded_for_each_point() -> None:
    def load(backbone: str, point: str, channel_norm: bool = True) -> Callable[[Tensor, Tensor], Tensor]:
        factor = {("vgg16", "early"): 2.0, ("vgg16", "late"): 5.0}[backbone, point]
        return lambda a, b: factor * builtin_distance("spatial", channel_norm=channel_norm)(a, b)

    specs = {"learned": DistanceSpec("learned", load, per_point=True), "sort": find("sort")}
    a, b = torch.rand(2, 3, 5, 2, 2)
    for config, extra in ((DistanceConfig("learned", channel_norm=False), 0), (DistanceConfig("learned+sort"), 1)):
        made = make_distances(config, ["early", "late"], specs.__getitem__, "vgg16")
        for distance, factor in zip(made, (2, 5), strict=True):
            expected = factor * builtin_distance("spatial", channel_norm=config.channel_norm)(
                a, b
            ) + extra * distances.sort(a, b)
            torch.testing.assert_close(distance(a, b), expected)


@pytest.mark.parametrize("key", ["lin{}.model.1.weight", "lin{}.weight"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_lin_weights_from_a_file_go_to_the_points_in_order(tmp_path: Path, key: str, suffix: str) -> None:
    state = {key.format(k): torch.full((1, 5, 1, 1), float(k + 1)) for k in range(2)}
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    first, second = make_distances(DistanceConfig("lin", lin_weights=str(path)), ["early", "late"], find)
    a, b = torch.rand(2, 3, 5, 2, 2)
    torch.testing.assert_close(first(a, b), distances.spatial(a, b))
    torch.testing.assert_close(second(a, b), 2 * distances.spatial(a, b))


def test_lin_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"lin0.weight": torch.ones(1, 5, 1, 1)}, path)
    with pytest.raises(UsageError, match="for the 2 points of the loss network, got 1 in"):
        load_lin_weights(str(path), 2)
    (only,) = make_distances(DistanceConfig("lin", lin_weights=str(path)), ["late"], find)
    with pytest.raises(UsageError, match="for 7 channels, got 5"):
        only(torch.rand(1, 7, 2, 2), torch.rand(1, 7, 2, 2))
    with pytest.raises(UsageError, match="give a file"):
        load_lin_weights("", 1)
    with pytest.raises(UsageError, match="not for resnet50"):
        load_lin_weights("lpips:resnet50", 4)


def test_lin_weights_in_a_checkpoint(tmp_path: Path) -> None:
    """As a training of LPIPS saves them, with its trunk, and raw and averaged ones."""
    raw, averaged = (torch.rand(1, 5, 1, 1) for _ in range(2))
    path = tmp_path / "weights.part"
    state = {"module.lin0.model.1.weight": raw, "module.lins.0.model.1.weight": raw, "module.net.a.weight": averaged}
    torch.save({"state_dict": state}, path)
    assert torch.equal(load_lin_weights(str(path), 1)[0], raw.flatten())
    torch.save({"state_dict": state, "ema": {"lin0.weight": averaged}}, path)
    with pytest.raises(UsageError, match=r"weights\.part::state_dict\.module or weights\.part::ema"):
        load_lin_weights(str(path), 1)
    assert torch.equal(load_lin_weights(f"{path}::ema", 1)[0], averaged.flatten())


@pytest.mark.parametrize(
    "weight", [torch.ones(2, 5, 1, 1), torch.ones(5, dtype=torch.int64), torch.full((1, 5, 1, 1), torch.nan)]
)
def test_lin_weights_of_another_kind_are_refused(weight: Tensor, tmp_path: Path) -> None:
    save_file({"lin0.weight": weight}, tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError, match="Expected one finite number for each channel in lin0 of"):
        load_lin_weights(str(tmp_path / "weights.safetensors"), 1)


def test_damaged_lin_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not a state dict")
    with pytest.raises(WeightsError, match=r"weights\.pth"):
        load_lin_weights(str(path), 1)
    with pytest.raises(WeightsError, match="There is no weights file"):
        load_lin_weights(str(tmp_path / "absent.pth"), 1)
    save_file({"fc.weight": torch.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"got fc\.weight"):
        load_lin_weights(str(tmp_path / "other.safetensors"), 1)
