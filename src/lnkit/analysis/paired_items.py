"""Bootstrap samples of the item-by-item arrays that runs store beside their records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnkit.errors import DataError, UsageError

Arrays = Mapping[str, np.ndarray]
Rows = NDArray[np.intp]


class Part(NamedTuple):
    """A group of arrays over the same items: equal names up to the last slash, and equal lengths."""

    name: str  # "2afc/cnn"; "" for arrays without a slash
    length: int


def part_of(name: str, array: np.ndarray) -> Part:
    """Return the part of an array: ``2afc/cnn`` with the array's length for ``2afc/cnn/d0``."""
    return Part(name.rpartition("/")[0], len(array))


def parts_of(arrays: Arrays) -> list[Part]:
    """Return all parts in the order of their names, so that draws do not depend on the order in a file."""
    return sorted({part_of(name, array) for name, array in arrays.items()})


def refuse_other_items(first: Arrays, second: Arrays) -> None:
    """Raise DataError unless both runs stored the same arrays of the same items."""
    shapes = [{name: array.shape[:1] for name, array in arrays.items()} for arrays in (first, second)]
    if any(not shape for shape in shapes[0].values()) or shapes[0] != shapes[1] or not shapes[0]:
        raise DataError(
            "These runs did not store values of the same items, so they cannot be compared item by item. Run both "
            "again with --force."
        )


def draw(arrays: Arrays, groups: Mapping[Part, list[Rows]], rng: np.random.Generator) -> dict[Part, Rows]:
    """Draw as many rows of each part as it has, with replacement; whole groups of rows if the part has groups."""
    return {part: _draw(part, groups.get(part), rng) for part in parts_of(arrays)}


def _draw(part: Part, groups: list[Rows] | None, rng: np.random.Generator) -> Rows:
    if groups is None:
        return rng.integers(part.length, size=part.length)
    return np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])


def counts_of(rows: Mapping[Part, Rows], groups: Mapping[Part, list[Rows]], most: int) -> dict[Part, Rows]:
    """Count how often each item, or group of items, was drawn; only for parts with ``most`` of them or fewer."""
    found = {}
    for part, drawn in rows.items():
        firsts = [group[0] for group in groups[part]] if part in groups else range(part.length)
        if len(firsts) <= most:
            found[part] = np.bincount(drawn, minlength=part.length)[list(firsts)]
    return found


def take(arrays: Arrays, rows: Mapping[Part, Rows]) -> dict[str, np.ndarray]:
    """Take the drawn rows of all arrays."""
    return {name: array[rows[part_of(name, array)]] for name, array in arrays.items()}


def groups_by(arrays: Arrays, name: str) -> dict[Part, list[Rows]]:
    """Group the rows by their values in the array whose name ends in ``name``, for each part with such an array.

    Raises:
        UsageError: there is no such array.
    """
    if not name:
        return {}
    labels = {key: array for key, array in arrays.items() if key.rpartition("/")[2] == name}
    if not labels:
        known = sorted({key.rpartition("/")[2] for key in arrays})
        raise UsageError(f"These runs store no array {name!r} over the items. They have: {', '.join(known)}.")
    return {part_of(key, array): _equal_rows(array) for key, array in labels.items()}


def _equal_rows(labels: np.ndarray) -> list[Rows]:
    _, owner, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return np.split(np.argsort(owner, kind="stable"), np.cumsum(sizes)[:-1])
