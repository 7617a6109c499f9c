"""Where tiles come from: the layout, the pages that list them, the drawn sample, and what is wrong with any of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import opening_context
from PIL import Image, ImageDraw
from realdata import RealData
from torchvision.transforms import functional

from lnkit import BenchmarkData, DataError, RemoteFile
from lnkit.protocols import as_dict
from lnkit_delineation import MRD, SPLITS
from lnkit_delineation.data import find_split, open_data
from lnkit_delineation.mrd import KINDS, SERVER, list_tiles
from lnkit_delineation.protocol import PAPER, VARIANTS, DelineationProtocol
from lnkit_delineation.resized_tiles import Resizing
from lnkit_delineation.sample import COUNTS, NOTE, SIDE, draw_tile, sample_folder, write_sample

SMALL = replace(PAPER, train_tiles="crop", crop=32, size=32)


def write_split(root: Path, split: str, count: int = 2, size: tuple[int, int] = (60, 40), road: int = 255) -> None:
    """Tiles of width and height ``size`` with one road from side to side."""
    for kind, ending in (("sat", "tiff"), ("map", "tif")):
        (root / split / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.zeros((size[1], size[0], 3) if kind == "sat" else size[::-1], np.uint8)
            pixels[10:16] = 120 + number if kind == "sat" else road
            Image.fromarray(pixels).save(root / split / kind / f"{number}.{ending}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split in ("train", "valid", "test"):
        write_split(tmp_path / "data", split)
    return tmp_path / "data"


def opened(root: Path, protocol: DelineationProtocol = SMALL) -> BenchmarkData:
    return open_data(opening_context(protocol, root.parent / "cache", root))


def test_tiles_to_crop_keep_their_size_and_the_rest_are_resized(root: Path) -> None:
    data = opened(root)
    content = data.content
    assert content.train.images.shape == (2, 40, 60, 3)
    assert content.train.maps.shape == (2, 40, 60)
    assert content.valid.images.shape == (2, 32, 32, 3)
    assert content.test.maps.shape == (2, 32, 32)
    assert set(content.train.maps[0, 10:16].ravel().tolist()) == {255}
    assert int(content.train.images[1, 12, 30, 0]) == 121
    assert set(data.fingerprints) == {"train", "valid", "test"}
    assert data.notes[0] == "partial: train has 2 tiles; that of the Massachusetts Roads Dataset has 1,108"


def test_paper_trains_on_resized_tiles(root: Path) -> None:
    """Pihlgren2023: "input patches resized to 224x224"."""
    assert (PAPER.train_tiles, PAPER.size) == ("resized", 224)
    found = opened(root, replace(PAPER, size=32, crop=480))  # nothing is cropped, so a large crop does not matter
    assert found.image_size == 32
    for number in range(2):
        image = Image.open(root / "train" / "sat" / f"{number}.tiff").resize((32, 32), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(found.content.train.images[number], np.asarray(image))
    assert found.content.train.maps.shape == (2, 32, 32)


def bilinear(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation between the four nearest pixel centers, written out."""
    weighted = np.asarray(pixels, np.float64)
    for axis, (old, new) in enumerate(zip(pixels.shape, size, strict=False)):
        place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        first = np.floor(place).astype(int)
        share = (place - first).reshape([-1 if a == axis else 1 for a in range(pixels.ndim)])
        second = np.minimum(first + 1, old - 1)
        weighted = weighted.take(first, axis) * (1 - share) + weighted.take(second, axis) * share
    return weighted


