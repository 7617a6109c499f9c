"""The layout of BAPPS (Zhang et al. 2018) on disk: parts, splits, families and files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data.folders import by_same_name, describe_folder, require_printable, same_name
from lnkit.datasets.triplet_table import TABLE, read_triplet_table
from lnkit.errors import DataError
from lnkit.specs import DatasetSpec, RemoteFile

__all__ = [
    "BAPPS_DATASET",
    "BAPPS_MIRROR",
    "COLUMNS",
    "DISTORTION_FAMILIES",
    "IQA_MIRROR",
    "REAL_FAMILIES",
    "TWO_AFC",
    "FamilyFiles",
    "find_families",
    "partial_notes",
    "split_folder",
]

SERVER = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset"

IQA_MIRROR = "https://huggingface.co/datasets/chaofengc/IQA-PyTorch-Datasets/resolve/main"
INNER = ("", "dataset", "PerceptualSimilarity/dataset")  # folders of 2afc and jnd in copies of the data

# Validation triplets and pairs per family, counted in the archives; Zhang et al. 2018, Table 3.
TWO_AFC = {"traditional": 4720, "cnn": 4720, "superres": 10856, "deblur": 9440, "color": 4720, "frameinterp": 1888}
JND = {"traditional": 4800, "cnn": 4800}
OFFICIAL = {"2afc": TWO_AFC, "jnd": JND}
DISTORTION_FAMILIES = ("traditional", "cnn")  # Zhang et al. 2018, Table 3
REAL_FAMILIES = ("superres", "deblur", "color", "frameinterp")

COLUMNS = ("ref", "p0", "p1")
IMAGES = {"2afc": COLUMNS, "jnd": ("p0", "p1")}  # part -> folders of images
LABEL = {"2afc": "judge", "jnd": "same"}  # part -> folder of judgments
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm")  # of images, as the loader of LPIPS accepts them

BAPPS_DATASET = DatasetSpec(
    name="bapps",
    title="Berkeley-Adobe Perceptual Patch Similarity, validation sets",
    files=(
        # Sizes as the authors state them; they publish no checksums.
        RemoteFile(f"{SERVER}/twoafc_val.tar.gz", size=1_100_000_000),
        RemoteFile(f"{SERVER}/jnd.tar.gz", size=200_000_000),
    ),
    license="BSD-2-Clause (Zhang et al.); the photographs keep the terms of their sources",
    homepage="https://github.com/richzhang/PerceptualSimilarity",
    layout="2afc/val/<family>/{ref,p0,p1}/NNNNNN.png with judge/NNNNNN.npy, and jnd/val/<family>/{p0,p1}/ with same/",
    contents={
        f"{part}/val/{family}/{column}": count
        for part, families in OFFICIAL.items()
        for family, count in families.items()
        for column in (*IMAGES[part], LABEL[part])
    },
)

BAPPS_MIRROR = DatasetSpec(
    name="bapps-mirror",
    title="BAPPS, training and validation sets, from the mirror of IQA-PyTorch",
    files=(
        # The size as the mirror states it.
        RemoteFile(f"{IQA_MIRROR}/bapps.tgz", size=6_560_000_000),
    ),
    license="BSD-2-Clause (Zhang et al.); the mirror states CC-BY-SA-4.0 for itself, and research and education only",
    homepage="https://huggingface.co/datasets/chaofengc/IQA-PyTorch-Datasets",
    layout="PerceptualSimilarity/dataset/ with 2afc and jnd as in BAPPS",
    contents=BAPPS_DATASET.contents,
)


@text_paths
@dataclass(frozen=True, slots=True)
class FamilyFiles:
    """The files of one family, relative to its folder and in the same order in every column."""

    part: str  # "2afc" or "jnd"
    name: str  # "traditional"
    folder: Path
    images: dict[str, tuple[str, ...]]  # column -> files
    labels: dict[str, tuple[str, ...]]  # empty where a table has the judgments
    judge: tuple[float, ...] = ()  # judgments of a table
    votes: tuple[int, ...] = ()  # people who judged each item, if a table says it

    def __str__(self) -> str:
        return f"{self.part}/{self.name}"

    @property
    def rows(self) -> int:
        """Return the number of items."""
        return len(next(iter(self.images.values())))


@text_paths
def find_families(root: Path, parts: Sequence[str] = ("2afc", "jnd"), split: str = "val") -> tuple[FamilyFiles, ...]:
    """Find the families of a split: official ones first, then the others by name.

    Args:
        root: The folder that holds ``2afc`` and/or ``jnd``, one above it named ``dataset`` or
            ``PerceptualSimilarity/dataset``, or one of the two itself. Triplets may also be in a table; see
            :mod:`lnkit.datasets.triplet_table`.
        parts: "2afc", "jnd" or both.
        split: "val" or "train".

    Raises:
        DataError: ``root`` has no family, or one whose columns do not fit together.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {_expected(split, parts)}")
    folders = {part: split_folder(root, part, split) for part in parts}
    families = [_read_family(part, path) for part, folder in folders.items() for path in _family_folders(folder, part)]
    if "2afc" in parts and (root / TABLE).exists():
        families = _of_table(root, split, families) + families
    if not families:
        raise DataError(
            f"{root} has no {' or '.join(parts)} data of the split {split!r}. {_expected(split, parts)} "
            f"{describe_folder(root)}"
        )
    return tuple(families)


