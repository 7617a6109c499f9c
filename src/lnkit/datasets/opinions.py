"""Distorted images, their references and people's opinions of them, whatever the dataset."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from lnkit._text_paths import text_paths
from lnkit.datasets.image_files import FileTree
from lnkit.errors import DataError

__all__ = [
    "Entry",
    "Opinion",
    "OpinionSet",
    "Scale",
    "collect",
]

FEWEST_PAIRS = 30  # of strengths; fewer do not show the direction of the labels


class Entry(NamedTuple):
    """A line of the file that lists the opinions."""

    where: str  # for errors: "/data/tid2013/mos_with_names.txt, line 1"
    name: str  # "i01_08_3"
    image: str  # "i01_08_3.bmp"
    reference_name: str  # "i01"
    reference: str  # "i01.bmp"
    distortion: str  # "gaussian_blur"
    score: float
    level: int = 0  # strength of the distortion; 0: unknown


@dataclass(frozen=True, slots=True)
class Scale:
    """The labels of a dataset as they are published."""

    title: str  # "TID2013"
    count: int  # labels
    lowest: float  # of all labels
    highest: float
    limits: tuple[float, float]  # of any label: the ends of the scale
    higher_is_better: bool = True


@text_paths
@dataclass(frozen=True, slots=True)
class Opinion:
    """A distorted image and the mean opinion of it."""

    name: str  # unique in its dataset: "i01_08_3", "jp2k/img2"; in lower case, whatever the file's name is
    image: Path
    reference_name: str  # "i01"
    reference: Path
    distortion: str  # "gaussian_blur"
    score: float  # the label as published; ``OpinionSet.higher_is_better`` says its direction


@text_paths
@dataclass(frozen=True, slots=True)
class OpinionSet:
    """All opinions of a dataset. Images of one reference have its size; other references may have another size."""

    folder: Path  # all files are below it
    opinions: tuple[Opinion, ...]  # by reference and name, whatever the order of the file
    labels: str = ""  # the file that the scores are from: "dmos_realigned.mat"
    higher_is_better: bool = True  # direction of the scores

    def first_references(self, count: int) -> OpinionSet:
        """Return the opinions on images of the first ``count`` references; of all, for 0."""
        return self.of_references(sorted({opinion.reference_name for opinion in self.opinions})[: count or None])

    def of_references(self, names: Collection[str]) -> OpinionSet:
        """Return the opinions on images of these references."""
        return replace(self, opinions=tuple(o for o in self.opinions if o.reference_name in names))

    def of_distortions(self, names: Collection[str]) -> OpinionSet:
        """Return the opinions on images with these distortions."""
        return replace(self, opinions=tuple(o for o in self.opinions if o.distortion in names))

    def notes(self, scale: Scale) -> tuple[str, ...]:
        """Return notes on the labels: their file, and how they differ from the published ``scale``."""
        better = "higher" if self.higher_is_better else "lower"
        notes = [f"labels: {self.labels}, {better} is better"]
        scores = [opinion.score for opinion in self.opinions]
        tolerance = 0.005 * (scale.highest - scale.lowest)
        if len(scores) != scale.count:
            notes.append(f"partial: {len(scores):,} distorted images, and the official set has {scale.count:,}")
        elif abs(min(scores) - scale.lowest) > tolerance or abs(max(scores) - scale.highest) > tolerance:
            notes.append(
                f"other labels: they lie in {min(scores):g}..{max(scores):g}, and those of {scale.title} in "
                f"{scale.lowest:g}..{scale.highest:g}"
            )
        return tuple(notes)


@text_paths
def collect(listed: Path, entries: Sequence[Entry], files: FileTree, scale: Scale) -> OpinionSet:
    """Find the files of all entries.

    Args:
        listed: The file of the entries.
        entries: Its lines.
        files: The dataset's files.
        scale: Of the labels as published.

    Raises:
        DataError: There is no entry, two are of one image, an image is missing, a label lies outside the scale, or
            labels improve as distortions get stronger.
    """
    if not entries:
        raise DataError(f"{listed} lists no image.")
    name, count = Counter(entry.name for entry in entries).most_common(1)[0]
    if count > 1:
        raise DataError(f"{listed} lists {name} twice. Expected one mean opinion of each image: remove the other.")
    if len(entries) > scale.count:
        raise DataError(
            f"{listed} lists {len(entries):,} images, and {scale.title} has {scale.count:,}. It may be of another "
            "release or dataset: get the published file."
        )
    _check_scale(listed, entries, scale)
    _check_direction(listed, entries, scale)
    images = [files.find(entry.image) for entry in entries]
    missing = [entry.image for entry, image in zip(entries, images, strict=True) if image is None]
    if missing:
        raise DataError(
            f"{files.root} has no {missing[0]} ({len(missing):,} of the {len(entries):,} images that {listed.name} "
            f"lists are missing). Unpack the archive again. {files.expected}"
        )
    opinions = [
        Opinion(
            entry.name,
            image,
            entry.reference_name,
            files.get(entry.reference, f"{entry.where} needs it."),
            entry.distortion,
            entry.score,
        )
        for entry, image in zip(entries, images, strict=True)
        if image
    ]
    opinions.sort(key=lambda opinion: (opinion.reference_name, opinion.name))
    return OpinionSet(files.root, tuple(opinions), listed.name, scale.higher_is_better)


def _check_scale(listed: Path, entries: Iterable[Entry], scale: Scale) -> None:
    low, high = scale.limits
    outside = next((entry for entry in entries if not low <= entry.score <= high), None)
    if outside:
        raise DataError(
            f"{outside.where}: expected a label of {scale.title}, {low:g} to {high:g}, got {outside.score:g}. "
            f"{listed.name} may be of another dataset, or its labels scaled: get the published file."
        )


def _check_direction(listed: Path, entries: Iterable[Entry], scale: Scale) -> None:
    """Compare the labels of one distortion of one reference in two strengths: the stronger one looks worse.

    Not always: stronger contrast may please. Reversed labels fail in most comparisons.
    """
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.level:
            groups[entry.reference_name, entry.distortion].append(entry)
    rises = falls = 0
    for group in groups.values():
        for weak, strong in combinations(sorted(group, key=lambda entry: entry.level), 2):
            if weak.level < strong.level and weak.score != strong.score:
                rises += weak.score < strong.score
                falls += weak.score > strong.score
    wrong = rises if scale.higher_is_better else falls
    if rises + falls >= FEWEST_PAIRS and wrong > 2 * (rises + falls - wrong):
        better, worse = ("higher", "rise") if scale.higher_is_better else ("lower", "fall")
        raise DataError(
            f"{listed}: expected the labels of {scale.title}, of which {better} is better, got labels that {worse} "
            f"as distortions get stronger (in {wrong:,} of {rises + falls:,} comparisons). They run in the other "
            "direction, or are those of other images: get the published file."
        )
