"""Data: the published files as torchvision reads them, folders of classes, what is refused, and the padding."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from realdata import RealData
from scipy.io import savemat
from torchvision.datasets import STL10, SVHN

from lnkit import BenchmarkData, DataError
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import run
from lnkit.progress import SilentProgress
from lnkit.training.images import evenly_spread
from lnkit_autoencoder import AUTOENCODER, run as running
from lnkit_autoencoder.checks import checked_labels, padding_for
from lnkit_autoencoder.data import open_data
from lnkit_autoencoder.images import Images, hold_out
from lnkit_autoencoder.protocol import PAPER
from lnkit_autoencoder.published import PUBLISHED

NUMBERS = {"train": 40, "test": 20, "extra": 30, "unlabeled": 30}


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def opened(root: Path | None, tmp_path: Path, **changes: Any) -> BenchmarkData:
    context: Any = SimpleNamespace(
        protocol=replace(PAPER, **changes),
        data=root,
        cache=tmp_path / "cache",
        sample=False,
        progress=SilentProgress(),
    )
    return open_data(context)


def test_declared_files_are_those_that_torchvision_knows() -> None:
    svhn, stl10 = AUTOENCODER.datasets
    assert {(file.url, file.path, file.md5) for file in svhn.files} == {tuple(row) for row in SVHN.split_list.values()}
    assert [(file.url, file.md5) for file in stl10.files] == [(STL10.url, STL10.tgz_md5)]
    assert sum(file.size for file in svhn.files) == 182_040_794 + 64_275_384 + 1_329_278_602
    assert stl10.files[0].size == 2_640_397_119
    assert all(file.exact for file in (*svhn.files, *stl10.files))


# Padding and choice


def test_padding_is_numpys_reflection() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    images = Images(pixels, pad=16)
    expected = np.pad(pixels, ((0, 0), (16, 16), (16, 16), (0, 0)), mode="reflect")
    found = images.take(np.array([2, 0]))
    assert found.shape == (2, 3, 64, 64)
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected[[2, 0]] / np.float32(255), rtol=1e-6)


def test_images_that_fit_are_not_padded() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    torch.testing.assert_close(
        Images(pixels, 0).take(np.arange(2)).permute(0, 2, 3, 1) * 255, torch.from_numpy(pixels).float()
    )


@pytest.mark.parametrize(
    ("side", "pad", "expected"), [(32, 16, 16), (64, 16, 0), (96, 16, 0), (48, 16, 16), (56, 4, 4)]
)
def test_only_what_needs_it_is_padded(side: int, pad: int, expected: int) -> None:
    assert padding_for(side, pad, "here") == expected


@pytest.mark.parametrize(("side", "pad"), [(28, 16), (33, 16), (32, 0), (32, 8), (72, 16), (16, 24)])
def test_sizes_that_do_not_fit_are_refused(side: int, pad: int) -> None:
    with pytest.raises(DataError, match=rf"{side} x {side} pixels"):
        padding_for(side, pad, "here")


def test_a_cut_split_keeps_the_shares_of_its_classes() -> None:
    labels = np.repeat(np.arange(10), 40)
    assert np.bincount(labels[evenly_spread(400, 100)]).tolist() == [10] * 10
    assert evenly_spread(5, 0).tolist() == evenly_spread(5, 9).tolist() == [0, 1, 2, 3, 4]


def test_what_is_held_out_is_drawn_from_the_seed() -> None:
    training, validation = hold_out(100, 0.2, (7, 1))
    assert sorted([*training, *validation]) == list(range(100))
    assert len(validation) == 20
    assert hold_out(100, 0.2, (7, 1))[1].tolist() == validation.tolist()
    assert hold_out(100, 0.2, (8, 1))[1].tolist() != validation.tolist()
    assert [len(part) for part in hold_out(2, 0.01, (0,))] == [1, 1]
    assert [len(part) for part in hold_out(2, 0.99, (0,))] == [1, 1]


# The published files


def write_svhn(root: Path, monkeypatch: pytest.MonkeyPatch, **labels: Any) -> dict[str, np.ndarray]:
    """Small files in the form of SVHN's, with checksums that fit."""
    root.mkdir(exist_ok=True)
    images, split_list = {}, {}
    for number, (split, (url, file, _)) in enumerate(SVHN.split_list.items()):
        draw = np.random.default_rng(number)
        images[split] = draw.integers(0, 256, (32, 32, 3, NUMBERS[split]), dtype=np.uint8)
        given = labels.get(split, np.arange(NUMBERS[split]) % 10 + 1)  # 10 stands for the digit 0
        savemat(root / file, {"X": images[split], "y": np.asarray(given, np.uint8)[:, None]})
        split_list[split] = [url, file, md5(root / file)]
    monkeypatch.setattr(SVHN, "split_list", split_list)
    return images


