"""Long measurements in shards: each is stored once it is done, so that a kill loses one shard at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lnkit.data.pack.array_folder import release
from lnkit.errors import PluginError
from lnkit.progress import Advance
from lnkit.specs import DistanceAt, DistanceConfig

if TYPE_CHECKING:
    from lnkit.benchmark import ImageComparer, RunContext

Array = np.ndarray[Any, Any]

SHARD = 1024  # items in a shard; its size changes no distance
GROUP = 5  # images that go through the network with one copy of their reference, instead of one each


class Images(Protocol):
    """Images (N, H, W, 3), 8-bit RGB, that are read slice by slice: an array, or files that are decoded when read."""

    def __len__(self) -> int:
        """Return N."""
        ...

    def __getitem__(self, rows: slice, /) -> Array:
        """Read some of the images."""
        ...


class Shards:
    """Shards of one measurement, with its progress. The network is built only if a shard is missing.

    Example::

        with open_shards(context, triplets, "triplets") as shards:
            distances = shards.compare("val", references, first, second)  # (N, 2, loss networks)
    """

    def __init__(
        self, context: RunContext, items: int, advance: Advance, distances: Sequence[DistanceAt] | None = None
    ) -> None:
        """Prepare to measure; see :func:`open_shards`."""
        self._context, self._items, self._advance = context, items, advance
        if distances is None and not hasattr(context.protocol, "distance_config"):
            raise PluginError(
                "Shards measure the distance of a protocol that inherits from lnkit.protocols.Comparing, got "
                f"{type(context.protocol).__name__}. Inherit from it, or give distances=[DistanceAt(...), ...]."
            )
        self._distances: DistanceConfig | Sequence[DistanceAt]
        self._distances = context.protocol.distance_config() if distances is None else distances

    @cached_property
    def comparer(self) -> ImageComparer:
        """Return the comparer of the distances; it is made on first use."""
        return self._context.services.comparer(self._distances, self._items)

    def compare(self, key: str, *images: Images, size: int = SHARD) -> Array:
        """Compare the first images with the others.

        Args:
            key: name of these shards in the run's store.
            *images: arrays (N, H, W, 3) of 8-bit RGB images; may be memory-mapped, or decode what is sliced.
            size: items in a shard.

        Returns:
            Distances (N, number of others, number of distances).
        """
        count = len(images[0])
        shards = []
        for start in range(0, count, size):
            rows = slice(start, min(start + size, count))
            with self._counted(rows.stop - start) as advance:
                compute = partial(self._compare, images, rows, advance)
                shards.append(self._context.store.get_or_compute(f"{key}-{start:06d}", compute)["distance"])
        return np.concatenate(shards)

    def _compare(self, images: Sequence[Images], rows: slice, advance: Advance) -> dict[str, Array]:
        shard = [column[rows] for column in images]
        distances = self.comparer.compare(*shard, advance=advance)
        release(*shard)
        return {"distance": distances}

    def compare_groups(self, references: Array, images: Array, groups: Array, advance: Advance) -> Array:
        """Compare images with the reference of their group; for use in :meth:`get_or_compute`.

        Args:
            references: (G, H, W, 3), one of each group.
            images: (N, H, W, 3).
            groups: rows (G, GROUP) of images, made by :func:`reference_groups`.
            advance: receives the number of images done.

        Returns:
            Distances (G, GROUP, number of distances).
        """
        columns = [images[rows] for rows in groups.T]
        return self.comparer.compare(references, *columns, advance=lambda done: advance(done * GROUP))

    def get_or_compute(
        self, key: str, steps: int, compute: Callable[[Advance], Mapping[str, Array]]
    ) -> Mapping[str, Array]:
        """Return the shard stored under ``key``, or compute and store it.

        Args:
            key: name of the shard in the run's store.
            steps: steps of the progress that the shard takes.
            compute: computes the shard; may call its argument with the number of steps done.
        """
        with self._counted(steps) as advance:
            return self._context.store.get_or_compute(key, lambda: compute(advance))

    @contextmanager
    def _counted(self, steps: int) -> Iterator[Advance]:
        """Report exactly ``steps`` of progress: those that are done inside, then the rest."""
        done = 0

        def advance(count: int, note: str = "", /) -> None:
            nonlocal done
            count = min(count, steps - done)
            done += count
            self._advance(count, note)

        yield advance
        self._advance(steps - done)


@contextmanager
def open_shards(
    context: RunContext,
    total: int,
    unit: str,
    *,
    title: str = "comparing images",
    items: int | None = None,
    distances: Sequence[DistanceAt] | None = None,
) -> Iterator[Shards]:
    """Open a measurement in shards, shown as one task of the run's progress.

    Args:
        context: of the run.
        total: steps of the progress, of all shards.
        unit: name of the steps, in the plural: "triplets".
        title: of the task; the backbone's name is added.
        items: about how many items will be compared, if that is not ``total``.
        distances: distances to measure; by default the protocol's, by each loss network, for protocols that inherit
            from lnkit.protocols.Comparing.

    Raises:
        PluginError: neither ``distances`` are given nor does the protocol have one.
    """
    with context.progress.task(f"{title} with {context.backbone.name}", total, unit=unit) as advance:
        yield Shards(context, total if items is None else items, advance, distances)


def reference_groups(owners: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Group images that share a reference, so that it goes through the network once for ``GROUP`` of them.

    Args:
        owners: (N,), the number of each image's reference.

    Returns:
        Rows (G, GROUP) of images; a group that is not full repeats its last row.
    """
    images = [np.flatnonzero(owners == owner) for owner in np.unique(owners)]
    groups = [rows[start : start + GROUP] for rows in images for start in range(0, len(rows), GROUP)]
    return np.stack([np.append(rows, np.repeat(rows[-1], GROUP - len(rows))) for rows in groups])
