"""The distances between all images of a set, with one run of the network per image instead of one per pair.

The features of an image are computed once and compared with those of all others. If the features of the whole set do
not fit into memory, the matrix is computed in blocks of rows, and the network runs once per image and block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lnkit.distances.embedding import Embedded, Summed, Weighted
from lnkit.distances.engines.base import Array, padded
from lnkit.distances.engines.eager import prepare
from lnkit.errors import ImageError
from lnkit.networks.device import full_float32, is_out_of_memory, place

if TYPE_CHECKING:
    from lnkit.benchmark import Arrays, ArrayStore
    from lnkit.distances.stacked import StackedDistances
    from lnkit.specs import Distance

Advance = Callable[[int], None]

BLOCK_BYTES = 2**30  # of features of the rows of a block
CALL_BYTES = 2**24  # of features in one call of a distance, which makes some copies of them: they stay in a cache


class PairwiseDistances:
    """Compares all images of a set, in batches of one size whatever the number of images."""

    def __init__(self, module: StackedDistances, batch_size: int, device: torch.device) -> None:
        """Prepare to compare with the network and the distances of ``module``, ``batch_size`` images at a time."""
        self.module = place(prepare(module), device)
        self.batch_size, self.device = batch_size, device
        parts = [(part, point, _two_steps(distance)) for part, (point, distance) in enumerate(self.module.parts)]
        self.terms = [(point, step) for _, point, steps in parts for step in steps]
        owners = [part for part, _, steps in parts for _ in steps]
        # For each loss network, the terms that its distance is the sum of.
        self.shares = [[term for term, owner in enumerate(owners) if owner in summed] for summed in self.module.sums]

    def compute(
        self, images: Array, advance: Advance | None, store: ArrayStore | None, pairs: Array | None = None
    ) -> Array:
        """Return the distances (N, N, loss networks) between ``images`` (N, H, W, 3); see ``ImageComparer.matrix``.

        Distances of pairs that are not wanted are 0.
        """
        distances: Array = np.zeros((len(images), len(images), len(self.module.sums)))
        first = _first_identical(images)
        wanted = _among_first(pairs, first)
        try:
            for rows in self._blocks(images):
                compute = partial(self._block, images, rows, wanted, advance)
                block = store.get_or_compute(f"rows-{rows.start:06d}", compute) if store else compute()
                distances[rows, rows.start :] = block["distance"]
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise ImageError(
                f"The features of images of {images.shape[2]} x {images.shape[1]} pixels do not fit into the memory "
                f"of {self.device}. Use smaller images, an earlier point, or the device 'cpu'."
            ) from error
        distances += distances.transpose(1, 0, 2)
        symmetric: Array = distances[np.ix_(first, first)]
        return symmetric

    def _blocks(self, images: Array) -> Iterator[slice]:
        """Yield the rows of each block, as many as fit into BLOCK_BYTES.

        Their number is a multiple of the batch size, so that every image is always batched with the same neighbors and
        rounded the same.
        """
        if len(images) == 0:
            return
        per_batch = self.batch_size * sum(features.nbytes for features in self._embed(images[:1]))
        rows = self.batch_size * max(1, BLOCK_BYTES // per_batch)
        for start in range(0, len(images), rows):
            yield slice(start, min(start + rows, len(images)))

    def _block(self, images: Array, rows: slice, wanted: Array | None, advance: Advance | None) -> Arrays:
        """Return the distances of the images in ``rows`` to themselves and all later ones, each wanted pair once."""
        distances = np.zeros((rows.stop - rows.start, len(images) - rows.start, len(self.module.sums)))
        row_features: list[Tensor] = []
        for column, image in enumerate(self._embed_all(images[rows.start :])):
            row_features = row_features or [part.new_empty((len(distances), *part.shape)) for part in image]
            before = min(column, len(distances))
            chosen: Any = slice(before)
            if wanted is not None:
                chosen = np.flatnonzero(wanted[rows.start : rows.start + before, rows.start + column])
                before = len(chosen)
            if before:
                distances[chosen, column] = self._compare([features[chosen] for features in row_features], image)
            if column < len(distances):
                for features, own in zip(row_features, image, strict=True):
                    features[column] = own
            if advance is not None:
                advance(before)
        return {"distance": distances}

    def _embed_all(self, images: Array) -> Iterator[tuple[Tensor, ...]]:
        """Yield the embeddings of each image, one for each term."""
        for start in range(0, len(images), self.batch_size):
            yield from zip(*self._embed(images[start : start + self.batch_size]), strict=True)

    def _embed(self, images: Array) -> list[Tensor]:
        """Return the embeddings of at most one batch of images; the last image is repeated to fill the batch."""
        filled = padded(images, self.batch_size)
        if not filled.flags.writeable:  # mapped from a file; torch takes no read-only arrays
            filled = filled.copy()
        with torch.inference_mode(), full_float32():
            features = self.module.features(torch.from_numpy(filled).to(self.device))
            return [step.embed(features[point])[: len(images)].contiguous() for point, step in self.terms]

    def _compare(self, rows: Sequence[Tensor], image: Sequence[Tensor]) -> Array:
        """Return the distances (rows, loss networks) between embedded rows and one embedded image."""
        with torch.inference_mode(), full_float32():
            terms = [_compare_in_parts(step, a, b) for (_, step), a, b in zip(self.terms, rows, image, strict=True)]
        exact = torch.stack(terms, dim=1).double().cpu()
        distances: Array = torch.stack([exact[:, share].sum(dim=1) for share in self.shares], dim=1).numpy()
        return distances


def _two_steps(distance: Distance) -> list[Embedded]:
    """Split a distance into its embedded terms; a distance without an embedding compares the features themselves."""
    if isinstance(distance, Summed):
        return [step for term in distance.terms for step in _two_steps(term)]
    if isinstance(distance, Weighted):
        return [_weighted(step, distance.weight) for step in _two_steps(distance.distance)]
    return [distance if isinstance(distance, Embedded) else Embedded(lambda features: features, distance)]


def _weighted(step: Embedded, weight: float) -> Embedded:
    return replace(step, compare=lambda a, b: weight * step.compare(a, b))


def _compare_in_parts(step: Embedded, rows: Tensor, image: Tensor) -> Tensor:
    """Compare each row with one image, at most CALL_BYTES of rows in a call."""
    size = max(1, CALL_BYTES // image.nbytes)
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    return torch.cat([step.compare(part, image.expand_as(part)) for part in parts])


def _among_first(pairs: Array | None, first: Array) -> Array | None:
    """Return the wanted pairs (N, N) in both directions, with each image replaced by the first identical one."""
    if pairs is None:
        return None
    wanted: Array = np.zeros(pairs.shape, bool)
    rows, columns = np.nonzero(pairs)
    wanted[first[rows], first[columns]] = wanted[first[columns], first[rows]] = True
    return wanted


def _first_identical(images: Array) -> Array:
    """Return for each image the index of the first identical one: identical images get exactly equal distances."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images)
    return np.array([seen.setdefault(digest, index) for index, digest in enumerate(digests)], dtype=int)
