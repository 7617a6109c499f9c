"""Target features that are kept: the same as computed again, and only where that pays off."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from lnkit import DeepPerceptualLoss, ExtractionPoint, LossNetwork
from lnkit.progress import SilentProgress
from lnkit.training import target_cache as targets
from lnkit.training.target_cache import keep_targets

IMAGES = torch.rand(19, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def loss() -> DeepPerceptualLoss:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3, stride=2))
    return DeepPerceptualLoss(LossNetwork(backbone, [ExtractionPoint("a", "1"), ExtractionPoint("b", "2")]))


def images(items: NDArray[np.int64]) -> torch.Tensor:
    return IMAGES[torch.from_numpy(items)]


def test_they_are_the_features_of_the_images(loss: DeepPerceptualLoss) -> None:
    kept = keep_targets(loss, images, len(IMAGES), 5, SilentProgress())
    assert kept is not None
    items = np.array([18, 0, 7])
    batch = {"hr": torch.zeros(3), **kept.take(items)}
    found, expected = kept.of(batch), loss.targets(images(items))
    assert set(found) == {"a", "b"}
    for point, features in expected.items():
        torch.testing.assert_close(found[point], features)
    output = torch.rand(3, 3, 12, 12)
    torch.testing.assert_close(loss.loss_to_features(output, found), loss(output, images(items)))


def test_the_same_bits_whatever_is_asked_first(loss: DeepPerceptualLoss) -> None:
    """A training that goes on computes them anew, and must find what the first one had."""
    first, again = (keep_targets(loss, images, len(IMAGES), 5, SilentProgress()) for _ in range(2))
    assert first is not None
    assert again is not None
    one, all_at_once = first.take(np.array([13])), again.take(np.arange(19))
    for name, tensor in one.items():
        assert torch.equal(tensor[0], all_at_once[name][13])


def test_not_where_they_are_used_once(loss: DeepPerceptualLoss) -> None:
    assert keep_targets(loss, images, len(IMAGES), 1.9, SilentProgress()) is None
    assert keep_targets(loss, images, 0, 5, SilentProgress()) is None


def test_not_where_they_do_not_fit(loss: DeepPerceptualLoss, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 4 * 19 * (4 * 10 * 10 + 5 * 4 * 4)
    monkeypatch.setattr(targets, "BUDGET", size)
    assert keep_targets(loss, images, len(IMAGES), 5, SilentProgress()) is not None
    monkeypatch.setattr(targets, "BUDGET", size - 1)
    assert keep_targets(loss, images, len(IMAGES), 5, SilentProgress()) is None
