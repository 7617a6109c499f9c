"""The distances between all images of a set, without running the network once per pair.

An image's features are computed once and compared with those of all others. Where the features of the whole set would
fill the memory, it is done in blocks of rows, and the network runs once per image and block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lnkit.distances.engines.eager import full_float32, prepare
from lnkit.distances.functional import Embedded, Summed
from lnkit.errors import ImageError

if TYPE_CHECKING:
    from lnkit.benchmark import Arrays
    from lnkit.distances.stacked import StackedDistances
    from lnkit.specs import Distance

Array = np.ndarray[Any, Any]
Advance = Callable[[int], None]
Keep = Callable[[str, Callable[[], "Arrays"]], "Arrays"]

BLOCK_BYTES = 2**30  # of features that wait to be compared
CALL_BYTES = 2**24  # of features in one call of a distance, which makes some copies of them: they stay in a cache


def at_once(key: str, compute: Callable[[], Arrays]) -> Arrays:
    """Keep nothing: every block is computed."""
    return compute()


class MatrixMeasurement:
    """Compares all images of a set, in batches of one size whatever their number."""

    def __init__(self, module: StackedDistances, items: int, device: torch.device) -> None:
        """``module`` has the network and the distances; ``items`` images go through the network at a time."""
        self.module = prepare(module).to(device).to(memory_format=torch.channels_last)
        self.items, self.device = items, device
        parts = [(part, point, _in_two_steps(distance)) for part, (point, distance) in enumerate(self.module.parts)]
        self.terms = [(point, step) for _, point, steps in parts for step in steps]
        owners = [part for part, _, steps in parts for _ in steps]
        # For each loss network, which terms its distance is the sum of.
        self.shares = [[term for term, owner in enumerate(owners) if owner in summed] for summed in self.module.sums]

    def measure(self, images: Array, advance: Advance | None, keep: Keep) -> Array:
        """Return the distances (N, N, loss networks) between ``images`` (N, H, W, 3); see ``ImageComparer.matrix``."""
        found: Array = np.zeros((len(images), len(images), len(self.module.sums)))
        try:
            for rows in self._blocks(images):
                block = keep(f"rows-{rows.start:06d}", partial(self._block, images, rows, advance))
                found[rows, rows.start :] = block["distance"]
        except torch.OutOfMemoryError as error:
            raise ImageError(
                f"The features of images of {images.shape[2]} x {images.shape[1]} pixels are too much for the memory "
                f"of {self.device}. Use smaller images, an earlier point, or the device 'cpu'."
            ) from error
        found += found.transpose(1, 0, 2)
        first = _first_of_its_kind(images)
        symmetric: Array = found[np.ix_(first, first)]
        return symmetric

    def _blocks(self, images: Array) -> Iterator[slice]:
        """Rows whose features fit into memory; whole batches, so that each image always has the same company."""
        if len(images) == 0:
            return
        per_batch = self.items * sum(features.nbytes for features in self._embed(images[:1]))
        rows = self.items * max(1, BLOCK_BYTES // per_batch)
        for start in range(0, len(images), rows):
            yield slice(start, min(start + rows, len(images)))

    def _block(self, images: Array, rows: slice, advance: Advance | None) -> Arrays:
        """Distances of the images in ``rows`` to themselves and all later ones, each pair once."""
        found = np.zeros((rows.stop - rows.start, len(images) - rows.start, len(self.module.sums)))
        waiting: list[Tensor] = []
        for column, image in enumerate(self._embed_all(images[rows.start :])):
            waiting = waiting or [features.new_empty((len(found), *features.shape)) for features in image]
            before = min(column, len(found))
            if before:
                found[:before, column] = self._compare([features[:before] for features in waiting], image)
            if column < len(found):
                for features, own in zip(waiting, image, strict=True):
                    features[column] = own
            if advance is not None:
                advance(before)
        return {"distance": found}

    def _embed_all(self, images: Array) -> Iterator[tuple[Tensor, ...]]:
        """What each term compares, image by image."""
        for start in range(0, len(images), self.items):
            yield from zip(*self._embed(images[start : start + self.items]), strict=True)

    def _embed(self, images: Array) -> list[Tensor]:
        """The same for at most ``items`` images at once; the batch is filled up with the last one."""
        filled = np.concatenate([images, np.repeat(images[-1:], self.items - len(images), axis=0)])
        with torch.inference_mode(), full_float32():
            features = self.module.features(torch.from_numpy(filled).to(self.device))
            return [step.embed(features[point])[: len(images)].contiguous() for point, step in self.terms]

    def _compare(self, rows: Sequence[Tensor], image: Sequence[Tensor]) -> Array:
        """Distances (rows, loss networks) between embedded images and one more."""
        with torch.inference_mode(), full_float32():
            terms = [_to_one(step, a, b) for (_, step), a, b in zip(self.terms, rows, image, strict=True)]
        exact = torch.stack(terms, dim=1).double().cpu()
        found: Array = torch.stack([exact[:, share].sum(dim=1) for share in self.shares], dim=1).numpy()
        return found


def _in_two_steps(distance: Distance) -> list[Embedded]:
    """Take a distance apart; one that embeds nothing compares the features as they are."""
    if isinstance(distance, Summed):
        return [step for term in distance.terms for step in _in_two_steps(term)]
    return [distance if isinstance(distance, Embedded) else Embedded(lambda features: features, distance)]


def _to_one(step: Embedded, rows: Tensor, image: Tensor) -> Tensor:
    """Compare each row with one image, some rows at a time."""
    some = max(1, CALL_BYTES // image.nbytes)
    parts = [rows[start : start + some] for start in range(0, len(rows), some)]
    return torch.cat([step.between(part, image.expand_as(part)) for part in parts])


def _first_of_its_kind(images: Array) -> Array:
    """For each image the index of the first one that is identical to it, so that these two are exactly as far."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images)
    return np.array([seen.setdefault(digest, index) for index, digest in enumerate(digests)], dtype=int)
