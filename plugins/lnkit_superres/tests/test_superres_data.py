"""Finding and opening photographs and test sets: the sample, folders by hand, folders with every fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from torchvision import transforms

import lnkit_superres
from lnkit.benchmark import BenchmarkData
from lnkit.errors import DataError
from lnkit.progress import SilentProgress
from lnkit_superres.data import find_folders, open_data, partial_notes
from lnkit_superres.protocol import PAPER, VARIANTS, SuperresProtocol
from lnkit_superres.sample import NOTE, PARTS, sample_folder, write_sample

REFERENCE = VARIANTS["reference"]
SMALL = replace(PAPER, resize=96, size=80, train_images=5, valid_images=2)
SIZES = {"train": (130, 100), "valid": (100, 130), "SET5": (97, 110), "bsd100": (120, 81)}


def make_data(root: Path, counts: Mapping[str, int] | None = None) -> Path:
    draw = np.random.default_rng(0)
    for folder, count in (counts or {"train": 7, "valid": 2, "SET5": 5, "bsd100": 3}).items():
        (root / folder).mkdir(parents=True)
        width, height = SIZES[folder]
        for number in range(count):
            pixels = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{number:03d}.png")
    return root


def opened(
    tmp_path: Path, data: Path | None = None, protocol: SuperresProtocol = SMALL, sample: bool = False
) -> BenchmarkData:
    context: Any = SimpleNamespace(
        protocol=protocol, data=data, sample=sample, cache=tmp_path / "cache", progress=SilentProgress()
    )
    return open_data(context)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data")


def test_photographs_are_packed_for_every_factor(root: Path, tmp_path: Path) -> None:
    data = opened(tmp_path, root)
    train = data.content.train
    assert train.high.shape == (5, 80, 80, 3)
    assert {factor: low.shape for factor, low in train.low.items()} == {4: (5, 20, 20, 3), 8: (5, 10, 10, 3)}
    assert data.content.valid.high.shape == (2, 80, 80, 3)
    assert set(data.fingerprints) == {"train", "valid", "set5", "bsd100"}
    assert opened(tmp_path, root).fingerprints == data.fingerprints


def test_rows_belong_together(root: Path, tmp_path: Path) -> None:
    """Each reduced image is its own large image's, and no other's."""
    train = opened(tmp_path, root).content.train
    means = train.high.reshape(5, 20, 4, 20, 4, 3).mean((2, 4))
    errors = np.abs(train.low[4][:, None].astype(float) - means).mean((2, 3, 4))
    np.testing.assert_array_equal(errors.argmin(1), range(5))


@pytest.mark.parametrize("factor", [1, 4, 8])
def test_reference_trains_on_images_by_the_transforms_of_the_reference_code(
    root: Path, tmp_path: Path, factor: int
) -> None:
    """Bilinear for the large image, torchvision's default; bicubic for the small one, after the blur."""
    protocol = replace(REFERENCE, train_images=7, valid_images=2)
    train = opened(tmp_path, root, protocol).content.train
    image = Image.open(root / "train" / "003.png")
    resize = transforms.Resize(288)
    if factor > 1:
        image = image.filter(ImageFilter.GaussianBlur(radius=1))
        resize = transforms.Resize(288 // factor, interpolation=transforms.InterpolationMode.BICUBIC)
    expected = transforms.CenterCrop(288 // factor)(resize(image))
    np.testing.assert_array_equal((train.high if factor == 1 else train.low[factor])[3], np.asarray(expected))


def test_test_images_are_as_on_disk(root: Path, tmp_path: Path) -> None:
    test = opened(tmp_path, root).content.tests["set5"]
    assert test.names == ("000", "001", "002", "003", "004")
    np.testing.assert_array_equal(np.asarray(test.images[2]), np.asarray(Image.open(root / "SET5" / "002.png")))


def test_only_the_first_of_each_set_if_asked(root: Path, tmp_path: Path) -> None:
    tests = opened(tmp_path, root, replace(SMALL, test_per_set=2)).content.tests
    assert {name: len(test.names) for name, test in tests.items()} == {"set5": 2, "bsd100": 2}


def test_one_factor_needs_the_images_of_one(root: Path, tmp_path: Path) -> None:
    assert set(opened(tmp_path, root, replace(SMALL, factors="8")).content.train.low) == {8}


def test_what_is_partial_is_named(root: Path, tmp_path: Path) -> None:
    assert opened(tmp_path, root, replace(SMALL, valid_images=3)).notes == (
        "5 of 7 images to train on were drawn",
        "partial: 2 images to validate on, and the protocol takes 3",
        "absent: the test sets Set14",
        "partial: BSD100 has 3 images, and the official one has 100",
    )


def test_a_complete_set_has_nothing_to_note(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lnkit_superres.data.TEST_SETS", {"set5": 5, "bsd100": 3})
    assert partial_notes(find_folders(root), 7, 2) == ()


def test_gray_photographs_become_rgb(root: Path, tmp_path: Path) -> None:
    path = root / "train" / "000.png"
    Image.open(path).convert("L").save(path)
    high = opened(tmp_path, root, replace(SMALL, train_images=7)).content.train.high[0]
    np.testing.assert_array_equal(high[..., 0], high[..., 2])


def lose(folder: str) -> Callable[[Path], str]:
    def spoil(root: Path) -> str:
        (root / folder).rename(root / f"old {folder}")
        return rf"has no folder {folder}\. Expected train/ and valid/.* holds .*old {folder}"

    return spoil


def lose_all_tests(root: Path) -> str:
    for folder in ("SET5", "bsd100"):
        (root / folder).rename(root / f"{folder} old")
    return r"has no test set\. Expected train/"


def empty(root: Path) -> str:
    for path in (root / "valid").iterdir():
        path.rename(path.with_suffix(".txt"))
    return r"valid has no images in it"


def break_one(root: Path) -> str:
    path = root / "train" / "003.png"
    path.write_bytes(path.read_bytes()[:99])
    return r"train/003\.png is not a readable image"


def break_a_test_image(root: Path) -> str:
    (root / "SET5" / "003.png").write_bytes(b"")
    return r"SET5/003\.png is not a readable image"


def shrink(folder: str, size: tuple[int, int], least: int) -> Callable[[Path], str]:
    def spoil(root: Path) -> str:
        Image.new("RGB", size).save(root / folder / "001.png")
        return rf"Expected {least} pixels or more on each side, got {size[0]} x {size[1]}: .*{folder}/001\.png\."

    return spoil


def have_a_steering_name(root: Path) -> str:
    (root / "train" / "001.png").rename(root / "train" / "\x1b[31m.png")
    return "has characters that cannot be printed"


FAULTS = [
    lose("train"),
    lose("valid"),
    lose_all_tests,
    empty,
    break_one,
    break_a_test_image,
    shrink("train", (23, 200), 24),
    shrink("bsd100", (200, 79), 80),
    have_a_steering_name,
]


@pytest.mark.parametrize("spoil", FAULTS)
def test_faults_are_sentences(root: Path, tmp_path: Path, spoil: Callable[[Path], str]) -> None:
    sentence = spoil(root)
    with pytest.raises(DataError, match=sentence):
        opened(tmp_path, root, replace(SMALL, train_images=7))


def test_a_file_is_no_folder_of_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not a folder\. Expected train/"):
        opened(tmp_path, tmp_path / "nothing")


def test_small_test_images_do_where_they_are_reduced_less(root: Path, tmp_path: Path) -> None:
    Image.new("RGB", (41, 50)).save(root / "SET5" / "001.png")
    opened(tmp_path, root, replace(SMALL, factors="4"))


def test_the_sample_is_the_same_every_time_and_says_what_it_is(tmp_path: Path) -> None:
    folder = sample_folder(tmp_path / "cache")
    write_sample(tmp_path / "again")
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == sum(part.count for part in PARTS) + 1
    for file in files:
        assert (folder / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert opened(tmp_path, sample=True).notes == (NOTE,)


def test_nothing_of_the_sample_is_both_learned_and_tested(tmp_path: Path) -> None:
    """No row of pixels of a test image occurs in an image to train or validate on."""
    write_sample(tmp_path)

    def rows(folder: str) -> set[bytes]:
        found = set()
        for path in (tmp_path / folder).glob("*.png"):
            pixels = np.asarray(Image.open(path))
            found |= {pixels[y, x : x + 12].tobytes() for y in range(len(pixels)) for x in range(pixels.shape[1] - 11)}
        return {row for row in found if len(set(row)) > 12}  # flat black lies everywhere

    learned = rows("train") | rows("valid")
    for folder in ("Set5", "Set14", "BSD100"):
        assert not rows(folder) & learned
    assert not rows("train") & rows("valid")


def test_datasets_name_all_their_files() -> None:
    specs = {spec.name: spec for spec in lnkit_superres.SUPERRES.datasets}
    assert [file.path for file in specs["set5"].files] == [f"00{n}.png" for n in range(1, 6)]
    assert len(specs["set14"].files) == 14
    assert specs["coco-superres"].list_files is not None
    assert all(spec.license and spec.homepage for spec in specs.values())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"factors": "2"}, "'factors': expected one of 4, 8, 4\\+8"),
        ({"size": 100}, "'size': expected a multiple of 8 from 80, got 100"),
        ({"size": 296}, "'size': expected resize \\(288\\) or less, got 296"),
        ({"shave": 141}, "'shave': expected 140 or less, which leaves SSIM's window of 7 of 288 pixels, got 141"),
        ({"lr": 0.0}, "'lr': expected a value above 0, got 0.0"),
        ({"lr": float("nan")}, "'lr': expected a value above 0, got nan"),
        ({"blur": -1.0}, "'blur': expected 0 to 100, got -1"),
        ({"iterations": 0}, "'iterations': expected 1 or more, got 0"),
        ({"test_images": "half"}, "'test_images': expected one of full, crop, got 'half'"),
        ({"high_filter": "box"}, "'high_filter': expected one of bilinear, bicubic, got 'box'"),
        ({"validate_by": "ssim"}, "'validate_by': expected one of psnr, psnr_torchmetrics, got 'ssim'"),
        ({"alignment": "none"}, "'alignment': expected one of exact, whole, got 'none'"),
        ({"normalization": "mine"}, "'normalization': expected one of backbone, imagenet, lpips, none, got 'mine'"),
    ],
)
def test_protocols_that_no_run_could_honor(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(PAPER, **changes)


def test_what_the_variants_are() -> None:
    variants = lnkit_superres.SUPERRES.protocols
    assert list(variants) == ["paper", "reference", "quick", "sample"]
    paper, reference = variants["paper"], variants["reference"]
    assert (paper.residual_blocks, paper.iterations, paper.batch_size, paper.lr) == (5, 200_000, 4, 1e-3)
    assert (reference.residual_blocks, reference.normalization, reference.transform_input) == (4, "none", False)
    assert (paper.test_images, reference.test_images) == ("full", "crop")
    assert (reference.high_filter, reference.alignment, reference.validate_by) == (
        "bilinear",
        "whole",
        "psnr_torchmetrics",
    )
    assert len({protocol.signature() for protocol in variants.values()}) == 4


@pytest.mark.parametrize("change", [{"high_filter": "bicubic"}, {"validate_by": "psnr_torchmetrics"}])
def test_a_signature_says_what_changes_a_score(change: dict[str, Any]) -> None:
    assert replace(PAPER, **change).signature() != PAPER.signature()


def test_another_filter_is_packed_by_itself(root: Path, tmp_path: Path) -> None:
    """The large images differ and the small ones do not; both stay in the cache."""
    bilinear, bicubic, again = (
        opened(tmp_path, root, replace(SMALL, high_filter=name)).content.train
        for name in ("bilinear", "bicubic", "bilinear")
    )
    assert not np.array_equal(bilinear.high, bicubic.high)
    np.testing.assert_array_equal(bilinear.high, again.high)
    np.testing.assert_array_equal(bilinear.low[4], bicubic.low[4])