@pytest.mark.parametrize("shape", [(75, 130), (75, 130, 3), (20, 24)])
def test_without_antialiasing_four_pixels_count(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = Resizing((32, 48), antialias=False).apply(Image.fromarray(pixels))
    assert found.shape == (32, 48, *shape[2:])
    assert np.abs(found - bilinear(pixels, (32, 48))).max() <= 0.5 + 1e-4
    if shape != (20, 24):  # reduced, so antialiasing matters
        smooth = Resizing((32, 48), antialias=True).apply(Image.fromarray(pixels))
        assert np.abs(found - smooth.astype(float)).mean() > 5


def test_the_reference_resizes_without_antialiasing(root: Path) -> None:
    """The transform of tensors in torchvision, as the reference code calls it."""
    draw = np.random.default_rng(1)
    pixels = draw.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    for split in ("train", "valid", "test"):
        shutil.rmtree(root / split)
        write_split(root, split, size=(48, 48))
    Image.fromarray(pixels).save(root / "valid" / "sat" / "0.tiff")
    found = opened(root, replace(VARIANTS["reference"], crop=32, size=32)).content.valid.images[0]
    resized = functional.resize(functional.to_tensor(Image.fromarray(pixels)), 32, antialias=False)
    assert np.abs(found / 255 - resized.permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6
    with_antialiasing = opened(root, replace(VARIANTS["reference"], crop=32, size=32, antialias=True)).content
    assert (with_antialiasing.valid.images[0] != found).mean() > 0.5


def test_maps_are_road_where_the_reference_code_finds_them_above_one_half() -> None:
    """Its comparison is strict, and halves are frequent where sides are divided by simple fractions."""
    pixels = np.random.default_rng(2).choice([0, 255], (320, 480)).astype(np.uint8)
    tensor = functional.resize(functional.to_tensor(Image.fromarray(pixels)), [224, 224], antialias=False)[0]
    found = Resizing((224, 224), antialias=False).apply(Image.fromarray(pixels)) >= 255 * PAPER.truth_threshold
    np.testing.assert_array_equal(found, tensor.numpy() > 0.5)
    assert (tensor == 0.5).sum() > 100


def differing_marks(plain: np.ndarray, smooth: np.ndarray) -> float:
    """The share of the marks with antialiasing that differ without."""
    return float(((plain >= 128) != (smooth >= 128)).sum() / (smooth >= 128).sum())


def test_what_antialiasing_changes_on_thin_roads() -> None:
    """Roads of 7 pixels on a map of 1500: about 6 % of them at 224 pixels."""
    draw, shares = np.random.default_rng(0), []
    for _ in range(2):
        roads = Image.new("L", (1500, 1500))
        for _ in range(25):
            ImageDraw.Draw(roads).line([tuple(map(float, end)) for end in draw.uniform(-100, 1600, (2, 2))], 255, 7)
        smooth, plain = (Resizing((224, 224), antialias).apply(roads) for antialias in (True, False))
        shares.append(differing_marks(plain, smooth))
    assert 0.04 < min(shares) < max(shares) < 0.09


def test_what_antialiasing_changes_on_real_cracks(real_data: RealData, tmp_path: Path) -> None:
    """3.5 % of the crack pixels of the test images at 224 pixels, and the images by 3.9 of 255."""
    protocol = replace(VARIANTS["reference"], split="test")
    plain, smooth = (
        open_data(opening_context(replace(protocol, antialias=antialias), tmp_path, real_data("cracks"))).content.test
        for antialias in (False, True)
    )
    assert differing_marks(plain.maps, smooth.maps) == pytest.approx(0.035, abs=0.001)
    assert np.sqrt(np.square(plain.images.astype(float) - smooth.images).mean()) == pytest.approx(3.9, abs=0.1)


def test_full_tiles_are_not_resized(root: Path) -> None:
    assert opened(root, replace(SMALL, tiles="full")).content.test.maps.shape == (2, 40, 60)


def test_the_reference_is_tested_on_the_validation_split(root: Path) -> None:
    shutil.rmtree(root / "test")
    protocol = replace(VARIANTS["reference"], crop=32, size=32)
    assert set(opened(root, protocol).fingerprints) == {"train", "valid"}
    with pytest.raises(DataError, match=r"data has no split test\. Expected train/, .* holds train, valid"):
        opened(root)


def test_the_identity_is_that_of_the_files(root: Path) -> None:
    before = opened(root).fingerprints
    moved = root.parent / "elsewhere" / "data"
    shutil.copytree(root, moved)
    assert opened(moved).fingerprints == before
    Image.fromarray(np.full((40, 60), 200, np.uint8)).save(moved / "test" / "map" / "0.tif")
    after = opened(moved).fingerprints
    assert [name for name in before if before[name] != after[name]] == ["test"]


def damage_nothing_there(root: Path) -> None:
    for file in (root / "valid" / "sat").iterdir():
        file.unlink()


def damage_no_map(root: Path) -> None:
    (root / "train" / "map" / "1.tif").unlink()


def damage_no_image(root: Path) -> None:
    (root / "train" / "sat" / "1.tiff").unlink()


def damage_two_of_a_name(root: Path) -> None:
    Image.new("L", (60, 40)).save(root / "train" / "map" / "1.png")


def damage_other_size(root: Path) -> None:
    Image.new("RGB", (50, 40)).save(root / "train" / "sat" / "1.tiff")


def damage_map_of_other_size(root: Path) -> None:
    Image.new("L", (60, 41)).save(root / "train" / "map" / "1.tif")


def damage_no_road(root: Path) -> None:
    write_split(root, "train", road=1)


def damage_cut_short(root: Path) -> None:
    file = root / "test" / "sat" / "0.tiff"
    file.write_bytes(file.read_bytes()[:200])


def damage_folder_missing(root: Path) -> None:
    shutil.rmtree(root / "valid" / "map")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damage_nothing_there, r"valid/sat has no images in it"),
        (damage_no_map, r"train has 1 files without map: 1\. Add what is missing"),
        (damage_no_image, r"train has 1 files without image: 1"),
        (damage_two_of_a_name, r"train/map has two files of one name with different endings"),
        (damage_other_size, r"Expected a row of shape \(40, 60, 3\) .*, got \(40, 50, 3\) from .*1\.tiff\."),
        (damage_map_of_other_size, r"Expected a row of shape \(40, 60\) .*, got \(41, 60\) from .*1\.tif\."),
        (damage_no_road, r"Expected maps with 255 .* got none with a road in .*train/map: the brightest pixel is 1\."),
        (damage_cut_short, r"0\.tiff is not a readable image"),
        (damage_folder_missing, r"valid/map is missing"),
    ],
)
def test_what_is_wrong_is_named(root: Path, damage: Any, sentence: str) -> None:
    damage(root)
    with pytest.raises(DataError, match=sentence):
        opened(root)


