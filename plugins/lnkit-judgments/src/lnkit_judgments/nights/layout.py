"""The layouts of NIGHTS on disk: ``data.csv`` as published, or any triplets in ``triplets.csv``, with their images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lnkit import DataError
from lnkit.datasets import triplet_table
from lnkit.datasets.image_files import folder_with
from lnkit.datasets.text_tables import Line, read_table
from lnkit.datasets.triplet_table import TableFamily, read_triplet_table

TABLE = "data.csv"
COLUMNS = ("id", "left_vote", "right_vote", "votes", "ref_path", "left_path", "right_path", "split", "is_imagenet")
OFFICIAL = 20_019  # triplets of all splits; the authors' description of the data
EXPECTED = (
    "Expected NIGHTS's layout: data.csv, and the images that it names: ref/000/000.png, distort/000/000_0.png and "
    f"distort/000/000_1.png and so on; or triplets in {triplet_table.TABLE} with the columns ref, p0, p1 and judge."
)
SPLIT = "test"  # of the triplets in triplets.csv, which has no splits
IMAGENET = {"imagenet": True, "no_imagenet": False}  # families in triplets.csv
TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Triplet:
    """A reference, two other images, and the votes on which of them is more similar to it."""

    name: str  # its id
    reference: str  # files, relative to the folder of the images
    left: str
    right: str
    right_share: float  # of the votes, in [0, 1]
    votes: float  # how many people voted; 0 where that is not known
    split: str  # "train", "val" or "test"
    imagenet: bool | None  # whether its category is one of ImageNet's; None where that is not known


def read_nights(root: Path) -> tuple[Path, tuple[Triplet, ...]]:
    """Read ``data.csv`` in ``root`` or in ``root/nights``, or ``triplets.csv`` in ``root``.

    Returns:
        The folder of the images, and the triplets in the order of the table.

    Raises:
        DataError: Neither exists or both do, a column is missing, or a line cannot be understood.
    """
    if (root / triplet_table.TABLE).is_file():
        if (root / TABLE).is_file():
            raise DataError(f"{root} has triplets in {TABLE} and in {triplet_table.TABLE}. Remove one of them.")
        images, families = read_triplet_table(root)
        return images, tuple(triplet for family in families for triplet in _of_family(family))
    folder = folder_with(root, TABLE, ("nights", "dataset/nights"), EXPECTED)
    triplets = tuple(_read_triplet(line) for line in read_table(folder.get(TABLE), COLUMNS))
    names = [triplet.name for triplet in triplets]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{folder.path / TABLE} has two lines with the id {twice}. Remove one of them.")
    return folder.path, triplets


def _of_family(family: TableFamily) -> Iterator[Triplet]:
    votes = family.votes or (0,) * len(family.judge)
    rows = zip(*(family.images[column] for column in triplet_table.FILES), family.judge, votes, strict=True)
    for number, (reference, left, right, share, count) in enumerate(rows):
        name = f"{family.name}/{number}"
        yield Triplet(name, reference, left, right, share, count, SPLIT, IMAGENET.get(family.name))


def _read_triplet(line: Line) -> Triplet:
    left, right = line.number("left_vote"), line.number("right_vote")
    if left < 0 or right < 0 or left + right == 0:
        raise DataError(f"{line.where}: expected votes in left_vote and right_vote, got {left:g} and {right:g}.")
    imagenet = TRUTH.get(line.cells["is_imagenet"].lower())
    if imagenet is None:
        raise DataError(f"{line.where}: expected True or False as is_imagenet, got {line.cells['is_imagenet']!r:.80}.")
    return Triplet(
        name=line.cells["id"],
        reference=line.file("ref_path"),
        left=line.file("left_path"),
        right=line.file("right_path"),
        right_share=right / (left + right),
        votes=line.number("votes"),
        split=line.cells["split"],
        imagenet=imagenet,
    )
