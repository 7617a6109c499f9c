"""Measure pairs of image files: sizes first, then group by group of equal size, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from lnkit.data.pack.decode import ImageHeader, read_header, read_image
from lnkit.pairs.find import ImagePair
from lnkit.pairs.heat_map import save_heat_map
from lnkit.pairs.loss_on_images import Array, LossOnImages
from lnkit.pairs.sizes import Fit, Size
from lnkit.pairs.unfinished import UnfinishedTable, pair_key
from lnkit.progress import Progress

THREADS = 4  # that decode the next batch while one is compared


@dataclass(frozen=True, slots=True)
class SizedPair:
    """A pair, and the size in which its images are compared."""

    pair: ImagePair
    size: Size
    modes: tuple[str, ...]  # Pillow's modes of images that are not RGB


@dataclass(frozen=True, slots=True)
class MapOptions:
    """Pictures of where images differ."""

    folder: Path
    highest: float | None = None  # value of the last color; None: the highest of each map

    def file_of(self, pair: ImagePair) -> Path:
        """Return the file for a pair: its name below the folder, with ``.png`` after it."""
        parts = [part for part in Path(pair.name).parts if part not in ("..", ".", "/")]
        return self.folder.joinpath(*parts[:-1], f"{parts[-1]}.png")


def read_sizes(pairs: Sequence[ImagePair], fit: Fit, progress: Progress) -> list[SizedPair]:
    """Read the sizes of all images, so that a wrong one is named before anything is computed.

    Raises:
        DataError: A file is missing, damaged or no image that lnkit reads.
        ImageError: The images of a pair differ in size, and ``fit`` does nothing about it.
    """
    headers: dict[Path, ImageHeader] = {}
    paths = list(dict.fromkeys(path for pair in pairs for path in (pair.first, pair.second)))
    with progress.task("reading sizes", len(paths), unit="images") as advance, ThreadPoolExecutor(THREADS) as pool:
        for path, header in zip(paths, pool.map(read_header, paths), strict=True):
            headers[path] = header
            advance(1)
    sized = []
    for pair in pairs:
        both = headers[pair.first], headers[pair.second]
        modes = tuple(header.mode for header in both if header.mode != "RGB")
        sized.append(SizedPair(pair, fit.size_of(pair, *(header.size for header in both)), modes))
    return sized


def measure_pairs(
    sized: Sequence[SizedPair],
    metric: LossOnImages,
    fit: Fit,
    progress: Progress,
    *,
    maps: MapOptions | None = None,
    unfinished: UnfinishedTable | None = None,
) -> list[float]:
    """Return the distance of each pair.

    Args:
        sized: The pairs with their sizes.
        metric: Compares images.
        fit: How images get their size.
        progress: Receives the pairs done.
        maps: Where pictures of the differences are saved.
        unfinished: Has distances of an earlier run, and receives new ones batch by batch.

    Raises:
        DataError: An image is damaged.
        ImageError: Images are too small for a point of the loss.
        LnkitError: A distance is not a finite number.
        UsageError: Maps are asked for, and a distance of the loss has none.
    """
    distances: dict[int, float] = {}
    groups: dict[Size, list[int]] = {}
    for index, one in enumerate(sized):
        groups.setdefault(one.size, []).append(index)
    with progress.task("comparing", len(sized), unit="pairs") as advance:
        for size, indices in groups.items():
            measure = partial(_measure_group, size, [sized[index].pair for index in indices], metric, fit)
            for place, values in measure(maps, unfinished):
                distances |= zip(indices[place : place + len(values)], values, strict=True)
                advance(len(values))
    return [distances[index] for index in range(len(sized))]


def _measure_group(
    size: Size,
    pairs: Sequence[ImagePair],
    metric: LossOnImages,
    fit: Fit,
    maps: MapOptions | None,
    unfinished: UnfinishedTable | None,
) -> Iterator[tuple[int, list[float]]]:
    """Yield the place of each batch in a group of pairs of one size, and its distances.

    A batch holds the same pairs whether a run goes on or not, so its distances are rounded the same.
    """
    comparer, items = metric.comparer(*size, len(pairs))
    known = {place: _known(pairs[place : place + items], maps, unfinished) for place in range(0, len(pairs), items)}
    todo = [place for place, values in known.items() if not values]
    for place, values in known.items():
        if values:
            yield place, values
    load = partial(_load, fit=fit, size=size)
    with ThreadPoolExecutor(THREADS) as pool:
        for place, images in _ahead(pool, load, pairs, todo, items):
            batch = pairs[place : place + items]
            first, second = (np.stack(column) for column in zip(*images, strict=True))
            values = comparer.compare(first, second)[:, 0, 0].tolist()
            if maps is not None:
                for pair, one, other, value in zip(batch, first, second, values, strict=True):
                    picture = metric.distance_map(one, other)
                    save_heat_map(maps.file_of(pair), one, other, picture, value, maps.highest)
            if unfinished is not None:
                unfinished.add(zip(batch, values, strict=True))
            yield place, values


def _known(batch: Sequence[ImagePair], maps: MapOptions | None, unfinished: UnfinishedTable | None) -> list[float]:
    """Return the distances of a batch that an earlier run finished, with its maps; else nothing."""
    if unfinished is None or not unfinished.distances:
        return []
    values = [unfinished.distances.get(pair_key(pair)) for pair in batch]
    if maps is not None and not all(maps.file_of(pair).is_file() for pair in batch):
        return []
    return [] if None in values else [value for value in values if value is not None]


def _ahead(
    pool: ThreadPoolExecutor,
    load: Callable[[ImagePair], tuple[Array, Array]],
    pairs: Sequence[ImagePair],
    places: Sequence[int],
    items: int,
) -> Iterator[tuple[int, list[tuple[Array, Array]]]]:
    """Yield the images of each batch; those of the next one are decoded meanwhile."""
    waiting = ((place, [pool.submit(load, pair) for pair in pairs[place : place + items]]) for place in places)
    upcoming = list(islice(waiting, 1))
    while upcoming:
        place, futures = upcoming.pop()
        upcoming += islice(waiting, 1)
        yield place, [future.result() for future in futures]


def _load(pair: ImagePair, *, fit: Fit, size: Size) -> tuple[Array, Array]:
    first, second = (np.asarray(fit.apply(read_image(path), size)) for path in (pair.first, pair.second))
    return first, second
