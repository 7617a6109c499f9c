"""Distances that people train with, against definitions written with numpy, and the text that names them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lnkit import DistanceConfig, UsageError
from lnkit.distances import functional, gram, l1
from lnkit.distances.embedding import map_of
from lnkit.distances.expression import parse_distance
from lnkit.distances.factory import make_distances
from lnkit.plugins.load import default_registry

find = default_registry().distance


def make(text: str):
    (distance,) = make_distances(DistanceConfig(text), ["late"], find)
    return distance


def vectors(x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(x[:, i, j], y[:, i, j]) for i in range(x.shape[1]) for j in range(x.shape[2])]


def cosine_of(u: np.ndarray, v: np.ndarray) -> float:
    return float(u @ v / np.sqrt((u @ u) * (v @ v)))


def gram_of(x: np.ndarray) -> np.ndarray:
    return np.einsum("ihw,jhw->ij", x, x) / x.size


def dissimilarity(x: np.ndarray, y: np.ndarray) -> float:
    """Ding2020 Eq. 5 to 7 channel by channel, with equal weights."""
    parts = []
    for a, b in zip(x.reshape(len(x), -1), y.reshape(len(y), -1), strict=True):
        parts.append((2 * a.mean() * b.mean() + 1e-6) / (a.mean() ** 2 + b.mean() ** 2 + 1e-6))
        parts.append((2 * np.cov(a, b, bias=True)[0, 1] + 1e-6) / (a.var() + b.var() + 1e-6))
    return 1 - float(np.mean(parts))


DEFINITIONS = {
    "l1": lambda x, y: np.abs(x - y).mean(),
    "charbonnier": lambda x, y: np.sqrt((x - y) ** 2 + 1e-12).mean(),
    "charbonnier(eps=0.5)": lambda x, y: np.sqrt((x - y) ** 2 + 0.25).mean(),
    "cosine": lambda x, y: np.mean([1 - cosine_of(u, v) for u, v in vectors(x, y)]),
    "angle": lambda x, y: np.mean([np.arccos(cosine_of(u, v)) for u, v in vectors(x, y)]),
    "gram": lambda x, y: np.abs(gram_of(x) - gram_of(y)).mean(),
    "gram(criterion=squared)": lambda x, y: ((gram_of(x) - gram_of(y)) ** 2).mean(),
    "dists": dissimilarity,
}


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    a, b = torch.randn(2, 3, 5, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return a, b


@pytest.mark.parametrize("text", DEFINITIONS)
def test_that_a_distance_is_its_definition(text: str, pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    expected = [DEFINITIONS[text](x, y) for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(make(text)(a, b).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("text", DEFINITIONS)
@pytest.mark.parametrize("case", ["equal", "both zero", "one zero", "zero position"])
def test_that_gradients_are_finite(text: str, case: str, pair: tuple[Tensor, Tensor]) -> None:
    a, b = (tensor.float() for tensor in pair)
    b = a.clone() if case == "equal" else b
    a = torch.zeros_like(a) if case in ("both zero", "one zero") else a
    b = torch.zeros_like(b) if case == "both zero" else b
    if case == "zero position":
        a[:, :, 1, 1] = b[:, :, 1, 1] = 0
    a.requires_grad_()
    make(text)(a, b).sum().backward()
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()


def test_that_equal_features_have_no_distance_but_the_smoothing_of_charbonnier(pair: tuple[Tensor, Tensor]) -> None:
    a = pair[0].float()
    for text in DEFINITIONS:
        expected = {"charbonnier": 1e-6, "charbonnier(eps=0.5)": 0.5}.get(text, 0.0)
        np.testing.assert_allclose(make(text)(a, a.clone()).numpy(), expected, rtol=1e-5)


def test_that_a_small_angle_is_exact_in_float32() -> None:
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1e-5])  # where arccos of the cosine gives 0
    assert make("angle")(a.reshape(1, 2, 1, 1), b.reshape(1, 2, 1, 1)).item() == pytest.approx(1e-5, rel=1e-3)


def test_that_a_constant_map_has_the_gram_matrix_of_the_definition() -> None:
    for channels in (2, 8):  # every entry is c^2 / C
        zero, constant = torch.zeros(1, channels, 3, 5), torch.full((1, channels, 3, 5), 0.5)
        assert gram(zero, constant).item() == pytest.approx(0.25 / channels)


def test_that_the_batch_given_twice_changes_no_mean(pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    assert l1(a.repeat(2, 1, 1, 1), b.repeat(2, 1, 1, 1)).mean() == pytest.approx(l1(a, b).mean().item())


def test_that_half_precision_is_compared_in_single() -> None:
    a, b = torch.rand(2, 2, 8, 4, 4).half()
    for text in DEFINITIONS:
        assert make(text)(a, b).dtype == torch.float32
        torch.testing.assert_close(make(text)(a, b), make(text)(a.float(), b.float()))


def test_that_options_of_the_name_beat_those_of_the_config() -> None:
    a, b = torch.rand(2, 3, 5, 2, 2)
    found = make_distances(DistanceConfig("spatial(channel_norm=true)+l1", channel_norm=False), ["late"], find)[0](a, b)
    torch.testing.assert_close(found, functional.spatial(a, b) + l1(a, b))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("charbonnier(eps=0)", "expected an eps above 0, got 0"),
        ("charbonnier(eps=nan)", "expected an eps above 0, got nan"),
        ("gram(criterion=l2)", "expected one of l1, squared as criterion, got 'l2'"),
        ("l1(eps=1)", "does not take eps=1"),
        ("l1(eps)", "as option=value, got 'eps'"),
        ("l1(eps=1, eps=2)", "given twice"),
        ("l1+", "Expected a distance such as"),
        ("l1(", "Expected a distance such as"),
        ("l1)(", "Expected a distance such as"),
        ("", "Expected a distance such as"),
    ],
)
def test_that_wrong_text_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(text)
    assert said in str(caught.value)


def test_that_an_exponent_ends_no_term() -> None:
    (first, second) = parse_distance(" charbonnier( eps = 1e+2 ) + l1 ")
    assert (first.name, dict(first.options), second.name) == ("charbonnier", {"eps": 100.0}, "l1")


@pytest.mark.parametrize("text", ["spatial", "squared", "l1", "charbonnier(eps=0.5)", "cosine", "angle", "l1+spatial"])
def test_that_the_mean_of_a_map_is_the_distance(text: str, pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    found = map_of(make(text), a, b)
    assert found.shape == (3, 4, 6)
    torch.testing.assert_close(found.mean((1, 2)), make(text)(a, b))
    changed = b.clone()
    changed[:, :, 2, 3] += 1
    assert (map_of(make(text), a, changed) != found).nonzero().tolist() == [[n, 2, 3] for n in range(3)]


@pytest.mark.parametrize("text", ["style", "sort", "mean_pool", "gram", "dists", "spatial+gram"])
def test_that_statistics_have_no_map(text: str, pair: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(UsageError, match="it has no map"):
        map_of(make(text), *pair)
