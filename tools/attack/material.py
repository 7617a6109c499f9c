"""Small data, networks and archives that the attacks start from."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NETWORK = "attacked:build"
MODULE = """
import torch
from torch import nn


def build(pretrained=True):
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU())
    torch.random.set_rng_state(state)
    return network
"""
EVAL = ("eval", "--backbone", NETWORK, "--engine", "eager")


def make(folder: Path) -> None:
    """Write everything below a folder: ``work`` (a working folder), ``bapps``, ``classes`` and ``photographs.tar``."""
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "attacked.py").write_text(MODULE, encoding="utf-8")
    make_judged(folder / "bapps")
    make_classes(folder / "classes")
    with tarfile.open(folder / "bapps.tar", "w") as archive:
        archive.add(folder / "bapps", "bapps")


def make_judged(root: Path, rows: int = 4, suffix: str = ".png") -> Path:
    """Write triplets and pairs in BAPPS's layout."""
    for part, columns, label in (("2afc", ("ref", "p0", "p1"), "judge"), ("jnd", ("p0", "p1"), "same")):
        family = root / part / "val" / "noise"
        for number, column in enumerate(columns):
            (family / column).mkdir(parents=True)
            for row in range(rows):
                Image.fromarray(noise(row, number)).save(family / column / f"{row:06d}{suffix}")
        (family / label).mkdir()
        for row in range(rows):
            np.save(family / label / f"{row:06d}.npy", np.array([row % 3 / 2], np.float32))
    return root


def make_classes(root: Path) -> Path:
    """Write images of three classes."""
    for split, count in (("train", 8), ("val", 4)):
        for label in range(3):
            folder = root / split / f"class{label}"
            folder.mkdir(parents=True)
            for row in range(count):
                Image.fromarray(noise(row, label, side=32)).save(folder / f"{row:03d}.png")
    return root


def noise(*seed: int, side: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)