def write_stl10(root: Path, monkeypatch: pytest.MonkeyPatch, **labels: Any) -> dict[str, np.ndarray]:
    """Small files in the form of STL-10's: color planes, column by column."""
    folder = root / STL10.base_folder
    folder.mkdir(parents=True)
    images = {}
    for number, split in enumerate(("train", "unlabeled", "test")):
        draw = np.random.default_rng(number)
        images[split] = draw.integers(0, 256, (NUMBERS[split], 3, 96, 96), dtype=np.uint8)
        images[split].tofile(folder / f"{split}_X.bin")
        given = labels.get(split, np.arange(NUMBERS[split]) % 10 + 1)
        np.asarray(given, np.uint8).tofile(folder / f"{split}_y.bin")
    (folder / "unlabeled_y.bin").unlink()
    for name in ("train_list", "test_list"):
        files = [[file, md5(folder / file)] for file, _ in getattr(STL10, name)]
        monkeypatch.setattr(STL10, name, files)
    return images


def test_svhn_is_read_as_torchvision_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = write_svhn(tmp_path / "data", monkeypatch)
    found = opened(tmp_path / "data", tmp_path, datasets="svhn")
    (data,) = found.content
    assert (data.name, data.pad, data.side) == ("svhn", 16, 64)
    np.testing.assert_array_equal(data.unlabeled, images["extra"].transpose(3, 0, 1, 2))
    np.testing.assert_array_equal(data.train, images["train"].transpose(3, 0, 1, 2))
    np.testing.assert_array_equal(data.test, images["test"].transpose(3, 0, 1, 2))
    assert data.test_labels.tolist() == (np.arange(1, 21) % 10).tolist()  # the digit 0 is class 0
    assert set(found.fingerprints) == {"svhn"}


def test_stl10_is_read_as_torchvision_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = write_stl10(tmp_path / "data", monkeypatch)
    (data,) = opened(tmp_path / "data", tmp_path, datasets="stl10").content
    assert (data.name, data.pad, data.side) == ("stl10", 0, 96)
    np.testing.assert_array_equal(data.unlabeled, images["unlabeled"].transpose(0, 3, 2, 1))
    np.testing.assert_array_equal(data.train, images["train"].transpose(0, 3, 2, 1))
    assert data.train_labels.tolist() == (np.arange(40) % 10).tolist()


def test_both_are_found_and_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    write_svhn(root, monkeypatch)
    write_stl10(root, monkeypatch)
    first = opened(root, tmp_path)
    assert [data.name for data in first.content] == ["svhn", "stl10"]
    monkeypatch.setattr(SVHN, "__init__", None)  # nobody reads anything again
    monkeypatch.setattr(STL10, "__init__", None)
    again = opened(root, tmp_path)
    assert again.fingerprints == first.fingerprints
    np.testing.assert_array_equal(again.content[0].train, first.content[0].train)


def test_a_run_scores_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    write_svhn(root, monkeypatch)
    write_stl10(root, monkeypatch)
    monkeypatch.setattr(running, "HIDDEN_LAYERS", ((),))
    small = {"epochs": "1", "mlp_epochs": "1", "batch_size": "16", "mlp_batch_size": "16", "test_images": "10"}
    request = RunRequest("pixel", bench="autoencoder", data=root, device="cpu", overrides=small, results=tmp_path / "r")
    (done,) = run(request, progress=SilentProgress())
    assert {name: score.n for name, score in done.record.scores.items()} == {"svhn_accuracy": 10, "stl10_accuracy": 10}
    for name in ("svhn", "stl10"):
        assert (done.folder / f"{name}-reconstructions.png").is_file()
        assert (done.folder / f"{name}-mlp-linear" / "network.safetensors").is_file()
    assert set(done.record.key.data) == {"svhn", "stl10"}


