"""PieAPP (Prashnani et al. 2018) on disk, as published or with the metainfo of a mirror: pairs, and scores of images.

As published: ``test_reference_list.txt``, ``reference_images/test/ref_1.png``, ``distorted_images/test/ref_1/``,
``labels/test/ref_1_pairwise_labels.csv`` and ``labels/test/ref_1_per_image_score.csv``. The mirror of IQA-PyTorch has
the same images, and all labels in ``meta_info_PieAPPDataset.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data import describe_folder
from lnkit.datasets.image_files import Folder
from lnkit.datasets.text_tables import Line, read_table, read_text
from lnkit.errors import DataError

__all__ = [
    "METAINFO",
    "OFFICIAL",
    "SPLITS",
    "PieappPair",
    "PieappScore",
    "PieappSet",
    "read_pieapp",
]

SPLITS = ("train", "val", "test")  # 0, 1 and 2 in the metainfo
METAINFO = "meta_info_PieAPPDataset.csv"
OFFICIAL = {"images": 600, "pairs": 4200}  # scored images and judged pairs of the test split; the authors' description
REFERENCES, DISTORTED, LABELS = "reference_images", "distorted_images", "labels"
RAW, PROCESSED, TEST = "raw preference for A", "processed preference for A", "preference for A"
IMAGE, SCORE = "distorted image", "score for distorted image"
PATHS = ("ref_img_path", "dist_imgA_path", "dist_imgB_path")
SCORE_OF_B = "per_img score for dist_imgB"
UNSEEN = ("", "nan")  # of a pair that nobody judged; the mirror writes nan
EXPECTED = (
    f"Expected PieAPP's layout: {REFERENCES}/, {DISTORTED}/, and {LABELS}/ with <split>_reference_list.txt beside "
    f"them, or {METAINFO}."
)


@dataclass(frozen=True, slots=True)
class PieappPair:
    """Two images, and how many people found the first one more similar to the reference."""

    reference: str  # files, relative to the folder of the data
    a: str  # may be the reference itself
    b: str
    share: float  # of people who found a more similar, in [0, 1]

    @property
    def with_reference(self) -> bool:
        """Whether one of the two is the reference itself."""
        return self.reference in (self.a, self.b)


@dataclass(frozen=True, slots=True)
class PieappScore:
    """How far people find an image from its reference."""

    reference: str  # files, relative to the folder of the data
    image: str
    score: float  # higher is worse; that of the reference is 0


@text_paths
@dataclass(frozen=True, slots=True)
class PieappSet:
    """A split of PieAPP."""

    folder: Path
    pairs: tuple[PieappPair, ...]  # by reference, in the order of the labels
    scores: tuple[PieappScore, ...]  # of the test split only
    unseen: int  # pairs without a judgment, which are left out

    def first_references(self, count: int) -> PieappSet:
        """Return what concerns the first ``count`` references, by name; all for 0."""
        names = set(sorted({pair.reference for pair in self.pairs})[: count or None])
        pairs = tuple(pair for pair in self.pairs if pair.reference in names)
        return PieappSet(
            self.folder, pairs, tuple(score for score in self.scores if score.reference in names), self.unseen
        )


@text_paths
def read_pieapp(root: Path, split: str = "test") -> PieappSet:
    """Read a split of PieAPP.

    The share is the judged one in the test split, and the one that the authors' model completed (``processed``) in the
    others, or the judged one where that is empty.

    Args:
        root: The folder of the data, or the one above it.
        split: "train", "val" or "test".

    Raises:
        DataError: The layout is another one, a label cannot be understood or is there twice, or an image is missing.
    """
    if split not in SPLITS:
        raise DataError(f"PieAPP has the splits {', '.join(SPLITS)}, got {split!r:.80}.")
    folder = _folder(root)
    if (folder / LABELS).is_dir():
        listed = list(_published(folder, split))
        scores = _published_scores(folder, split) if split == "test" else []
    else:
        listed, scores = _mirrored(_metainfo(root, folder), folder, split)
    pairs = [pair for pair in listed if pair is not None]
    _require_once(pairs, folder)
    if not pairs:
        raise DataError(f"{folder} has no judged pair of the split {split!r}. {EXPECTED}")
    pairs.sort(key=lambda pair: pair.reference)
    scores.sort(key=lambda score: (score.reference, score.image))
    return PieappSet(folder, tuple(pairs), tuple(scores), len(listed) - len(pairs))


def _folder(root: Path) -> Path:
    """Return the folder with the reference images: ``root`` or one in it."""
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    inner = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = [folder for folder in (root, *inner) if (folder / REFERENCES).is_dir()]
    if not found:
        raise DataError(f"{root} has no {REFERENCES} in it. {EXPECTED} {describe_folder(root)}")
    if len(found) > 1:
        raise DataError(f"{root} has PieAPP twice, in {found[0]} and in {found[1]}. Name one of them.")
    return found[0]


def _metainfo(root: Path, folder: Path) -> Path:
    here = next((path for path in (folder / METAINFO, root / METAINFO) if path.is_file()), None)
    if here is None:
        raise DataError(f"{folder} has neither {LABELS} nor {METAINFO}. {EXPECTED} {describe_folder(folder)}")
    return here


class _Images:
    """The images of a folder of PieAPP, found in any case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._list = cache(Folder)

    def find(self, path: str, where: str) -> str:
        """Return the file of a relative path; ``where`` is the label that names it, for the error."""
        place, _, name = path.rpartition("/")
        if not (self.folder / place).is_dir():
            raise DataError(f"{where} names {path!r:.160}, and {self.folder / place} is not a folder. Unpack it again.")
        found = self._list(self.folder / place).find(name)
        if found is None:
            raise DataError(f"{self.folder} has no {path!r:.160}, which {where} names. Unpack the archive again.")
        return f"{place}/{found.name}"


