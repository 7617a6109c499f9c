"""Distorted images, their references and people's opinions of them, whatever the dataset."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from lnkit._text_paths import text_paths
from lnkit.datasets.image_files import Folder
from lnkit.errors import DataError

__all__ = [
    "Entry",
    "Opinion",
    "OpinionSet",
    "collect",
]

NAME = re.compile(r"(?P<reference>[a-z]\d+)_(?P<type>\d+)_(?P<level>\d+)")  # "i01_08_3", in either dataset


class Entry(NamedTuple):
    """A line of the file that lists the opinions."""

    where: str  # for errors: "/data/tid2013/mos_with_names.txt, line 1"
    image: str  # "i01_08_3.bmp"
    reference: str  # "i01.bmp"
    score: float


@text_paths
@dataclass(frozen=True, slots=True)
class Opinion:
    """A distorted image and the mean opinion of it."""

    name: str  # "i01_08_3": reference, type and level; in lower case, whatever the file's name is
    image: Path
    reference_name: str  # "i01"
    reference: Path
    distortion: str  # "gaussian_blur"
    score: float  # the label as published, in either direction


@text_paths
@dataclass(frozen=True, slots=True)
class OpinionSet:
    """All opinions of a dataset."""

    folder: Path
    opinions: tuple[Opinion, ...]  # by reference and name, whatever the order of the file
    labels: str = ""  # the file that they are from: "dmos_realigned.mat"
    higher_is_better: bool = True  # whether higher labels are better

    def first_references(self, count: int) -> OpinionSet:
        """Return the opinions on images of the first ``count`` references; of all, for 0."""
        names = sorted({opinion.reference_name for opinion in self.opinions})[: count or None]
        return replace(self, opinions=tuple(o for o in self.opinions if o.reference_name in names))


@text_paths
def collect(
    listed: Path, entries: Sequence[Entry], images: Folder, references: Folder, types: Sequence[str]
) -> OpinionSet:
    """Find the files of all entries.

    Args:
        listed: The file of the entries.
        entries: Its lines.
        images: Folder of the distorted images.
        references: Folder of the references.
        types: Names of the distortion types 1, 2 and so on; one beyond them is called "type_25".

    Raises:
        DataError: There is no entry, one cannot be understood, two are of one image, or an image is missing.
    """
    missing = [entry.image for entry in entries if images.find(entry.image) is None]
    if missing:
        raise DataError(
            f"{images.path} has no {missing[0]} ({len(missing):,} of the {len(entries):,} images that {listed.name} "
            "lists are missing). Unpack the archive again."
        )
    opinions = [_opinion(entry, images, references, types) for entry in entries]
    opinions.sort(key=lambda opinion: (opinion.reference_name, opinion.name))
    if not opinions:
        raise DataError(f"{listed} lists no image.")
    name, count = Counter(opinion.name for opinion in opinions).most_common(1)[0]
    if count > 1:
        raise DataError(f"{listed} lists {name} twice. Expected one mean opinion of each image: remove the other.")
    return OpinionSet(listed.parent, tuple(opinions))


def _opinion(entry: Entry, images: Folder, references: Folder, types: Sequence[str]) -> Opinion:
    name, reference_name, number = _parse(entry)
    distortion = types[number - 1] if 1 <= number <= len(types) else f"type_{number:02d}"
    reference = references.get(entry.reference, f"{entry.where} needs it.")
    return Opinion(name, images.get(entry.image), reference_name, reference, distortion, entry.score)


def _parse(entry: Entry) -> tuple[str, str, int]:
    """Return the name, the reference and the number of the type of a file such as ``i01_08_3.bmp``."""
    name, reference = (file.rpartition(".")[0].lower() for file in (entry.image, entry.reference))
    match = NAME.fullmatch(name)
    if match is None:
        raise DataError(
            f"{entry.where}: expected a file name like i01_08_3.bmp (reference, type, level), got {entry.image!r:.80}."
        )
    if match["reference"] != reference:
        raise DataError(f"{entry.where}: {entry.image} is listed with the reference {entry.reference}.")
    return name, reference, int(match["type"])
