"""Fewer classes: some at random, or those that a network tells apart best or worst (K, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

import lnkit
from lnkit.datasets.labelled import Labelled, LabelledData

WAYS = ("random", "top", "bottom")


def choose_classes(
    classes: Sequence[str], count: int, way: str, seed: int, ranking: Sequence[str] = ()
) -> tuple[str, ...]:
    """Which classes to keep, in the order in which they come.

    Args:
        classes: all.
        count: how many to keep.
        way: "random", "top" or "bottom" of the ranking.
        seed: of the random choice.
        ranking: classes, the one that is told apart best first; see ``class_accuracy.csv`` of a run.

    Raises:
        lnkit.UsageError: there are not so many, or the ranking lacks a class.
    """
    if not 2 <= count <= len(classes):
        raise lnkit.UsageError(f"{count} classes are asked for; expected is a number from 2 to {len(classes)}.")
    if way == "random":
        chosen = np.random.default_rng(seed).choice(len(classes), count, replace=False)
        return tuple(classes[i] for i in sorted(chosen))
    missing = sorted(set(classes) - set(ranking))
    if missing:
        raise lnkit.UsageError(
            f"The ranking of classes lacks {len(missing)} of the {len(classes)} classes, {missing[0]!r} first. Name a "
            "run on the same data with --class-ranking: its class_accuracy.csv has them all."
        )
    known = [name for name in ranking if name in set(classes)]
    kept = set(known[:count] if way == "top" else known[-count:])
    return tuple(name for name in classes if name in kept)


def with_classes(data: LabelledData, kept: Sequence[str]) -> LabelledData:
    """The data without the images of other classes; classes are numbered anew."""
    numbers = np.full(len(data.classes), -1)
    for new, name in enumerate(kept):
        numbers[data.classes.index(name)] = new
    return replace(
        data,
        train=_only(data.train, numbers),
        validation=_only(data.validation, numbers),
        classes=tuple(kept),
        sha256=f"{data.sha256}:{','.join(kept)}",
    )


def _only(split: Labelled, numbers: np.ndarray) -> Labelled:
    new = numbers[split.labels]
    rows = np.flatnonzero(new >= 0)
    return Labelled(split.images[rows], new[rows])
