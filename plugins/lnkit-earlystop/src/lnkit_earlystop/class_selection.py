"""Fewer classes: some at random, or those with the highest or lowest accuracy (Kumar2022, section 8.4 and App. E)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

import lnkit
from lnkit.datasets.labelled import Labelled, LabelledData


def choose_classes(
    classes: Sequence[str], count: int, way: str, seed: int, ranking: Sequence[str] = ()
) -> tuple[str, ...]:
    """Choose classes to train on.

    Args:
        classes: all classes.
        count: number of classes to keep.
        way: "random", "top" or "bottom" of the ranking.
        seed: of the random choice.
        ranking: classes by falling accuracy, as in ``class_accuracy.csv`` of a run.

    Returns:
        The chosen classes, in their order in ``classes``.

    Raises:
        lnkit.UsageError: there are fewer classes than ``count``, or the ranking lacks a class.
    """
    if not 2 <= count <= len(classes):
        raise lnkit.UsageError(f"Expected a number of classes from 2 to {len(classes)}, got {count}.")
    if way == "random":
        chosen = np.random.default_rng(seed).choice(len(classes), count, replace=False)
        return tuple(classes[i] for i in sorted(chosen))
    missing = sorted(set(classes) - set(ranking))
    if missing:
        raise lnkit.UsageError(
            f"The ranking of classes lacks {len(missing)} of the {len(classes)} classes, {missing[0]!r} first. Name a "
            "run on the same data with --class-ranking: its class_accuracy.csv has them all."
        )
    ranked = [name for name in ranking if name in set(classes)]
    selected = set(ranked[:count] if way == "top" else ranked[-count:])
    return tuple(name for name in classes if name in selected)


def with_classes(data: LabelledData, classes: Sequence[str]) -> LabelledData:
    """Return the data with images of these classes only; labels are their positions in ``classes``."""
    numbers = np.full(len(data.classes), -1)
    for new, name in enumerate(classes):
        numbers[data.classes.index(name)] = new
    return replace(
        data,
        train=_only(data.train, numbers),
        validation=_only(data.validation, numbers),
        classes=tuple(classes),
        sha256=f"{data.sha256}:{','.join(classes)}",
    )


def _only(split: Labelled, numbers: np.ndarray) -> Labelled:
    new = numbers[split.labels]
    rows = np.flatnonzero(new >= 0)
    return Labelled(split.images[rows], new[rows])
