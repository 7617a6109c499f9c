"""Choosing images of MS-COCO from its annotations, in small made ones of the same form."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lnkit.errors import DataError
from lnkit.specs import RemoteFile
from lnkit_superres import coco
from lnkit_superres.coco import ANNOTATIONS, image_names, list_images
from lnkit_superres.data import draw_names


def entry(split: str, number: int, width: int = 640, height: int = 480) -> dict[str, object]:
    name = f"COCO_{split}_{number:012d}.jpg"
    return {"license": 5, "file_name": name, "height": height, "width": width, "date_captured": "[2013]", "id": number}


def write_archive(path: Path, images: dict[str, list[dict[str, object]]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for split, entries in images.items():
            content = {"info": {"description": "COCO 2014"}, "images": entries, "annotations": [{"id": 1}]}
            bundle.writestr(f"annotations/instances_{split}.json", json.dumps(content))
    return path


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(coco, "SPLITS", {"train": ("train2014", 6), "valid": ("val2014", 2)})
    monkeypatch.setattr(coco, "BLOCK", 100)  # characters, so that entries lie across blocks
    images = {
        "train2014": [entry("train2014", n * 7919 % 1000) for n in range(40)] + [entry("train2014", 5, 71, 640)],
        "val2014": [entry("val2014", n) for n in range(9)],
    }
    return write_archive(tmp_path / "annotations.zip", images)


def listed(archive: Path) -> list[RemoteFile]:
    asked: list[RemoteFile] = []

    def fetch(file: RemoteFile) -> Path:
        asked.append(file)
        return archive

    found = list_images(fetch)
    assert asked == [ANNOTATIONS]
    return found


def test_as_many_as_are_asked_for_from_each_split_and_the_same_again(archive: Path) -> None:
    files = listed(archive)
    assert [file.path.split("/")[0] for file in files] == ["train"] * 6 + ["valid"] * 2
    assert len({file.url for file in files}) == 8
    for file in files:
        folder, name = file.path.split("/")
        split = {"train": "train2014", "valid": "val2014"}[folder]
        assert file.url == f"http://images.cocodataset.org/{split}/{name}"
        assert not file.exact
    assert listed(archive) == files


def test_the_draw_is_fixed_for_ever() -> None:
    names = [f"COCO_val2014_{number:012d}.jpg" for number in range(1000)]
    assert draw_names(names, 3) == draw_names(names[::-1], 3)
    assert [int(name[13:25]) for name in draw_names(names, 5)] == DRAWN
    assert set(draw_names(names, 3)) < set(
        draw_names(names, 5)
    )  # which makes a smaller protocol a part of a larger one
    assert draw_names(names[:4], 9) == tuple(names[:4])


DRAWN = [161, 239, 450, 672, 984]  # computed once with hashlib alone: the SHA-256 of "42 NAME" ranks them


def test_every_name_is_read_however_the_blocks_fall(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 37, 10**6):
        monkeypatch.setattr(coco, "BLOCK", size)
        names = image_names(archive, "train2014")
        assert len(names) == 40
        assert names == sorted(names)
        assert "COCO_train2014_000000000005.jpg" not in names  # too small


def no_archive(path: Path) -> None:
    path.write_bytes(b"<html>not found</html>")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def without_split(path: Path) -> None:
    write_archive(path, {"val2014": []})


def without_images(path: Path) -> None:
    write_archive(path, {"train2014": [], "val2014": []})


def leading_out(path: Path) -> None:
    names = [{"file_name": "../../evil.jpg"}, {}]
    write_archive(path, {split: [entry(split, 1) | name for name in names] for split in ("train2014", "val2014")})


def without_size(path: Path) -> None:
    lacking = {"file_name": "COCO_train2014_000000000001.jpg"}
    write_archive(path, {"train2014": [lacking], "val2014": [entry("val2014", 1)]})


def ending_early(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("annotations/instances_train2014.json", '{"images": [{"file_name": "COCO')


def another_file(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("annotations/instances_train2014.json", '{"annotations": []}')


FAULTS = [no_archive, cut_short, without_split, without_images, leading_out, without_size, ending_early, another_file]


@pytest.mark.parametrize("spoil", FAULTS)
def test_other_files_are_refused_by_name(archive: Path, spoil: Callable[[Path], None]) -> None:
    spoil(archive)
    with pytest.raises(DataError, match=r"annotations\.zip .*Delete it, and fetch it again\."):
        listed(archive)
