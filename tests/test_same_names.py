"""Names that look the same are the same name, however their characters are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lnkit.data.folders import by_same_name
from lnkit.datasets.image_files import Folder
from lnkit.datasets.image_folder import class_files, class_names, list_images
from lnkit.datasets.two_afc import open_families
from lnkit.errors import DataError
from lnkit.progress import SilentProgress

COMPOSED, DECOMPOSED = "b\u00e4r", "ba\u0308r"


def write(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (value, value, value)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, name in (("train", COMPOSED), ("val", DECOMPOSED)):
        for label, folder in enumerate(("auto", name, "zebra")):
            write(tmp_path / split / folder / "1.png", label)
    if len(list((tmp_path / "train").iterdir())) != 3 or not (tmp_path / "val" / DECOMPOSED).is_dir():
        pytest.skip("this file system changes names")
    return tmp_path


def test_classes_of_two_splits(root: Path) -> None:
    listing = list_images(root)
    assert listing.classes == ("auto", COMPOSED, "zebra")
    assert listing.train.labels == listing.validation.labels == (0, 1, 2)
    assert listing.validation.files == ("val/auto/1.png", f"val/{DECOMPOSED}/1.png", "val/zebra/1.png")
    assert class_names(root / "val", "")[1] == class_names(root / "train", "")[1] == COMPOSED
    assert class_files(root / "val", root, [COMPOSED]).files == (f"val/{DECOMPOSED}/1.png",)


def test_two_folders_that_look_the_same(root: Path) -> None:
    write(root / "train" / DECOMPOSED / "1.png")
    with pytest.raises(DataError, match=r"train has two entries that look the same, 'ba\\u0308r' and 'b\\xe4r'"):
        list_images(root)


def test_items_of_triplets(tmp_path: Path) -> None:
    """A row holds files of one name, whatever the order in which each folder sorts them."""
    family = tmp_path / "2afc" / "val" / DECOMPOSED
    for column, (name, shift) in {"ref": (COMPOSED, 0), "p0": (DECOMPOSED, 1), "p1": (COMPOSED, 2)}.items():
        for item, value in ((name, 10), ("bz", 20)):  # composed it comes after bz, decomposed before
            write(family / column / f"{item}.png", value + shift)
    (family / "judge").mkdir()
    for name, share in ((DECOMPOSED, 0.2), ("bz", 0.8)):
        np.save(family / "judge" / f"{name}.npy", np.array([share], np.float32))
    (opened,) = open_families(tmp_path, tmp_path / "cache", SilentProgress(), resolution=4)
    assert opened.name == COMPOSED
    rows = np.stack([images[:, 0, 0, 0] for images in opened.images], axis=1)
    judged = {tuple(row.tolist()): round(float(share), 1) for row, share in zip(rows, opened.judgments, strict=True)}
    assert judged == {(10, 11, 12): 0.2, (20, 21, 22): 0.8}


def test_names_in_tables(tmp_path: Path) -> None:
    write(tmp_path / f"{DECOMPOSED}.png")
    assert Folder(tmp_path).get(f"{COMPOSED}.PNG").name == f"{DECOMPOSED}.png"


def test_other_names_stay_as_they_are() -> None:
    names = ["ﬁ", "fi", "A", "a", "２", "2"]  # these look different
    assert by_same_name(Path(), names) == {name: name for name in names}
