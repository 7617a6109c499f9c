"""How real test data are made of their published originals: the names of the files to fetch, and a conversion.

``tests/real_data.toml`` names a recipe for each entry that can be made; the entry's checksum decides whether it worked.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# SqueezeNet 1.1 in the order of its graph, with torchvision's names.
FIRES = (3, 4, 6, 7, 9, 10, 11, 12)
PARTS = ("squeeze", "expand1x1", "expand3x3")
CONVOLUTIONS = ("features.0", *(f"features.{fire}.{part}" for fire in FIRES for part in PARTS), "classifier.1")

METRICS = ("alex_vanilla", "vgg_vanilla", "alex_shift_tolerant", "vgg_shift_tolerant")
FAMILIES = ("traditional", "cnn", "superres", "deblur", "color", "frameinterp")
COLUMNS = (1, 2, 4)  # of the published tables: the two distances and the judgment; 3 is the share of people who agree

TEST_SETS = {"Set5": 5, "Set14": 14, "BSD100": 100}
TRIPLET = ("ref", "p0", "p1")

WHOLE, PART = "tiny-imagenet-200", "tiny-imagenet-60"
CLASSES = 60


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an entry is made."""

    make: Callable[[Path, Path], None]  # (folder of the original files, file or folder to write)
    names: tuple[str, ...] = ()  # of the original files below the address; (): the address is the only file


def squeezenet(originals: Path, target: Path) -> None:
    """Rename the weights and biases of the ONNX model's 26 convolutions."""
    import onnx.numpy_helper  # noqa: PLC0415 - slow, and only this recipe needs it
    from safetensors.numpy import save_file  # noqa: PLC0415

    graph = onnx.load(originals / "squeezenet1.1-7.onnx").graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    inputs = [node.input for node in graph.node if node.op_type == "Conv"]
    tensors: dict[str, NDArray[Any]] = {}
    for (_, weight, bias), name in zip(inputs, CONVOLUTIONS, strict=True):
        tensors |= {f"{name}.weight": arrays[weight], f"{name}.bias": arrays[bias]}
    save_file(tensors, target)


def judgments(originals: Path, target: Path) -> None:
    """Collect the columns of the tables, one per metric and family, into arrays."""
    arrays: dict[str, NDArray[np.float32]] = {}
    for family in FAMILIES:
        for metric in METRICS:
            name = f"{family}/{metric}"
            table = np.loadtxt(originals / table_name(metric, family), np.float32, delimiter=",", usecols=COLUMNS)
            arrays |= dict(zip((f"{name}/d0", f"{name}/d1", f"{family}/judge"), table.T, strict=True))
    with target.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def table_name(metric: str, family: str) -> str:
    """Return the path of a published table."""
    return f"results/{metric}/twoAFC_model-{metric}_distortion-{family}.csv"


def lpips_example(originals: Path, target: Path) -> None:
    """Copy the triplet under shorter names."""
    target.mkdir()
    for name in TRIPLET:
        shutil.copyfile(originals / f"ex_{name}.png", target / f"{name}.png")


def superres(originals: Path, target: Path) -> None:
    """Copy the test images under their numbers."""
    for name, count in TEST_SETS.items():
        (target / name).mkdir(parents=True)
        for number in range(1, count + 1):
            shutil.copyfile(originals / image_name(name, number), target / name / f"{number:03d}.png")


def image_name(test_set: str, number: int) -> str:
    """Return the path of a test image whose sizes are even (cropped for a factor of 2)."""
    return f"{test_set}/image_SRF_2/img_{number:03d}_SRF_2_HR.png"


def tiny_imagenet(originals: Path, target: Path) -> None:
    """Copy the first 60 classes in the order of their names, without the boxes of training images."""
    with zipfile.ZipFile(originals / f"{WHOLE}.zip") as whole, zipfile.ZipFile(target, "w") as part:
        wnids = sorted(_lines(whole, "wnids.txt"))[:CLASSES]
        words = [line for line in _lines(whole, "words.txt") if line.split("\t")[0] in set(wnids)]
        labels = [line for line in _lines(whole, "val/val_annotations.txt") if line.split("\t")[1] in set(wnids)]
        for name, lines in (("wnids.txt", wnids), ("words.txt", words), ("val/val_annotations.txt", labels)):
            part.writestr(f"{PART}/{name}", "".join(f"{line}\n" for line in lines))
        folders = {f"{WHOLE}/train/{wnid}/images" for wnid in wnids}
        images = [name for name in whole.namelist() if name.rpartition("/")[0] in folders and name.endswith(".JPEG")]
        images += [f"{WHOLE}/val/images/{line.split(chr(9))[0]}" for line in labels]
        for name in images:
            part.writestr(name.replace(WHOLE, PART, 1), whole.read(name))


def _lines(archive: zipfile.ZipFile, name: str) -> list[str]:
    return archive.read(f"{WHOLE}/{name}").decode().splitlines()


RECIPES = {
    "squeezenet": Recipe(squeezenet),
    "judgments": Recipe(judgments, tuple(table_name(metric, family) for metric in METRICS for family in FAMILIES)),
    "lpips_example": Recipe(lpips_example, tuple(f"ex_{name}.png" for name in TRIPLET)),
    "superres": Recipe(
        superres,
        tuple(image_name(name, number) for name, count in TEST_SETS.items() for number in range(1, count + 1)),
    ),
    "tiny_imagenet": Recipe(tiny_imagenet),
}