def test_one_of_the_two_is_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_svhn(tmp_path / "data", monkeypatch)
    assert opened(tmp_path / "data", tmp_path).notes == ("absent: stl10 is not in data",)


def test_a_missing_split_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_svhn(tmp_path / "data", monkeypatch)
    (tmp_path / "data" / "extra_32x32.mat").unlink()
    with pytest.raises(DataError, match=r"extra_32x32\.mat is missing"):
        opened(tmp_path / "data", tmp_path)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_svhn(tmp_path / "data", monkeypatch)
    with (tmp_path / "data" / "train_32x32.mat").open("ab") as file:
        file.write(b"more")
    with pytest.raises(DataError, match=r"Expected the published files, got another checksum: .*train_32x32\.mat"):
        opened(tmp_path / "data", tmp_path)


def test_a_damaged_mat_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_svhn(tmp_path / "data", monkeypatch)
    file = tmp_path / "data" / "test_32x32.mat"
    file.write_bytes(file.read_bytes()[:5000])
    split_list = {**SVHN.split_list, "test": [*SVHN.split_list["test"][:2], md5(file)]}
    monkeypatch.setattr(SVHN, "split_list", split_list)
    with pytest.raises(DataError, match=r"test_32x32\.mat cannot be read and is damaged"):
        opened(tmp_path / "data", tmp_path)


def test_a_bin_file_of_another_length_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stl10(tmp_path / "data", monkeypatch)
    file = tmp_path / "data" / "stl10_binary" / "train_X.bin"
    file.write_bytes(file.read_bytes()[:-100])
    train = [["train_X.bin", md5(file)], *STL10.train_list[1:]]
    monkeypatch.setattr(STL10, "train_list", train)
    with pytest.raises(DataError, match=r"train_X\.bin or .* cannot be read and is damaged"):
        opened(tmp_path / "data", tmp_path)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.full(40, 12), "Expected labels from 0 to 9, got 12: "),
        (np.ones(40), "got none of '0': "),
        (np.arange(39) % 10 + 1, "Expected one label for each of 40 images, got 39: "),
    ],
)
def test_labels_that_are_not_svhns_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: np.ndarray, said: str
) -> None:
    write_svhn(tmp_path / "data", monkeypatch, train=labels)
    with pytest.raises(DataError, match=said):
        opened(tmp_path / "data", tmp_path)


