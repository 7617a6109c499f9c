"""Compare many images quickly, with decisions that do not depend on how.

All images of an item go through the backbone together, once for all loss networks. Batches have one fixed size inside,
whatever the number of items. Which of two images is closer may hang on rounding, and rounding differs between engines
and batches; so near ties are settled in float64, one item at a time, by the plain network on the CPU.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lnkit.distances.engines.selection import build_engine, check_engine, choose_engine
from lnkit.distances.factory import shared_distances
from lnkit.distances.matrix import Keep, MatrixMeasurement, at_once
from lnkit.distances.stacked import StackedDistances
from lnkit.errors import ImageError, LnkitError, UsageError
from lnkit.networks.device import open_device
from lnkit.networks.loss_network import LossNetwork
from lnkit.plugins.load import default_registry
from lnkit.specs import DistanceConfig, DistanceSpec

if TYPE_CHECKING:
    from lnkit.distances.engines.base import Engine


Array = np.ndarray[Any, Any]

Shape = tuple[int, int, int]  # images of an item, height, width

_log = logging.getLogger("lnkit")

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}

NEAR_TIE = 1e-5  # see _near_ties; float32 was measured to err by 2e-6 at most on that scale

BATCH_PIXELS = 32 * 64 * 64  # of each of an item's images; small batches stay in a processor's cache

GPU_BATCH_PIXELS = 8 * BATCH_PIXELS  # where small batches leave most of the device idle


class ImageComparer:
    """Distances between images according to several loss networks that share one backbone."""

    def __init__(  # noqa: PLR0913 - the last five say how it is done, not what, and can be left out
        self,
        network: LossNetwork,
        loss_networks: Sequence[tuple[str, ...]],
        distance: DistanceConfig | Sequence[DistanceConfig],
        *,
        device: str = "cpu",
        precision: str = "fp32",
        engine: str = "auto",
        batch_size: int | None = None,
        expected_items: int = 0,
        lookup: Callable[[str], DistanceSpec] | None = None,
    ) -> None:
        """Prepare to compare.

        Args:
            network: has all points of the ``loss_networks``.
            loss_networks: the points of each, by name; its distance is the sum over them.
            distance: how features are compared; a sequence has one for each of the loss networks.
            device: "cpu", "cuda", "cuda:1" or "mps"; "auto" is an accelerator where there is one.
            precision: "fp32", or "bf16", which is faster on some machines and changes 0.2-10 % of decisions.
            engine: "auto" or one of :data:`lnkit.distances.engines.selection.ENGINES`.
            batch_size: items compared at a time; None leaves it to lnkit. It is halved while memory runs out.
            expected_items: about how many items will come; few are not worth building a fast engine for.
            lookup: finds a distance by name; None asks whatever is installed.

        Raises UsageError for a device, precision, engine or distance that cannot be had.
        """
        if precision not in PRECISIONS:
            raise UsageError(f"No precision is named {precision!r}; there are {', '.join(PRECISIONS)}.")
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"A batch holds one or more items, not {batch_size}.")
        self.device = open_device(device)
        check_engine(engine, self.device)
        self.loss_networks = tuple(loss_networks)
        self.precision = precision
        self._network = network
        find = lookup or default_registry().distance
        configs = [distance] * len(self.loss_networks) if isinstance(distance, DistanceConfig) else distance
        self._distances = shared_distances(self.loss_networks, configs, find, network.name)
        self._requested = engine
        self._batch_size = batch_size
        self._batch_limit: int | None = None  # set once memory has run out
        self._batch_pixels = _batch_pixels(self.device, configs)
        self._expected = expected_items
        self._done = 0
        self._engines: dict[Shape, Engine] = {}
        self.engine = engine  # the one in use; before the first comparison, the requested one
        self._scales: dict[Shape, Array] = {}
        self._exact: dict[int, StackedDistances] = {}

    def compare(self, reference: Array, *others: Array, advance: Callable[[int], None] | None = None) -> Array:
        """Measure the distances between each reference and the other images of the same item.

        Args:
            reference: (N, H, W, 3) 8-bit RGB images.
            *others: one or more arrays of the same shape; all may be memory-mapped.
            advance: called with the number of items done, batch by batch.

        Returns:
            (N, number of others, number of loss networks) float64. Identical images are at distance 0, and others
            that are identical to each other at the same distance, exactly.

        Raises ImageError for arrays of another shape or type, and for images too small for a point, and LnkitError for
        distances that are no finite numbers.
        """
        arrays = (reference, *others)
        _check_arrays(arrays)
        count, height, width = reference.shape[:3]
        shape = (len(arrays), height, width)
        found = np.empty((count, len(others), len(self.loss_networks)))
        start = 0
        while start < count:
            stop = min(start + self._items(shape), count)
            rows = [np.asarray(array[start:stop]) for array in arrays]
            try:
                found[start:stop] = self._compare_batch(rows, shape)
            except torch.OutOfMemoryError:
                self._back_off(shape)
                continue
            self._done += stop - start
            if advance is not None:
                advance(stop - start)
            start = stop
        return found

    def matrix(self, images: Array, *, advance: Callable[[int], None] | None = None, keep: Keep = at_once) -> Array:
        """Measure the distances between all images of a set, without running the network for each pair.

        Batches have one size here, whatever batch size and engine were asked for; see :mod:`lnkit.distances.matrix`.

        Args:
            images: (N, H, W, 3) 8-bit RGB images; may be memory-mapped.
            advance: called with the number of pairs done.
            keep: stores finished blocks of rows, such as a run's ``store.get_or_compute``; they survive a kill.

        Returns:
            (N, N, number of loss networks) float64, symmetric, 0 on the diagonal and between identical images. It is
            what ``compare`` gives for the same pairs, to rounding; a distance that is not symmetric is measured from
            the earlier image to the later.

        Raises ImageError for an array of another shape or type, for images too small for a point or too large for the
        memory, and LnkitError for distances that are no finite numbers.
        """
        _check_arrays((images, images))
        height, width = images.shape[1:3]
        self._network.features(torch.zeros(1, 3, height, width))  # says so if the images are too small
        self.engine = "eager"
        measurement = MatrixMeasurement(self._module(1), self._images(height, width), self.device)
        found = measurement.measure(images, advance, keep)
        self._require_finite(found)
        return found

    def _items(self, shape: Shape) -> int:
        """Say how many items a batch holds."""
        wanted = self._batch_size or self._images(*shape[1:])
        return min(wanted, self._batch_limit or wanted)

    def _images(self, height: int, width: int) -> int:
        """Say how many images of a size a batch holds, by the pixels that the backbone sees of them."""
        height, width = self._network.input_size or (height, width)
        return max(1, self._batch_pixels // (height * width))

    def _compare_batch(self, rows: list[Array], shape: Shape) -> Array:
        items = self._items(shape)
        stack = np.concatenate([_padded(images, items) for images in rows])
        found = self._engine_for(shape)(stack)[: len(rows[0])].astype(np.float64)
        if self.precision == "fp32" and len(rows) == 3:
            self._settle(_near_ties(found, self._scales[shape]) & ~_identical(rows[1], rows[2])[:, None], found, rows)
        _equate_identical(found, rows)
        self._require_finite(found)
        return found

    def _require_finite(self, found: Array) -> None:
        """Refuse distances that are infinite or no numbers: they would pass for ties."""
        wrong = ~np.isfinite(found).all(axis=(0, 1))
        if wrong.any():
            name = f"{self._network.name}:{'+'.join(self.loss_networks[int(wrong.argmax())])}"
            raise LnkitError(
                f"{name} gave distances that are not finite numbers. Check its weights for values that are no numbers; "
                "with --precision bf16, try fp32."
            )

    def _engine_for(self, shape: Shape) -> Engine:
        if shape not in self._engines:
            self._network.features(torch.zeros(1, 3, *shape[1:]))  # says so if the images are too small
            self._engines[shape] = engine = self._build_engine(shape)
            self._scales[shape] = _scales(engine, (shape[0], self._items(shape), *shape[1:], 3))
        return self._engines[shape]

    def _build_engine(self, shape: Shape) -> Engine:
        items, module = self._items(shape), self._module(shape[0])
        stack_shape = (shape[0] * items, *shape[1:], 3)
        if self._requested == "auto":
            batches = (self._expected - self._done) / items
            engine = choose_engine(module, stack_shape, self.device, batches)
        else:
            engine = build_engine(self._requested, module, stack_shape, self.device)
        _log.info("Comparing with the engine %s, %d items at a time.", engine.name, items)
        self.engine = engine.name
        return engine

    def _module(self, images: int) -> StackedDistances:
        """What is computed of items of so many images, in the precision that was asked for."""
        dtype = PRECISIONS[self.precision]
        network = copy.deepcopy(self._network)
        network.backbone.to(dtype)
        return StackedDistances(network, self.loss_networks, self._distances, images, dtype)

    def _back_off(self, shape: Shape) -> None:
        """Halve the batch; what was built for the old one goes."""
        items = self._items(shape)
        self._engines.clear()
        self._scales.clear()
        torch.cuda.empty_cache()
        if items == 1:
            raise ImageError(
                f"One item of {shape[0]} images of {shape[2]} x {shape[1]} pixels is too much for the memory of "
                f"{self.device}. Use smaller images, an earlier point, or the device 'cpu'."
            )
        self._batch_limit = items // 2
        _log.warning("Memory of %s ran out: going on with %d items at a time.", self.device, self._batch_limit)

    def _settle(self, near: Array, found: Array, rows: list[Array]) -> None:
        """Replace the distances of each item (row) and loss network (column) that is ``near`` a tie by exact ones."""
        for row in np.flatnonzero(near.any(axis=1)):
            exact = self._measure_exactly([images[row] for images in rows])
            found[row, :, near[row]] = exact[:, near[row]].T

    def _measure_exactly(self, images: list[Array]) -> Array:
        count = len(images)
        if count not in self._exact:
            network = copy.deepcopy(self._network).double().cpu()
            self._exact[count] = StackedDistances(network, self.loss_networks, self._distances, count, torch.float64)
        with torch.inference_mode():
            exact: Array = self._exact[count](torch.from_numpy(np.stack(images)))[0].numpy()
        return exact


def _batch_pixels(device: torch.device, distances: Sequence[DistanceConfig]) -> int:
    pixels = BATCH_PIXELS if device.type == "cpu" else GPU_BATCH_PIXELS
    style = any("style" in distance.name for distance in distances)
    return pixels // 4 if style else pixels  # a Gram matrix of 2048 channels takes 16 MiB


def _scales(engine: Engine, shape: tuple[int, ...]) -> Array:
    """Measure the distance of each loss network between unrelated images (noise and its negative)."""
    noise = np.random.default_rng(0).integers(0, 256, (1, *shape[1:]), dtype=np.uint8)
    stack = np.concatenate([noise, *[255 - noise] * (shape[0] - 1)])
    scales: Array = engine(stack.reshape(-1, *shape[2:])).max(axis=(0, 1)).astype(np.float64)
    return scales


def _near_ties(found: Array, scales: Array) -> Array:
    """Say where rounding could decide which of two distances is smaller, (N, loss networks).

    Distances are squares: features of size s, known to a relative error e, put a distance d wrong by about
    e sqrt(d) s. Relative to d itself that grows without bound as two images become alike.
    """
    larger = found.max(axis=1)
    near: Array = np.abs(found[:, 0] - found[:, 1]) <= NEAR_TIE * (larger + np.sqrt(larger * scales))
    return near


def _check_arrays(arrays: Sequence[Array]) -> None:
    if len(arrays) < 2:
        raise UsageError("A comparison needs a reference and at least one other image.")
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ImageError(f"Images that are compared must have the same shape, got {', '.join(map(str, shapes))}.")
    shape, types = arrays[0].shape, {str(array.dtype) for array in arrays}
    if len(shape) != 4 or shape[3] != 3 or types != {"uint8"}:
        raise ImageError(
            f"Images must be 8-bit RGB of shape (N, H, W, 3), got {', '.join(sorted(types))} of shape {shape}."
        )


def _padded(images: Array, items: int) -> Array:
    """Repeat the last image until there are ``items``: every batch has one size, so its results have one rounding."""
    missing = items - len(images)
    return np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images


def _identical(a: Array, b: Array) -> Array:
    same: Array = (a == b).all(axis=(1, 2, 3))
    return same


def _equate_identical(found: Array, rows: list[Array]) -> None:
    """Give identical images identical distances, which a batch's position-dependent rounding may not do."""
    reference, *others = rows
    for index, other in enumerate(others):
        for earlier in range(index):
            same = _identical(others[earlier], other)
            found[same, index] = found[same, earlier]
        found[_identical(reference, other), index] = 0.0
