"""The images of `invariance`: photographs without data, folders, triplets, and a sentence for every wrong one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_invariance_scores import PIXEL, SIDE, SIZE, evaluated, family, stored, texture, values_of, write

import lnkit
from lnkit import DataError, UsageError
from lnkit.errors import LnkitError
from lnkit_invariance import run as run_module
from lnkit_invariance.data import PHOTOGRAPHS


def test_runs_without_data() -> None:
    (finished,) = lnkit.evaluate(**PIXEL | {"variant": "quick"})
    scores = finished.record.scores
    assert scores["shift_outranks_blur"].n == len(PHOTOGRAPHS) == 10
    assert not any(name.startswith("decisions") for name in scores)
    (sample,) = lnkit.evaluate(**PIXEL | {"variant": "quick", "sample": True})
    assert {n: s.value for n, s in sample.record.scores.items()} == {n: s.value for n, s in scores.items()}


def test_crops_larger_than_the_photographs_are_refused() -> None:
    with pytest.raises(DataError, match=r"chelsea is too small: .*got 451 x 300: use --set size=284\."):
        lnkit.evaluate(**PIXEL | {"overrides": {"size": "400"}})


def test_one_image_has_scores_without_intervals(tmp_path: Path) -> None:
    write(tmp_path, {"one.png": texture(0)})
    record = evaluated(tmp_path).record
    assert {score.interval for score in record.scores.values()} == {None}
    assert any("no intervals: expected 3 images or more, got 1" in note for note in record.notes)


def test_other_images_change_no_distance(tmp_path: Path) -> None:
    """Crops and noise depend on an image's name and the seed: a distance stays when images are added."""
    big = np.tile(texture(1, 6), (2, 2, 1))
    write(tmp_path / "a", {"m.png": big})
    write(tmp_path / "b", {"a.png": texture(2), "m.png": big})
    alone, beside = (distances(tmp_path / name, "m.png") for name in ("a", "b"))
    for name in alone:
        assert np.array_equal(alone[name], beside[name]), name
    other = distances(tmp_path / "a", "m.png", seed=1)
    assert not np.array_equal(alone["change/noise"], other["change/noise"])


def distances(root: Path, image: str, **options: Any) -> dict[str, Any]:
    arrays = stored(evaluated(root, **options))
    chosen = np.asarray(arrays["image"]) == image
    return {name: np.asarray(array)[chosen] for name, array in arrays.items()}


def test_crops_are_those_with_texture(tmp_path: Path) -> None:
    """A large flat image with a textured corner: the crop is taken where a blur shows."""
    image = np.full((4 * SIDE, 4 * SIDE, 3), 90, np.uint8)
    image[: 2 * SIDE, : 2 * SIDE] = np.random.default_rng(0).integers(0, 256, (2 * SIDE, 2 * SIDE, 3), np.uint8)
    write(tmp_path, {f"{number}.png": np.rot90(image, number) for number in range(4)})
    assert evaluated(tmp_path, {"crops": "3"}).record.scores["monotonic"].n == 12, "none is left out as flat"


def test_flat_images_are_left_out_by_name(tmp_path: Path) -> None:
    flat = np.full((SIDE, SIDE, 3), 200, np.uint8)
    write(tmp_path, {"flat.png": flat, "a.png": texture(0), "b.png": texture(1)})
    record = evaluated(tmp_path).record
    assert record.scores["shift_outranks_blur"].n == 2
    assert "left out, since the visible blur changes nothing: 1 crops" in " ".join(record.notes)


def test_gray_and_transparent_images_are_converted_and_named(tmp_path: Path) -> None:
    image = texture(0)
    Image.fromarray(image).convert("L").save(tmp_path / "gray.png")
    Image.fromarray(image).convert("RGBA").save(tmp_path / "alpha.png")
    notes = " ".join(evaluated(tmp_path).record.notes)
    assert "converted (an alpha channel is dropped): 1 of Pillow's mode L, 1 of Pillow's mode RGBA" in notes