def _references(folder: Path, split: str) -> list[str]:
    listing = folder / f"{split}_reference_list.txt"
    names = [line.strip() for line in read_text(listing).splitlines() if line.strip()]
    if not names:
        raise DataError(f"{listing} is empty. Expected the name of a reference image in each line.")
    if len(set(names)) < len(names):
        raise DataError(f"{listing} names a reference image twice. Remove one of the lines.")
    odd = next((name for name in names if "/" in name or not name.isprintable()), None)
    if odd is not None:
        raise DataError(f"{listing}: expected file names such as ref_1.png, got {odd!r:.80}.")
    return names


def _published(folder: Path, split: str) -> Iterator[PieappPair | None]:
    """Yield the pairs of the published labels; None for one that nobody judged."""
    images = _Images(folder)
    wanted = (TEST,) if split == "test" else (RAW, PROCESSED)
    for reference in _references(folder, split):
        stem = reference.rpartition(".")[0]
        lines = read_table(
            folder / LABELS / split / f"{stem}_pairwise_labels.csv",
            ("ref. image", "distorted image A", "distorted image B", *wanted),
        )
        if not lines:
            raise DataError(f"{folder / LABELS / split / stem}_pairwise_labels.csv has no pair below its header.")
        for line in lines:
            if line.cells["ref. image"] != reference:
                raise DataError(
                    f"{line.where}: expected {reference} as ref. image, got {line.cells['ref. image']!r:.80}."
                )
            paths = [_path(line.file(f"distorted image {side}"), reference, split) for side in "AB"]
            yield _pair(line, images, [f"{REFERENCES}/{split}/{reference}", *paths], wanted[::-1])


def _path(name: str, reference: str, split: str) -> str:
    """Return the path of an image that the published labels name; the reference may be one of a pair."""
    is_reference = name == reference
    return (
        f"{REFERENCES}/{split}/{name}" if is_reference else f"{DISTORTED}/{split}/{reference.rpartition('.')[0]}/{name}"
    )


def _pair(line: Line, images: _Images, paths: list[str], columns: tuple[str, ...]) -> PieappPair | None:
    """Read a pair, with the share of the first of ``columns`` that is not empty."""
    column = next((column for column in columns if line.cells[column].lower() not in UNSEEN), None)
    if column is None:
        return None
    share = line.number(column)
    if not 0 <= share <= 1:
        raise DataError(f"{line.where}: expected a fraction of people in [0, 1] as {column}, got {share:g}.")
    reference, a, b = (images.find(path, line.where) for path in paths)
    if a == b:
        raise DataError(f"{line.where} compares {a} with itself. Expected two images.")
    return PieappPair(reference, a, b, share)


def _published_scores(folder: Path, split: str) -> list[PieappScore]:
    images = _Images(folder)
    found: dict[str, PieappScore] = {}
    for reference in _references(folder, split):
        table = folder / LABELS / split / f"{reference.rpartition('.')[0]}_per_image_score.csv"
        for line in read_table(table, (IMAGE, SCORE)):
            path = _path(line.file(IMAGE), reference, split)
            if path.startswith(REFERENCES):  # its score is 0 by definition
                continue
            image = images.find(path, line.where)
            if image in found:
                raise DataError(f"{line.where}: {image} has a score already. Remove one of the lines.")
            found[image] = PieappScore(f"{REFERENCES}/{split}/{reference}", image, line.number(SCORE))
    return list(found.values())


def _mirrored(metainfo: Path, folder: Path, split: str) -> tuple[list[PieappPair | None], list[PieappScore]]:
    """Read the pairs and scores of the metainfo; each pair of the test split repeats the score of its second image."""
    images = _Images(folder)
    number = str(SPLITS.index(split))
    pairs: list[PieappPair | None] = []
    scores: dict[str, PieappScore] = {}
    for line in read_table(metainfo, (*PATHS, RAW, PROCESSED, SCORE_OF_B, "split")):
        if line.cells["split"] not in ("0", "1", "2"):
            raise DataError(f"{line.where}: expected 0, 1 or 2 as split, got {line.cells['split']!r:.80}.")
        if line.cells["split"] != number:
            continue
        pair = _pair(line, images, [line.file(column) for column in PATHS], (PROCESSED, RAW))
        pairs.append(pair)
        if pair is None or split != "test" or pair.b == pair.reference:
            continue
        score = PieappScore(pair.reference, pair.b, line.number(SCORE_OF_B))
        if scores.setdefault(pair.b, score) != score:
            raise DataError(
                f"{line.where}: {pair.b} has the score {score.score:g} here and {scores[pair.b].score:g} in an earlier "
                "line. Expected one score of each image."
            )
    return pairs, list(scores.values())


def _require_once(pairs: list[PieappPair], folder: Path) -> None:
    """Refuse a pair that is judged twice, in whichever order."""
    seen: set[tuple[str, frozenset[str]]] = set()
    for pair in pairs:
        key = (pair.reference, frozenset((pair.a, pair.b)))
        if key in seen:
            raise DataError(
                f"The labels in {folder} have the pair {pair.a} and {pair.b} twice. Remove one of the lines."
            )
        seen.add(key)