def test_tiles_smaller_than_a_crop(root: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"Expected tiles of 48 x 48 pixels or more, the size of crops, got 60 x 40 in .*--set crop=32\.",
    ):
        opened(root, replace(SMALL, crop=48))


def test_tiles_smaller_than_any_crop(root: Path) -> None:
    for split in ("train", "valid", "test"):
        shutil.rmtree(root / split)
        write_split(root, split, size=(30, 12))
    with pytest.raises(DataError, match=r"got 30 x 12 in .*Use larger tiles\.$"):
        opened(root)


def test_a_tile_without_roads_is_no_mistake(root: Path) -> None:
    Image.new("L", (60, 40)).save(root / "train" / "map" / "0.tif")
    assert opened(root).content.train.maps[0].max() == 0


def test_gray_maps_are_noted(root: Path) -> None:
    assert not any("gray" in note for note in opened(root).notes)
    Image.fromarray(np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))).save(root / "train" / "map" / "0.tif")
    (note,) = (note for note in opened(root).notes if "gray" in note)
    assert note.startswith("37% of the pixels"), "44 of 60 columns of one map of two lie between the limits"
    assert "0 and 255 were expected" in note


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent is not a folder"):
        find_split(tmp_path / "absent", "train")


def test_what_the_published_implementation_does_otherwise() -> None:
    reference = VARIANTS["reference"]
    differing = {name for name in as_dict(PAPER) if getattr(reference, name) != getattr(PAPER, name)}
    assert differing == {
        *("k_train", "keeps", "split", "normalization", "transform_input"),
        *("loss_mode", "train_tiles", "antialias", "test_mode"),
    }
    assert (reference.loss_mode, reference.train_tiles, reference.crop) == ("train", "crop", 224)
    assert (reference.antialias, reference.test_mode) == (False, "train")
    assert (reference.k_train, reference.k_test, reference.split, reference.keeps) == (1, 3, "valid", "bce")
    assert (PAPER.k_train, PAPER.k_test, PAPER.split) == (3, 3, "test")


