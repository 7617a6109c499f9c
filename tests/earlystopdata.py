"""Small labelled images and human judgments for the tests of lnkit-earlystop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers import write_judged_family
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("blue", "green", "red")


def image(label: int, number: int, side: int = 32) -> NDArray[np.uint8]:
    """Noise that is brighter in the channel of its class, so that it can be learned in a few steps."""
    rng = np.random.default_rng([label, number])
    pixels = rng.integers(0, 128, (side, side, 3))
    pixels[..., 2 - label] += 100
    return pixels.astype(np.uint8)


def make_folders(root: Path, train: int = 12, validation: int = 4, side: int = 32) -> Path:
    """Folders of classes, with PNGs so that pixels stay what they are."""
    for split, count, start in (("train", train, 0), ("val", validation, 1000)):
        for label, name in enumerate(CLASSES):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                Image.fromarray(image(label, start + number, side)).save(root / split / name / f"{number:03d}.png")
    return root


def make_tiny_imagenet(root: Path, train: int = 12, validation: int = 4) -> Path:
    """The same images as Tiny ImageNet lies about."""
    rows = []
    for label, name in enumerate(CLASSES):
        (root / "train" / name / "images").mkdir(parents=True)
        for number in range(train):
            Image.fromarray(image(label, number)).save(root / "train" / name / "images" / f"{name}_{number:03d}.png")
    (root / "val" / "images").mkdir(parents=True)
    for label, name in enumerate(CLASSES):
        for number in range(validation):
            file = f"val_{label}{number:03d}.png"
            Image.fromarray(image(label, 1000 + number)).save(root / "val" / "images" / file)
            rows.append(f"{file}\t{name}\t0\t0\t31\t31")
    (root / "val" / "val_annotations.txt").write_text("\n".join(rows[::-1]) + "\n")
    return root


def make_batches(root: Path, train: int = 12, validation: int = 4) -> Path:
    """The same images as downsampled ImageNet's batches, the classes in two files."""
    root.mkdir(parents=True)

    def write(name: str, items: list[tuple[int, int]]) -> None:
        data = np.stack([image(label, number).transpose(2, 0, 1).reshape(-1) for label, number in items])
        np.savez(root / name, data=data, labels=np.array([label + 1 for label, _ in items]), mean=np.zeros(3))

    everything = [(label, number) for label in range(3) for number in range(train)]
    write("train_data_batch_1.npz", everything[: 2 * train])
    write("train_data_batch_2.npz", everything[2 * train :])
    write("val_data.npz", [(label, 1000 + number) for label in range(3) for number in range(validation)])
    return root


def make_judgments(root: Path, rows: int = 6, side: int = 64) -> Path:
    """Triplets in BAPPS's layout: one patch has a little noise, the other much, and people prefer the former."""
    rng = np.random.default_rng(0)
    triplets = []
    for row in range(rows):
        reference = rng.integers(60, 196, (side, side, 3))
        near, far = (reference + rng.normal(0, deviation, reference.shape) for deviation in (5, 40))
        triplets.append((reference, far, near) if row % 2 else (reference, near, far))
    return write_judged_family(
        root, "2afc", "noise", np.stack(triplets).clip(0, 255).astype(np.uint8), np.arange(rows) % 2
    )