def _of_table(root: Path, split: str, others: Sequence[FamilyFiles]) -> list[FamilyFiles]:
    """Return the families of ``triplets.csv``, which has no splits."""
    if any(family.part == "2afc" for family in others):
        raise DataError(f"{root} has triplets in {TABLE} and in folders. Remove one of them.")
    if split != "val":
        raise DataError(f"{root / TABLE} has no split {split!r}: its triplets are the split 'val'.")
    folder, families = read_triplet_table(root)
    families = sorted(families, key=lambda family: _rank("2afc", family.name))
    return [FamilyFiles("2afc", f.name, folder, f.images, {}, f.judge, f.votes) for f in families]


@text_paths
def split_folder(root: Path, part: str, split: str) -> Path:
    """Return the folder of a part's split, whichever level of the layout ``root`` is; it may not exist."""
    for inner in INNER:
        if (folder := root / inner / part / split).is_dir():
            return folder
    return root / split if any(root.glob(f"{split}/*/{LABEL[part]}")) else root / part / split


def partial_notes(families: Sequence[FamilyFiles], parts: Sequence[str]) -> tuple[str, ...]:
    """Return notes on families that the official validation set has and these lack, and on those of another size."""
    notes = []
    for part in parts:
        here = {family.name: family.rows for family in families if family.part == part}
        official = OFFICIAL[part]
        present = [name for name in official if name in here]
        if not here:
            notes.append(f"absent: the part {part}")
        elif len(present) < len(official):
            which = f"{len(present)} of the {len(official)}" if present else f"none of the {len(official)}"
            missing = ", ".join(name for name in official if name not in here)
            notes.append(f"partial: {which} official {part} families; missing: {missing}")
        notes += [
            f"partial: {part}/{name} has {here[name]:,} items, and the official one has {official[name]:,}"
            for name in present
            if here[name] != official[name]
        ]
    return tuple(notes)


def _family_folders(split: Path, part: str) -> list[Path]:
    if not split.is_dir():
        return []
    folders = [path for path in split.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if not folders:
        raise DataError(f"{split} is empty. {_expected(split.name, [part])}")
    require_printable(split, [path.name for path in folders])
    by_same_name(split, [path.name for path in folders])
    return sorted(folders, key=lambda path: _rank(part, path.name))


def _rank(part: str, name: str) -> tuple[int, str]:
    official = list(OFFICIAL[part])
    return (official.index(name) if name in official else len(official), name)


def _read_family(part: str, folder: Path) -> FamilyFiles:
    expected = _expected(folder.parent.name, [part])
    images = {column: _files(folder / column, SUFFIXES, expected) for column in IMAGES[part]}
    labels = {LABEL[part]: _files(folder / LABEL[part], (".npy",), expected)}
    _check_columns(folder, images | labels)
    return FamilyFiles(part, same_name(folder.name), folder, _names(images), _names(labels))


def _files(folder: Path, suffixes: tuple[str, ...], expected: str) -> dict[str, str]:
    """Return {stem: name relative to the family's folder}; skip hidden files and files of other kinds."""
    if not folder.is_dir():
        raise DataError(f"{folder} is missing. {expected} {describe_folder(folder.parent)}")
    entries = os.listdir(folder)  # noqa: PTH208 - names suffice, and BAPPS has 174,000 of them
    names = sorted(name for name in entries if name.lower().endswith(suffixes) and not name.startswith("."))
    if not names:
        raise DataError(f"{folder} has no {', '.join(suffixes)} files in it. {expected}")
    require_printable(folder, names)
    by_stem = {same_name(name.rpartition(".")[0]): f"{folder.name}/{name}" for name in names}
    if len(by_stem) < len(names):
        raise DataError(
            f"{folder} has two files of the same number. Expected one file for each item: remove the other one."
        )
    return by_stem


def _check_columns(folder: Path, columns: dict[str, dict[str, str]]) -> None:
    """Refuse columns that do not hold the same items."""
    items = set().union(*columns.values())
    for column, files in columns.items():
        missing = sorted(items - set(files))
        if missing:
            counts = ", ".join(f"{len(files):,} in {name}" for name, files in columns.items())
            raise DataError(
                f"{folder / column} has no file for item {missing[0]} ({len(missing):,} missing). "
                f"Expected one file for each item in every folder, got {counts}. Fetch or copy the data again."
            )


def _expected(split: str, parts: Sequence[str]) -> str:
    layouts = (f"{p}/{split}/<family>/{{{','.join(IMAGES[p])}}}/NNNNNN.png with {LABEL[p]}/NNNNNN.npy" for p in parts)
    table = f"; or triplets in {TABLE} with the columns ref, p0, p1 and judge" if "2afc" in parts else ""
    return f"Expected BAPPS's layout: {', and '.join(layouts)}{table}."


def _names(columns: dict[str, dict[str, str]]) -> dict[str, tuple[str, ...]]:
    return {column: tuple(files[stem] for stem in sorted(files)) for column, files in columns.items()}