@pytest.mark.parametrize(
    "change",
    [
        {"k_train": 0},
        {"crop": 100},
        {"size": 8},
        {"mu": -1.0},
        {"threshold": 1.5},
        {"flip": float("nan")},
        {"split": "train"},
        {"tiles": "half"},
        {"train_tiles": "full"},
        {"test_mode": "test"},
        {"loss_mode": "off"},
        {"keeps": "psnr"},
        {"lr": 0.0},
    ],
    ids=str,
)
def test_values_that_no_run_could_honor(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(PAPER, **change)


class TestSample:
    """Drawn roads."""

    def test_the_same_bytes_again(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            write_sample(tmp_path / name)
        files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.png"))
        assert len(files) == 2 * sum(COUNTS.values())
        for file in files:
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()

    def test_is_in_the_layout_and_made_once(self, tmp_path: Path) -> None:
        folder = sample_folder(tmp_path)
        assert {name: len(find_split(folder, name).images) for name in COUNTS} == COUNTS
        before = (folder / "README.txt").stat().st_mtime_ns
        assert sample_folder(tmp_path) == folder
        assert (folder / "README.txt").stat().st_mtime_ns == before

    def test_roads_can_be_seen_and_are_few(self) -> None:
        """On a road the image is grayer and brighter than beside it."""
        for seed in range(6):
            image, roads = draw_tile(np.random.default_rng(seed))
            assert image.size == roads.size == (SIDE, SIDE)
            pixels, mask = np.asarray(image, np.float64), np.asarray(roads) > 127
            assert 0.02 < mask.mean() < 0.45
            assert pixels[mask].mean() > pixels[~mask].mean() + 20

    def test_its_note_says_what_it_is(self, tmp_path: Path) -> None:
        assert open_data(opening_context(VARIANTS["sample"], tmp_path, sample=True)).notes == (NOTE,)


class TestListing:
    """The pages of the Massachusetts Roads Dataset."""

    def fetch(self, folder: Path, skip: str = "", odd: str = "") -> Any:
        """Pages of the published form; ``skip`` leaves one file of a page out, ``odd`` renames one."""

        def fetched(file: RemoteFile) -> Path:
            split, kind = file.url.split("/")[-3:-1]
            ending = "tiff" if kind == "sat" else "tif"
            names = [f"{1000 + number}_15" for number in range(SPLITS[split])]
            names[0] = "odd_15" if odd == f"{split}/{kind}" else names[0]
            names = names[1:] if skip == f"{split}/{kind}" else names
            links = [f'<a href="{SERVER}/{split}/{kind}/{name}.{ending}">{name}.{ending}</a><br>' for name in names]
            page = folder / file.path
            page.write_text("\n".join(["<html><body>", '<a href="../">up</a>', *links]))
            return page

        return fetched

    def test_every_tile_and_its_map(self, tmp_path: Path) -> None:
        files = list_tiles(self.fetch(tmp_path))
        assert len(files) == 2 * sum(SPLITS.values()) == 2 * 1171
        assert len({file.path for file in files}) == len(files)
        first = files[0]
        assert first.path == "train/sat/1000_15.tiff"
        assert first.url == f"{SERVER}/train/sat/1000_15.tiff"
        assert {file.path.split("/")[1] for file in files} == set(KINDS)
        assert sum(file.size for file in files) == pytest.approx(MRD.size, rel=0.02), "what is said beforehand"

    def test_a_page_that_came_incomplete(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"Expected a list of 14 files, got 13: .*valid/map/index\.html"):
            list_tiles(self.fetch(tmp_path, skip="valid/map"))

    def test_an_image_without_a_map(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="images without maps, or maps without images: 1000_15, odd_15"):
            list_tiles(self.fetch(tmp_path, odd="test/sat"))


def test_the_cracks_are_in_the_layout(real_data: RealData, tmp_path: Path) -> None:
    """Real images with real masks, named as the tiles of the dataset are."""
    protocol = replace(PAPER, train_tiles="crop", crop=128)
    data = open_data(opening_context(protocol, tmp_path, real_data("cracks"))).content
    assert data.train.images.shape == (80, 320, 480, 3)
    assert (len(data.valid.names), len(data.test.names)) == (10, 28)
    assert 0.01 < (data.train.maps > 127).mean() < 0.03
    dark = data.train.images.mean(-1)
    assert dark[data.train.maps > 127].mean() < dark[data.train.maps <= 127].mean() - 5, "cracks are dark: aligned"


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 1), (8, 3)])
def test_photographs_that_are_stored_turned_fit_their_maps(root: Path, orientation: int, turns: int) -> None:
    """A camera stores what it saw and says which side is up; maps are drawn on what is displayed."""
    upright = opened(root).content.train
    for number in range(2):
        path = root / "train" / "sat" / f"{number}.tiff"
        pixels = np.asarray(Image.open(path))
        exif = Image.Exif()
        exif[274] = orientation
        path.unlink()
        Image.fromarray(np.rot90(pixels, turns).copy()).save(path.with_suffix(".png"), exif=exif)
    turned = opened(root).content.train
    np.testing.assert_array_equal(turned.images, upright.images)
    np.testing.assert_array_equal(turned.maps, upright.maps)


def test_names_of_images_and_maps_may_be_stored_differently(root: Path) -> None:
    (root / "train" / "sat" / "0.tiff").rename(root / "train" / "sat" / "stra\u00dfe\u00e4.tiff")
    (root / "train" / "map" / "0.tif").rename(root / "train" / "map" / "stra\u00dfea\u0308.tif")
    assert find_split(root, "train").stems == ("1", "stra\u00dfe\u00e4")
