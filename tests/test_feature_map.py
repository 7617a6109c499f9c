"""Layouts that are read from the shape of an output."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lnkit.errors import UsageError
from lnkit.networks.feature_map import as_map
from lnkit.specs import ExtractionPoint

AUTO = ExtractionPoint("node", "node", layout="auto")


def numbered(*shape: int) -> Tensor:
    return torch.arange(float(torch.tensor(shape).prod())).reshape(shape)


@pytest.mark.parametrize(
    ("shape", "image", "expected"),
    [
        ((2, 5, 7, 7), (64, 64), (2, 5, 7, 7)),
        ((2, 7, 7, 5), (64, 64), (2, 5, 7, 7)),
        ((2, 8, 8, 8), (64, 64), (2, 8, 8, 8)),
        ((2, 96, 3, 6), (32, 64), (2, 96, 3, 6)),
        ((2, 3, 6, 96), (32, 64), (2, 96, 3, 6)),
        ((2, 9), (64, 64), (2, 9, 1, 1)),
        ((2, 16, 9), (64, 64), (2, 9, 4, 4)),
        ((2, 17, 9), (64, 64), (2, 9, 4, 4)),
        ((2, 21, 9), (64, 64), (2, 9, 4, 4)),
        ((2, 33, 9), (64, 128), (2, 9, 4, 8)),
    ],
)
def test_the_shape_says_the_layout(shape: tuple[int, ...], image: tuple[int, int], expected: tuple[int, ...]) -> None:
    assert as_map(numbered(*shape), AUTO, image).shape == expected


def test_tokens_fill_the_grid_row_by_row_without_the_first_ones() -> None:
    tokens = numbered(1, 6, 2)  # 2 prefix tokens and 4 patches
    assert as_map(tokens, AUTO, (32, 32)).tolist() == [[[[4.0, 6.0], [8.0, 10.0]], [[5.0, 7.0], [9.0, 11.0]]]]


def test_channels_last_are_moved() -> None:
    output = numbered(1, 2, 2, 3)
    assert torch.equal(as_map(output, AUTO, (32, 32))[0, 1], output[0, :, :, 1])


def test_tokens_that_fit_no_grid_are_refused() -> None:
    with pytest.raises(UsageError, match="register an ExtractionPoint with its number of prefix tokens"):
        as_map(numbered(1, 40, 2), AUTO, (32, 48))
