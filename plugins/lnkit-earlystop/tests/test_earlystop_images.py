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
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

import lnkit
from lnkit.datasets.image_folder import batch_files
from lnkit.datasets.labelled import LabelledData, open_labelled
from lnkit.progress import SilentProgress
from lnkit_earlystop.augmentation import add_noise, enlarge_center, normalize, random_crops
from lnkit_earlystop.class_selection import choose_classes, with_classes
from lnkit_earlystop.networks.architecture import parse
from lnkit_earlystop.recipes import RESNET, VIT_B_8, recipe_of


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
        ({"data": np.array([{}, {}], dtype=object), "labels": np.ones(2)}, "cannot be read"),
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


def test_lengths_are_those_of_k() -> None:
    epochs = [recipe_of(parse(name)).epochs for name in ("resnet6", "efficientnet_b0", "vit_b_8")]
    assert [round(value) for value in epochs] == [90, 350, 300]


def test_the_learning_rate_follows_the_batch() -> None:
    assert RESNET.peak(1024) == 0.1
    assert RESNET.peak(128) == pytest.approx(0.0125)


def test_steps_fall_where_torchs_fall() -> None:
    recipe, steps = replace(RESNET, warmup=0.0), 90
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 1.0)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60, 80])
    for step in range(steps):
        assert recipe.factor(step, steps) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()


def test_a_cosine_after_a_warm_up() -> None:
    factors = [VIT_B_8.factor(step, 93_834) for step in range(93_834)]
    assert factors[9_999] == pytest.approx(1.0)
    assert factors[4_999] == pytest.approx(0.5)
    assert factors[(93_834 + 10_000) // 2] == pytest.approx(0.5)
    assert 0 < factors[-1] < 1e-8


def test_crops_are_shifts_and_mirror_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
    cropped = random_crops(images, np.random.default_rng(3))
    mirrored = 0
    for before, after in zip(images, cropped, strict=True):
        padded = functional.pad(torch.from_numpy(before).permute(2, 0, 1), [4, 4, 4, 4], padding_mode="reflect")
        found = torch.from_numpy(after).permute(2, 0, 1)
        places = [(top, left) for top in range(9) for left in range(9)]
        crops = [functional.crop(padded, top, left, 32, 32) for top, left in places]
        straight = any(torch.equal(crop, found) for crop in crops)
        assert straight or any(torch.equal(functional.horizontal_flip(crop), found) for crop in crops)
        mirrored += not straight
    assert 15 <= mirrored <= 35


def test_images_are_normalized_as_torchvision_does() -> None:
    images = torch.rand(2, 3, 8, 8)
    expected = v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(images)
    torch.testing.assert_close(normalize(images), expected)


def test_the_central_part_is_what_remains() -> None:
    images = torch.rand(1, 3, 64, 64)
    assert enlarge_center(images, 1.0) is images
    expected = functional.resize(functional.center_crop(images, [32, 32]), [64, 64], antialias=False)
    torch.testing.assert_close(enlarge_center(images, 0.5), expected)


def test_noise_has_its_deviation() -> None:
    torch.manual_seed(0)
    images = torch.full((4, 3, 64, 64), 0.5)
    assert float((add_noise(images, 0.1) - images).std()) == pytest.approx(0.1, rel=0.02)
    assert add_noise(images, 0.0) is images
