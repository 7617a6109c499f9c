"""The layout of NIGHTS on disk: ``data.csv``, and the images that it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lnkit import DataError
from lnkit.datasets.image_files import folder_with
from lnkit.datasets.text_tables import Line, read_table

TABLE = "data.csv"
COLUMNS = ("id", "left_vote", "right_vote", "votes", "ref_path", "left_path", "right_path", "split", "is_imagenet")
OFFICIAL = 20_019  # triplets of all splits; the authors' description of the data
EXPECTED = (
    "Expected NIGHTS's layout: data.csv, and the images that it names: ref/000/000.png, distort/000/000_0.png and "
    "distort/000/000_1.png and so on."
)
TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Triplet:
    """A reference, two other images, and the votes on which of them is more similar to it."""

    name: str  # its id
    reference: str  # files, relative to the folder of data.csv
    left: str
    right: str
    right_share: float  # of the votes, in [0, 1]
    votes: float  # how many people voted
    split: str  # "train", "val" or "test"
    imagenet: bool  # whether its category is one of ImageNet's


def read_nights(root: Path) -> tuple[Path, tuple[Triplet, ...]]:
    """Read ``data.csv`` in ``root`` or in ``root/nights``; return its folder, and its triplets in order.

    Raises:
        DataError: It does not exist, a column is missing, or a line cannot be understood.
    """
    folder = folder_with(root, TABLE, ("nights", "dataset/nights"), EXPECTED)
    triplets = tuple(_read_triplet(line) for line in read_table(folder.get(TABLE), COLUMNS))
    names = [triplet.name for triplet in triplets]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{folder.path / TABLE} has two lines with the id {twice}. Remove one of them.")
    return folder.path, triplets


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