def test_a_label_below_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision takes 1 away from 8-bit labels, so that 0 becomes 255."""
    write_stl10(tmp_path / "data", monkeypatch, test=np.arange(20) % 11)
    with pytest.raises(DataError, match="got 255: "):
        opened(tmp_path / "data", tmp_path)


@pytest.mark.parametrize("label", [-1, 2, 0.5])
def test_labels_are_whole_numbers_of_classes(label: float) -> None:
    with pytest.raises(DataError, match=f"Expected labels from 0 to 1, got {label:g}: "):
        checked_labels([0, 1, label], 3, ("a", "b"), "here")
    assert checked_labels([0.0, 1.0], 2, ("a", "b"), "here").dtype == np.int64


def test_classes_of_stl10_are_those_of_its_archive() -> None:
    assert len(PUBLISHED["stl10"]().classes) == len(PUBLISHED["svhn"]().classes) == 10


# Folders of classes


def write_folders(root: Path, side: int = 32, splits: tuple[str, ...] = ("train", "test")) -> Path:
    draw = np.random.default_rng(0)
    for split in splits:
        for name in ("cat", "dog"):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = draw.integers(0, 256, (side, side, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


def test_folders_are_classes(tmp_path: Path) -> None:
    root = write_folders(tmp_path / "mine")
    (root / "train" / "cat" / ".hidden.png").write_bytes(b"")
    found = opened(root, tmp_path)
    (data,) = found.content
    assert (data.name, data.classes, data.pad) == ("own", ("cat", "dog"), 16)
    assert data.train_labels.tolist() == data.test_labels.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(data.test[4], np.asarray(Image.open(root / "test" / "dog" / "1.png")))
    assert data.unlabeled is data.train
    assert set(found.fingerprints) == {"own/train", "own/test"}
    assert "there is no unlabeled/" in found.notes[0]


@pytest.mark.parametrize("name", ["unlabeled", "extra"])
def test_the_autoencoder_may_have_images_of_its_own(tmp_path: Path, name: str) -> None:
    root = write_folders(tmp_path / "mine", 64)
    folder = root / name / "deeper"
    folder.mkdir(parents=True)
    for place in (root / name / "a.png", folder / "b.png"):
        shutil.copy(root / "train" / "cat" / "0.png", place)
    found = opened(root, tmp_path)
    assert (len(found.content[0].unlabeled), found.content[0].pad, found.notes) == (2, 0, ())
    assert "own/unlabeled" in found.fingerprints


def test_gray_images_become_rgb(tmp_path: Path) -> None:
    root = write_folders(tmp_path / "mine")
    Image.open(root / "test" / "cat" / "0.png").convert("L").save(root / "test" / "cat" / "0.png")
    test = opened(root, tmp_path).content[0].test
    assert test.shape == (6, 32, 32, 3)
    assert np.ptp(test[0], axis=2).max() == 0


def break_size(root: Path) -> None:
    Image.new("RGB", (40, 40)).save(root / "test" / "cat" / "1.png")


def break_shape(root: Path) -> None:
    Image.new("RGB", (40, 32)).save(root / "train" / "cat" / "0.png")


def break_image(root: Path) -> None:
    (root / "test" / "dog" / "1.png").write_bytes(b"no image")


def empty_class(root: Path) -> None:
    for file in (root / "train" / "dog").iterdir():
        file.unlink()


def one_class(root: Path) -> None:
    shutil.rmtree(root / "train" / "dog")


def other_class(root: Path) -> None:
    (root / "test" / "dog").rename(root / "test" / "cow")


def no_test(root: Path) -> None:
    shutil.rmtree(root / "test")


def empty_unlabeled(root: Path) -> None:
    (root / "unlabeled").mkdir()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (break_size, r"1\.png is 40 x 40 pixels, and the first image in train is 32 x 32"),
        (break_shape, r"Expected square images, but .*0\.png is 40 x 32 pixels"),
        (break_image, r"1\.png is not a readable image"),
        (empty_class, r"dog has no images in it .*Class 'dog' needs images"),
        (one_class, r"1 folders of classes"),
        (other_class, r"The class 'cow' is in .*test and not in .*train"),
        (no_test, r"test is missing"),
        (empty_unlabeled, r"unlabeled has no .png"),
    ],
)
def test_folders_that_do_not_fit_are_refused(tmp_path: Path, damage: Any, said: str) -> None:
    root = write_folders(tmp_path / "mine")
    damage(root)
    with pytest.raises(DataError, match=said):
        opened(root, tmp_path)


def test_sizes_that_the_network_cannot_take_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="28 x 28 pixels"):
        opened(write_folders(tmp_path / "mine", 28), tmp_path)


def test_a_folder_with_nothing_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="no data of this benchmark"):
        opened(tmp_path / "mine", tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        opened(tmp_path / "nowhere", tmp_path)


def test_real_photographs_in_folders_are_opened(real_data: RealData, home: Path) -> None:
    data = opened(real_data("labelled_32"), home).content[0]
    assert data.train.shape == (4000, 32, 32, 3)
    assert data.test.shape == (2000, 32, 32, 3)
    assert np.bincount(data.test_labels).tolist() == [200] * 10
    assert data.classes[0] == "airplane"
    first = np.asarray(Image.open(real_data("labelled_32") / "test" / "truck" / "0599.jpg").convert("RGB"))
    np.testing.assert_array_equal(data.test[-1], first)


def test_a_class_may_be_stored_differently_in_train_and_test(tmp_path: Path) -> None:
    root = write_folders(tmp_path / "mine")
    plain = opened(root, tmp_path).content[0]
    (root / "train" / "cat").rename(root / "train" / "c\u00e4t")
    (root / "test" / "cat").rename(root / "test" / "ca\u0308t")
    (root / "train" / "dog").rename(root / "train" / "zebra")
    (root / "test" / "dog").rename(root / "test" / "zebra")
    (found,) = opened(root, tmp_path).content
    assert found.classes == ("c\u00e4t", "zebra")
    np.testing.assert_array_equal(found.test, plain.test)
    np.testing.assert_array_equal(found.test_labels, plain.test_labels)
