"""Labelled images in three layouts, recipes, and what happens to images in training."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from earlystopdata import CLASSES, make_batches, make_folders, make_tiny_imagenet
from realdata import RealData
from scipy import special, stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

import lnkit
from lnkit.datasets.image_folder import batch_files
from lnkit.datasets.labelled import LabelledData, open_labelled
from lnkit.progress import SilentProgress
from lnkit_earlystop.augmentation import add_noise, enlarge_center, normalize, random_crops, random_mirrors
from lnkit_earlystop.class_selection import choose_classes, with_classes
from lnkit_earlystop.networks.architecture import parse
from lnkit_earlystop.recipes import RESNET
from lnkit_earlystop.task import ClassifierTask, TrainingPlan


def opened(source: Path, tmp_path: Path, resolution: int = 32) -> LabelledData:
    return open_labelled(source, resolution, tmp_path / "cache", SilentProgress())


def test_all_layouts_give_the_same(tmp_path: Path) -> None:
    folders = opened(make_folders(tmp_path / "folders"), tmp_path)
    tiny = opened(make_tiny_imagenet(tmp_path / "tiny"), tmp_path)
    batches = opened(make_batches(tmp_path / "batches"), tmp_path)
    assert folders.classes == tiny.classes == CLASSES
    for other in (tiny, batches):
        for ours, theirs in ((folders.train, other.train), (folders.validation, other.validation)):
            np.testing.assert_array_equal(ours.images, theirs.images)
            np.testing.assert_array_equal(ours.labels, theirs.labels)


def test_batches_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = [f"train_data_batch_{number}.npz" for number in (1, 2, 10)]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in batch_files(tmp_path)[0]] == names


def test_an_archive_will_do(tmp_path: Path) -> None:
    make_folders(tmp_path / "archived" / "inner")
    file = shutil.make_archive(str(tmp_path / "data"), "zip", tmp_path / "archived")
    found = opened(Path(file), tmp_path)
    assert len(found.train) == 36
    assert opened(Path(file), tmp_path).sha256 == found.sha256


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_text("no archive")
    with pytest.raises(lnkit.DataError, match=r"data\.zip is no archive that can be unpacked"):
        opened(tmp_path / "data.zip", tmp_path)


@pytest.mark.exhaustive  # 33,000 images through the path of the other tests
def test_real_images_have_their_classes(real_data: RealData, home: Path) -> None:
    found = open_labelled(real_data("tiny_imagenet_60.zip"), 64, home / "cache", SilentProgress())
    assert (found.train.images.shape, found.validation.images.shape) == ((30_000, 64, 64, 3), (3_000, 64, 64, 3))
    assert np.bincount(found.train.labels).tolist() == [500] * 60
    assert np.bincount(found.validation.labels).tolist() == [50] * 60


def test_fingerprints_depend_on_pixels_and_classes(tmp_path: Path) -> None:
    first = opened(make_folders(tmp_path / "a"), tmp_path).sha256
    assert opened(make_folders(tmp_path / "b"), tmp_path).sha256 == first
    moved = make_folders(tmp_path / "c")
    (moved / "train/blue/000.png").rename(moved / "train/green/new.png")
    assert opened(moved, tmp_path).sha256 != first


def empty_class(root: Path) -> None:
    shutil.rmtree(root / "train/green")
    (root / "train/green").mkdir()


def one_class(root: Path) -> None:
    for name in ("green", "red"):
        shutil.rmtree(root / "train" / name)


def no_validation(root: Path) -> None:
    shutil.rmtree(root / "val")


def damaged_image(root: Path) -> None:
    file = root / "train/red/003.png"
    file.write_bytes(file.read_bytes()[:60])


def strange_annotations(root: Path) -> None:
    (root / "val/val_annotations.txt").write_text("no table\n")


def foreign_annotations(root: Path) -> None:
    (root / "val/val_annotations.txt").write_text("a.png\tzebra\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (empty_class, "green.* has no images"),
        (one_class, "1 folders of classes; expected two"),
        (no_validation, "no images for validation"),
        (damaged_image, "003.png"),
        (strange_annotations, "Line 1"),
        (foreign_annotations, "names no image of the classes"),
    ],
)
def test_faults_are_named(spoil, said: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    root = make_folders(tmp_path / "data")
    spoil(root)
    with pytest.raises(lnkit.DataError, match=said):
        opened(root, tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"data": np.zeros((2, 3 * 32 * 32), np.uint8)}, "holds data"),
        ({"data": np.zeros((2, 100), np.uint8), "labels": np.ones(2)}, "`data` "),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": np.zeros(2)}, "a label of 0"),
        ({"data": np.array([{}, {}], dtype=object), "labels": np.ones(2)}, "is damaged"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": np.full(2, 1.5)}, "`labels` of float64"),
    ],
)
def test_faults_of_batches_are_named(content: dict[str, np.ndarray], said: str, tmp_path: Path) -> None:
    root = make_batches(tmp_path / "data")
    np.savez(root / "val_data.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(lnkit.DataError, match=said):
        opened(root, tmp_path)


def test_batches_of_another_resolution(tmp_path: Path) -> None:
    with pytest.raises(lnkit.DataError, match="32 pixels a side, and the network is made for 64"):
        opened(make_batches(tmp_path / "data"), tmp_path, 64)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(lnkit.DataError, match="There is no folder"):
        opened(tmp_path / "nowhere", tmp_path)


def test_fewer_classes(tmp_path: Path) -> None:
    data = opened(make_folders(tmp_path / "data"), tmp_path)
    assert choose_classes(data.classes, 2, "top", 0, ("red", "blue", "green")) == ("blue", "red")
    assert choose_classes(data.classes, 2, "bottom", 0, ("red", "blue", "green")) == ("blue", "green")
    assert choose_classes(data.classes, 2, "random", 1) == choose_classes(data.classes, 2, "random", 1)
    fewer = with_classes(data, ("blue", "red"))
    np.testing.assert_array_equal(fewer.train.images[12:], data.train.images[24:])
    assert fewer.train.labels.tolist() == [0] * 12 + [1] * 12
    for count, way in ((4, "random"), (1, "random"), (2, "top")):
        with pytest.raises(lnkit.UsageError):
            choose_classes(data.classes, count, way, 0)


def test_crops_are_shifts() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
    cropped = random_crops(images, np.random.default_rng(3))
    for before, after in zip(images, cropped, strict=True):
        padded = functional.pad(torch.from_numpy(before).permute(2, 0, 1), [4, 4, 4, 4], padding_mode="reflect")
        found = torch.from_numpy(after).permute(2, 0, 1)
        places = [(top, left) for top in range(9) for left in range(9)]
        assert any(torch.equal(functional.crop(padded, top, left, 32, 32), found) for top, left in places)


def test_half_of_the_images_are_mirrored() -> None:
    images = np.random.default_rng(0).integers(0, 256, (200, 32, 32, 3), dtype=np.uint8)
    straight = mirrored = 0
    for before, after in zip(images, random_mirrors(images, np.random.default_rng(3)), strict=True):
        straight += np.array_equal(before, after)
        mirrored += np.array_equal(np.fliplr(before), after)
    assert straight + mirrored == 200
    assert 70 <= mirrored <= 130


def loaded(data: LabelledData, central_crop: float | None) -> torch.Tensor:
    plan = TrainingPlan(parse("resnet3_32"), replace(RESNET, central_crop=central_crop), 36, 1, 0)
    task = ClassifierTask(plan, data, torch.device("cpu"), lambda *_: None)  # type: ignore[arg-type, return-value]
    return task.load(np.arange(36), np.random.default_rng(0))["images"].permute(0, 2, 3, 1)


def test_a_central_crop_takes_the_place_of_random_crops(tmp_path: Path) -> None:
    """Kumar2022, section 6: random crops are replaced; flips stay."""
    data = opened(make_folders(tmp_path / "data"), tmp_path)
    originals = list(torch.tensor(data.train.images[:36]))
    for fraction in (1.0, 0.5):
        images = loaded(data, fraction)
        straight = [torch.equal(image, before) for image, before in zip(images, originals, strict=True)]
        mirrored = [torch.equal(image, before.flip(1)) for image, before in zip(images, originals, strict=True)]
        assert all(one or other for one, other in zip(straight, mirrored, strict=True))
        assert 8 <= sum(mirrored) <= 28
    shifted = [
        not torch.equal(image, before) and not torch.equal(image, before.flip(1))
        for image, before in zip(loaded(data, None), originals, strict=True)
    ]
    assert sum(shifted) >= 30


def test_images_are_normalized_as_torchvision_does() -> None:
    images = torch.rand(2, 3, 8, 8)
    expected = v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(images)
    torch.testing.assert_close(normalize(images), expected)


def test_the_central_part_is_what_remains() -> None:
    images = torch.rand(1, 3, 64, 64)
    assert enlarge_center(images, 1.0) is enlarge_center(images, None) is images
    expected = functional.resize(functional.center_crop(images, [32, 32]), [64, 64], antialias=False)
    torch.testing.assert_close(enlarge_center(images, 0.5), expected)


def test_noise_is_that_of_kumar2022() -> None:
    """App. G: a deviation from U(0, s) for each image, noise truncated between 0 and 1, added to the image."""
    torch.manual_seed(0)
    images = torch.full((2000, 3, 16, 16), 0.25)
    noise = (add_noise(images, 0.2) - images).flatten(1).double().numpy()
    assert noise.min() >= 0
    assert (noise == 0).mean() == pytest.approx(0.5, abs=0.01)
    # The positive half of N(0, sigma) has the mean sigma * sqrt(2 / pi).
    deviations = np.array([row[row > 0].mean() for row in noise]) * np.sqrt(np.pi / 2)
    assert stats.kstest(deviations, stats.uniform(0, 0.2).cdf).pvalue > 0.01
    strong = add_noise(images, 1.0) - images
    assert 0.9 < float(strong.max()) <= 1.0 + 1e-6  # cut off
    beyond_1 = stats.norm.sf(1) - special.exp1(0.5) / np.sqrt(8 * np.pi)  # mean over sigma of P(N(0, sigma) > 1)
    assert float((strong > 1 - 1e-6).double().mean()) == pytest.approx(beyond_1, abs=0.003)
    assert float(add_noise(images, 1.0).max()) > 1  # sums are left as they are
    assert add_noise(images, 0.0) is images
