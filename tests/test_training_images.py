"""8-bit images as tensors and back, and choices of images."""

from __future__ import annotations

import numpy as np
import torch

from lnkit.training.images import as_tensor, evenly_spread, in_unit_range, slices, to_pixels


def test_images_and_maps_become_tensors_with_channels_first() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), dtype=np.uint8)
    tensor = as_tensor(images)
    assert (tensor.shape, tensor.dtype) == ((2, 3, 3, 4), torch.uint8)
    assert tensor[1, 2, 0, 3] == images[1, 0, 3, 2]
    assert as_tensor(images[..., 0].copy()).shape == (2, 1, 3, 4)
    np.testing.assert_array_equal(to_pixels(in_unit_range(tensor)), images)


def test_a_read_only_array_is_copied() -> None:
    images = np.zeros((1, 2, 2, 3), np.uint8)
    images.flags.writeable = False
    as_tensor(images).fill_(1)
    assert not images.any()


def test_slices_cover_everything_once() -> None:
    assert [list(range(10))[part] for part in slices(10, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(slices(0, 4)) == []


def test_items_are_chosen_in_even_steps() -> None:
    assert evenly_spread(100, 4).tolist() == [0, 25, 50, 75]
    assert evenly_spread(3, 6).tolist() == evenly_spread(3, 0).tolist() == [0, 1, 2]
    assert evenly_spread(0, 2).tolist() == []
