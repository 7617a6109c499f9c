"""Compare many images quickly, with decisions that depend neither on the engine nor on the batch size.

All images of an item go through the backbone together, once for all loss networks. Every batch is padded to one fixed
size. If rounding, which differs between engines and batches, could decide which of two images is closer, both distances
are recomputed in float64 by the unmodified network on the CPU, one item at a time.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from lnkit.distances.builtin_plugin import builtin_spec
from lnkit.distances.engines.base import Array, padded
from lnkit.distances.engines.selection import build_engine, check_engine, choose_engine
from lnkit.distances.factory import shared_distances
from lnkit.distances.matrix import Advance, PairwiseDistances
from lnkit.distances.stacked import StackedDistances
from lnkit.errors import ImageError, LnkitError, UsageError
from lnkit.networks.device import is_out_of_memory, open_device
from lnkit.networks.loss_network import LossNetwork
from lnkit.specs import DistanceConfig, DistanceSpec

if TYPE_CHECKING:
    from lnkit.benchmark import ArrayStore
    from lnkit.distances.engines.base import Engine

Shape = tuple[int, int, int]  # images of an item, height, width

_log = logging.getLogger("lnkit")

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}

NEAR_TIE = 1e-5  # see _near_ties; the largest error of float32 measured on that scale was 2e-6

BATCH_PIXELS = 32 * 64 * 64  # of a batch, for each image of an item; small batches stay in a processor's cache

GPU_BATCH_PIXELS = 8 * BATCH_PIXELS  # small batches leave most of a GPU idle


class ImageComparer:
    """Distances between 8-bit images by several loss networks that share one backbone.

    Example:
        >>> import numpy as np
        >>> import lnkit
        >>> network = lnkit.load_loss_network("pixel", "image")
        >>> comparer = ImageComparer(network, [("image",)], lnkit.DistanceConfig("squared"))
        >>> black = np.zeros((2, 8, 8, 3), np.uint8)  # two items
        >>> comparer.compare(black, black, black + 255)[:, :, 0]
        array([[0., 1.],
               [0., 1.]])
    """

    def __init__(  # noqa: PLR0913 - the keyword arguments are optional: they change the speed, not the distances
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
        lookup: Callable[[str], DistanceSpec] = builtin_spec,
    ) -> None:
        """Prepare to compare.

        Args:
            network: A network with all points of the ``loss_networks``.
            loss_networks: The points of each loss network, by name; its distance is the sum over them.
            distance: The distance of all loss networks, or a sequence with one for each.
            device: "cpu", "cuda", "cuda:1" or "mps"; "auto" is an accelerator if there is one, else the CPU.
            precision: "fp32", or "bf16", which is faster on some machines and changes 0.2-10 % of decisions.
            engine: "auto" or one of :data:`lnkit.distances.engines.selection.ENGINES`.
            batch_size: Items compared at a time; None for a size that suits the device. It is halved when memory runs
                out.
            expected_items: Expected number of items; for few, "auto" does not build a fast engine.
            lookup: Finds the spec of a distance by name; the default knows the bundled distances only, a registry's
                ``distance`` those of all plugins.

        Raises:
            UsageError: The device, precision, engine or distance is unknown or cannot be used here.
        """
        if precision not in PRECISIONS:
            raise UsageError(f"No precision is named {precision!r}; there are {', '.join(PRECISIONS)}.")
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"Expected a batch size of at least 1, got {batch_size}.")
        self.device = open_device(device)
        check_engine(engine, self.device)
        self.loss_networks = tuple(loss_networks)
        self.precision = precision
        self._network = network
        configs = [distance] * len(self.loss_networks) if isinstance(distance, DistanceConfig) else distance
        self._distances = shared_distances(self.loss_networks, configs, lookup, network.name)
        self._requested = engine
        self._batch_size = batch_size
        self._batch_limit: int | None = None  # set once memory has run out
        self._batch_pixels = _batch_pixels(self.device, configs)
        self._expected = expected_items
        self._done = 0
        self._engines: dict[Shape, Engine] = {}
        self.engine = engine  # the engine in use; before the first comparison, the requested one
        self._scales: dict[Shape, Array] = {}
        self._exact: dict[int, StackedDistances] = {}

    def compare(self, reference: Array, *others: Array, advance: Advance | None = None) -> Array:
        """Return the distances between each reference and the other images of the same item.

        Args:
            reference: 8-bit RGB images (N, H, W, 3).
            *others: One or more arrays of the same shape; all arrays may be memory-mapped.
            advance: Called with the number of items done, batch by batch.

        Returns:
            Distances (N, number of others, number of loss networks), float64. The distance of identical images is
            exactly 0, and others that are identical to each other have exactly equal distances.

        Raises:
            ImageError: The arrays have another shape or type, or the images are too small for a point.
            LnkitError: A distance is not a finite number.
        """
        arrays = (reference, *others)
        _check_arrays(arrays)
        count, height, width = reference.shape[:3]
        shape = (len(arrays), height, width)
        distances = np.empty((count, len(others), len(self.loss_networks)))
        start = 0
        while start < count:
            stop = min(start + self._items(shape), count)
            rows = [np.asarray(array[start:stop]) for array in arrays]
            try:
                distances[start:stop] = self._compare_batch(rows, shape)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                self._back_off(shape)
                continue
            self._done += stop - start
            if advance is not None:
                advance(stop - start)
            start = stop
        return distances

    def matrix(
        self,
        images: Array,
        *,
        advance: Advance | None = None,
        store: ArrayStore | None = None,
        pairs: Array | None = None,
    ) -> Array:
        """Return the distances between all images of a set, with one run of the network per image.

        The engine is always "eager" and the batch size fixed; see :mod:`lnkit.distances.matrix`.

        Args:
            images: 8-bit RGB images (N, H, W, 3); may be memory-mapped.
            advance: Called with the number of pairs done.
            store: Stores finished blocks of rows, such as a run's ``context.store``, so that an interrupted
                computation can be resumed.
            pairs: Which pairs to measure (N, N), true or false, in either direction; None for all of them.

        Returns:
            Distances (N, N, number of loss networks), float64, symmetric, 0 on the diagonal and between identical
            images, NaN where the pair is not among ``pairs``. They equal those of ``compare`` up to rounding. A
            distance that is not symmetric is measured from the earlier image to the later one.

        Raises:
            ImageError: An array has another shape or type, or the images are too small for a point or too large for
                the memory.
            LnkitError: A distance is not a finite number.
        """
        _check_arrays((images, images))
        height, width = images.shape[1:3]
        self._require_size(height, width)
        self.engine = "eager"
        pairwise = PairwiseDistances(self._module(1), self._images(height, width), self.device)
        if pairs is not None and (pairs.dtype != bool or pairs.shape != (len(images),) * 2):
            raise ImageError(
                f"Expected pairs as true or false of shape {(len(images),) * 2}, got {pairs.dtype} of shape "
                f"{pairs.shape}."
            )
        distances = pairwise.compute(images, advance, store, pairs)
        self._require_finite(distances)
        if pairs is not None:
            distances[~(pairs | pairs.T | np.eye(len(images), dtype=bool))] = np.nan
        return distances

    def batch_items(self, images: int, height: int, width: int) -> int:
        """Return how many items of ``images`` images of a size are compared at a time."""
        return self._items((images, height, width))

    def _items(self, shape: Shape) -> int:
        """Return the number of items of a batch."""
        wanted = self._batch_size or self._images(*shape[1:])
        return min(wanted, self._batch_limit or wanted)

    def _images(self, height: int, width: int) -> int:
        """Return the number of images of a batch, by the pixels that enter the backbone after any resizing."""
        height, width = self._network.input_size or (height, width)
        return max(1, self._batch_pixels // (height * width))

    def _compare_batch(self, rows: list[Array], shape: Shape) -> Array:
        items = self._items(shape)
        stack = np.concatenate([padded(images, items) for images in rows])
        distances = self._engine_for(shape)(stack)[: len(rows[0])].astype(np.float64)
        if self.precision == "fp32" and len(rows) == 3:
            near = _near_ties(distances, self._scales[shape]) & ~_identical(rows[1], rows[2])[:, None]
            for row in np.flatnonzero(near.any(axis=1)):  # in float64, since rounding could decide
                exact = self._exact_distances([images[row] for images in rows])
                distances[row, :, near[row]] = exact[:, near[row]].T
        _equate_identical(distances, rows)
        self._require_finite(distances)
        return distances

    def _require_size(self, height: int, width: int) -> None:
        """Raise ImageError for images that are too small for a point."""
        blank = torch.zeros(1, 3, height, width, dtype=torch.float32, device=self._network.device)
        self._network.features(blank)

    def _require_finite(self, distances: Array) -> None:
        """Refuse infinite distances and NaN: they would count as ties."""
        wrong = ~np.isfinite(distances).all(axis=(0, 1))
        if wrong.any():
            name = f"{self._network.name}:{'+'.join(self.loss_networks[int(wrong.argmax())])}"
            raise LnkitError(
                f"{name} gave distances that are not finite numbers. Check its weights for NaN and infinite values; "
                "with --precision bf16, try fp32."
            )

    def _engine_for(self, shape: Shape) -> Engine:
        if shape not in self._engines:
            self._require_size(*shape[1:])
            self._engines[shape] = engine = self._build_engine(shape)
            if self.precision == "fp32" and shape[0] == 3:
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
        """Build the computation for items of ``images`` images, in the requested precision."""
        dtype = PRECISIONS[self.precision]
        network = copy.deepcopy(self._network)
        network.backbone.to(dtype)
        return StackedDistances(network, self.loss_networks, self._distances, images, dtype)

    def _back_off(self, shape: Shape) -> None:
        """Halve the batch size and drop the engines that were built for the old one."""
        items = self._items(shape)
        self._engines.clear()
        self._scales.clear()
        torch.cuda.empty_cache()
        if items == 1:
            raise ImageError(
                f"One item of {shape[0]} images of {shape[2]} x {shape[1]} pixels does not fit into the memory of "
                f"{self.device}. Use smaller images, an earlier point, or the device 'cpu'."
            )
        self._batch_limit = items // 2
        _log.warning("The memory of %s ran out: continuing with %d items at a time.", self.device, self._batch_limit)

    def _exact_distances(self, images: list[Array]) -> Array:
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
    """Return the distance between unrelated images, noise and its negative, by each loss network."""
    noise = np.random.default_rng(0).integers(0, 256, (1, *shape[1:]), dtype=np.uint8)
    stack = np.concatenate([noise, *[255 - noise] * (shape[0] - 1)])
    scales: Array = engine(stack.reshape(-1, *shape[2:])).max(axis=(0, 1)).astype(np.float64)
    return scales


def _near_ties(distances: Array, scales: Array) -> Array:
    """Mark where rounding could decide which of two distances is smaller, (N, loss networks).

    Distances are squares: a relative error e of features of size s changes a distance d by about e sqrt(d) s. Relative
    to d, this error grows without bound as two images become more alike.
    """
    larger = distances.max(axis=1)
    near: Array = np.abs(distances[:, 0] - distances[:, 1]) <= NEAR_TIE * (larger + np.sqrt(larger * scales))
    return near


def _check_arrays(arrays: Sequence[Array]) -> None:
    if len(arrays) < 2:
        raise UsageError("Expected a reference and at least one other image, got a reference only.")
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise ImageError(f"Expected images of one shape, got {', '.join(map(str, shapes))}.")
    shape, types = arrays[0].shape, {str(array.dtype) for array in arrays}
    if len(shape) != 4 or shape[3] != 3 or types != {"uint8"}:
        raise ImageError(
            f"Expected 8-bit RGB images of shape (N, H, W, 3), got {', '.join(sorted(types))} of shape {shape}. "
            "Convert images in [0, 1] with (255 * images).round().astype(np.uint8)."
        )


def _identical(a: Array, b: Array) -> Array:
    same: Array = (a == b).all(axis=(1, 2, 3))
    return same


def _equate_identical(distances: Array, rows: list[Array]) -> None:
    """Give identical images equal distances: rounding may depend on the position in a batch."""
    reference, *others = rows
    for index, other in enumerate(others):
        for earlier in range(index):
            same = _identical(others[earlier], other)
            distances[same, index] = distances[same, earlier]
        distances[_identical(reference, other), index] = 0.0
