"""Rows that name images by number: each image is stored once, however many rows name it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class IndexedImages:
    """Images (N, H, W, 3) of ``N`` rows, read from fewer stored ones when they are asked for.

    It stands for an array wherever one is sliced: a slice of it holds no images yet, and ``np.asarray`` reads them.
    """

    def __init__(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        """Take the stored images (M, H, W, 3), and for each row the number of its image (N,)."""
        self._images, self._rows = images, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape (N, H, W, 3)."""
        return (len(self._rows), *self._images.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Return the type of the pixels."""
        return self._images.dtype

    @property
    def _mmap(self) -> Any:  # so that lnkit.data.release frees the memory of the stored images
        return getattr(self._images, "_mmap", None)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Any:
        """Return some rows, which are read later, or the image of one row."""
        chosen = self._rows[rows]
        return IndexedImages(self._images, chosen) if np.ndim(chosen) else self._images[chosen]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read the images of all rows."""
        return np.asarray(self._images[self._rows], dtype)