def test_copies_count_once(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": texture(0), "b.png": texture(0), "c.png": texture(1)})
    record = evaluated(tmp_path).record
    assert record.scores["monotonic"].n == 2
    assert "1 copies of other images are left out" in " ".join(record.notes)


def test_faults_of_the_folder_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "image.png").write_text("no image")
    write(tmp_path / "small", {"small.png": texture(0)[:30]})
    write(tmp_path / "tiny", {"tiny.png": texture(0)[:10]})
    for name, message in {
        "text.txt": r"Expected a folder with the data .*text\.txt, which is a file",
        "absent": "absent",
        "empty": r"empty has no images in it .*Expected a folder of images, or of triplets in BAPPS's layout",
        "text": r"image\.png is not a readable image",
        "small": r"small\.png is too small: expected 40 x 40 pixels .*got 40 x 30: use --set size=14.",
        "tiny": r"tiny\.png is too small: .*got 40 x 10: leave the image out\.",
    }.items():
        with pytest.raises((DataError, UsageError), match=message):
            evaluated(tmp_path / name)


def test_triplets_of_other_sizes_are_refused(tmp_path: Path) -> None:
    family(tmp_path, 3)
    write(tmp_path, {"2afc/val/own/p1/000001.png": texture(0).repeat(2, axis=0).repeat(2, axis=1)})
    with pytest.raises(DataError, match=r"has 1 images that are not 40 pixels wide, as the first one is.*resizes none"):
        evaluated(tmp_path)


def test_patches_of_64_pixels_fit_the_variant(tmp_path: Path) -> None:
    for column in ("ref", "p0", "p1"):
        image = np.random.default_rng(len(column)).integers(0, 256, (64, 64, 3), np.uint8)
        write(tmp_path, {f"2afc/val/one/{column}/000000.png": image})
    (tmp_path / "2afc/val/one/judge").mkdir()
    np.save(tmp_path / "2afc/val/one/judge/000000.npy", np.array([1.0], np.float32))
    (finished,) = lnkit.evaluate(**PIXEL | {"data": tmp_path, "variant": "patches"})
    assert finished.record.scores["decisions_changed"].n == 1
    with pytest.raises(DataError, match=re.escape("got 64 x 64: use --set size=48")):
        lnkit.evaluate(**PIXEL | {"data": tmp_path})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("shift", "2+1", "expected ascending numbers above 0, such as 1+2+4, got '2+1'"),
        ("shift", "", "expected ascending numbers"),
        ("shift", "nan", "expected ascending numbers"),
        ("shift", "1+9", "expected at most 8 pixels, got 9"),
        ("shift", "0.5", "expected whole pixels, got 0.5"),
        ("rotation", "45", "expected at most 8 pixels at the edge"),
        ("scale", "0.9+1.1", "expected factors above 1"),
        ("jpeg", "5+101", "expected at most 100"),
        ("blur", "1+4", "expected at most 8 pixels, 3 deviations"),
        ("visible_blur", "0", "expected a number above 0"),
        ("visible_blur", "nan", "expected a number above 0"),
        ("size", "0", "expected 1 or more"),
        ("crops", "0", "expected 1 or more"),
        ("brightness", "a lot", "expected ascending numbers"),
    ],
)
def test_strengths_that_no_run_can_use_are_refused(tmp_path: Path, field: str, value: str, message: str) -> None:
    write(tmp_path, {"a.png": texture(0)})
    with pytest.raises(UsageError, match=re.escape(message)):
        evaluated(tmp_path, {field: value})


def test_one_strength_has_no_order(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": texture(0)})
    one = dict.fromkeys(("shift", "noise", "jpeg", "blur"), "1") | {
        "brightness": "0.1",
        "rotation": "1",
        "scale": "1.1",
    }
    assert not [name for name in values_of(tmp_path, one) if name.startswith("monotonic")]


def test_a_run_that_failed_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family(tmp_path, 9)
    monkeypatch.setattr(run_module, "SHARD_PIXELS", 2 * SIZE**2)  # two crops or triplets in a shard
    whole = values_of(tmp_path, results=tmp_path / "whole")
    compared: list[int] = []
    plain = run_module._compare

    def fail_at_fifth(*args: Any) -> Any:
        compared.append(1)
        if len(compared) == 5:
            raise RuntimeError("killed")
        return plain(*args)

    monkeypatch.setattr(run_module, "_compare", fail_at_fifth)
    with pytest.raises(LnkitError, match="killed"):
        values_of(tmp_path, results=tmp_path / "parts")
    assert values_of(tmp_path, results=tmp_path / "parts") == whole
    shards_of_crops, shards_of_triplets, changes = 3, 5, 7
    assert len(compared) == shards_of_crops + shards_of_triplets * (1 + changes) + 2, "the failed shard, from its start"
