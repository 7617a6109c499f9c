"""Every kind of input of lnkit: valid files to start from, which of them to damage, and the command that reads them."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from .kills import REDUCED
from .material import EVAL, MODULE, make_classes, make_judged, noise
from .process import Command, run

UNPROMISED = (
    "GIF",
    "TIFF",
    "WEBP",
    "EPS",
    "ICO",
    "PCX",
    "SGI",
    "TGA",
    "PDF",
    "DDS",
    "IM",
    "JPEG2000",
    "AVIF",
    "MPO",
    "ICNS",
    "SPIDER",
)
FIELDS = [word for field in REDUCED["superres"].split() for word in ("--set", field)]
ONE = (*EVAL, "--point", "1", "--results", "{here}/results")
BAPPS = (*ONE, "--bench", "bapps", "--data", "{here}/data")
PACKED = (*ONE, "--bench", "bapps", "--data", "{valid}/data")  # a cache knows the folder by its path
SUPERRES = (*ONE, "--bench", "superres", "--sample", *FIELDS)
EARLYSTOP = ("--epochs", "1", "--batch-size", "12", "--no-ps", "--output", "{here}/results")
TRAIN = ("earlystop", "train", "resnet6", "--data", "{here}/data", *EARLYSTOP)


@dataclass(frozen=True)
class Target:
    """A kind of input."""

    command: tuple[str, ...]  # {valid} is what ``write`` wrote, {here} a copy with damage
    files: str  # those to damage, as a pattern
    write: Callable[[Path], object]
    weight: int = 1
    alone: bool = False  # in a process of its own: it is read once in a process


def _judged(suffix: str) -> Callable[[Path], object]:
    return lambda here: make_judged(here / "data", 2, suffix)


def _foreign(here: Path) -> None:
    """Write contents that no benchmark promises, under promised names."""
    make_judged(here / "data", 2)
    for form, path in zip(UNPROMISED, sorted(here.glob("data/*/val/noise/*/*.png")), strict=False):
        try:
            Image.fromarray(noise(1, 2)).save(path, format=form)
        except (OSError, KeyError, ValueError):  # this Pillow cannot write it
            path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n")


def _weights(suffix: str) -> Callable[[Path], object]:
    def write(here: Path) -> None:
        namespace: dict[str, Callable[[], torch.nn.Module]] = {}
        exec(MODULE, namespace)
        tensors = namespace["build"]().state_dict()
        make_judged(here / "data", 2)
        save_file(tensors, here / f"w{suffix}") if suffix == ".safetensors" else torch.save(
            tensors, here / f"w{suffix}"
        )

    return write


def _archive(name: str) -> Callable[[Path], object]:
    def write(here: Path) -> None:
        source = make_judged(here / "data", 1)
        if name.endswith(".zip"):
            with zipfile.ZipFile(here / name, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(source.rglob("*")):
                    archive.write(path, path.relative_to(here))
        else:
            with tarfile.open(here / name, "w:gz" if name.endswith("gz") else "w") as tar:
                tar.add(source, "data")
        shutil.rmtree(source)

    return write


def _matrix(suffix: str) -> Callable[[Path], object]:
    def write(here: Path) -> None:
        names = [f"image{number}.png" for number in range(4)]
        (here / "data" / "images").mkdir(parents=True)
        for number, name in enumerate(names):
            Image.fromarray(noise(number)).save(here / "data" / "images" / name)
        values = np.abs(np.subtract.outer(np.arange(4), np.arange(4))) / 4
        if suffix == ".npy":
            np.save(here / "data" / "dissimilarity.npy", values)
            return
        rows = [",".join(["", *names]), *(",".join([n, *map(str, row)]) for n, row in zip(names, values, strict=True))]
        (here / "data" / "dissimilarity.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    return write


def _sample(bench: str) -> Callable[[Path], object]:
    """Copy the sample of a benchmark, a folder in its layout."""

    def write(here: Path) -> None:
        _made(here, (*ONE, "--bench", bench, "--sample"))
        shutil.copytree(next((here / "cache" / "samples").glob(f"{bench}-*")), here / "data")
        for name in ("cache", "results"):
            shutil.rmtree(here / name)

    return write


def _batches(here: Path) -> None:
    (here / "data").mkdir(parents=True)
    for name, count in (("train_data_batch_1", 12), ("val_data", 6)):
        data = np.stack([noise(row, side=32).reshape(-1) for row in range(count)])
        np.savez(here / "data" / name, data=data, labels=np.arange(count) % 3 + 1, mean=np.zeros(3))


def _toml(here: Path) -> None:
    (here / "config" / "lnkit").mkdir(parents=True)
    (here / "config" / "lnkit" / "earlystop.toml").write_text('runs = ["runs/a", "runs/b"]\n', encoding="utf-8")


def _imported(here: Path) -> None:
    make_judged(here / "data", 1)
    _made(here, ("data", "import", "bapps", "{here}/data", "--partial"))


def _packed(here: Path) -> None:
    make_judged(here / "data", 2)
    _made(here, BAPPS)
    shutil.rmtree(here / "results")


def _trained(here: Path) -> None:
    make_classes(here / "data")
    make_judged(here / "judged", 2)
    _made(here, TRAIN)


def _unfinished(here: Path) -> None:
    """Leave a training that was killed."""
    _made(here, SUPERRES, kill_at=150)


def _made(here: Path, arguments: tuple[str, ...], kill_at: int = 0) -> None:
    """Run a command that writes valid files."""
    here.mkdir(parents=True, exist_ok=True)
    (here / "attacked.py").write_text(MODULE, encoding="utf-8")
    words = tuple(word.replace("{here}", str(here)) for word in arguments)
    ended = run(Command(words, here, {"LNKIT_CACHE": str(here / "cache")}, seconds=300, kill_at=kill_at, eager=True))
    if ended.code and not kill_at:
        raise RuntimeError(f"{ended.command}: {ended.stderr}")


IMAGES = "data/*/val/noise/[rp]*/*"
TARGETS = {
    "png": Target(BAPPS, IMAGES, _judged(".png"), 8),
    "jpeg": Target(BAPPS, IMAGES, _judged(".jpg"), 5),
    "bmp": Target(BAPPS, IMAGES, _judged(".bmp"), 3),
    "ppm": Target(BAPPS, IMAGES, _judged(".ppm"), 3),
    "foreign images": Target(BAPPS, IMAGES, _foreign, 6),
    "judgments": Target(BAPPS, "data/*/val/noise/[js]*/*.npy", _judged(".png"), 6),
    "classes": Target(TRAIN, "data/*/*/*.png", lambda here: make_classes(here / "data")),
    "batches": Target(TRAIN, "data/*.npz", _batches, 2),
    "matrix csv": Target(
        (*ONE, "--bench", "similarity_matrix", "--data", "{here}/data"), "data/*.csv", _matrix(".csv"), 3
    ),
    "matrix npy": Target(
        (*ONE, "--bench", "similarity_matrix", "--data", "{here}/data"), "data/*.npy", _matrix(".npy"), 3
    ),
    "nights": Target((*ONE, "--bench", "nights", "--data", "{here}/data"), "data/*.csv", _sample("nights")),
    "tid2013": Target((*ONE, "--bench", "tid2013", "--data", "{here}/data"), "data/mos*", _sample("tid2013")),
    "kadid10k": Target((*ONE, "--bench", "kadid10k", "--data", "{here}/data"), "data/*.csv", _sample("kadid10k")),
    "pieapp": Target((*ONE, "--bench", "pieapp", "--data", "{here}/data"), "data/labels/test/*.csv", _sample("pieapp")),
    "things": Target((*ONE, "--bench", "things", "--data", "{here}/data"), "data/data*.txt", _sample("things")),
    "weights pth": Target((*BAPPS, "--weights", "{here}/w.pth"), "w.pth", _weights(".pth"), 6),
    "weights safetensors": Target(
        (*BAPPS, "--weights", "{here}/w.safetensors"), "w.safetensors", _weights(".safetensors"), 6
    ),
    "lin weights": Target(
        (*BAPPS, "--set", "distance=lin", "--set", "lin_weights={here}/w.pth"), "w.pth", _weights(".pth"), 2
    ),
    "zip": Target(("data", "import", "bapps", "{here}/a.zip", "--partial"), "a.zip", _archive("a.zip"), 8),
    "tar": Target(("data", "import", "bapps", "{here}/a.tar", "--partial"), "a.tar", _archive("a.tar"), 8),
    "tgz": Target(("data", "import", "bapps", "{here}/a.tar.gz", "--partial"), "a.tar.gz", _archive("a.tar.gz"), 6),
    "toml": Target(("list-backbones", "--json"), "config/lnkit/*.toml", _toml, 4, alone=True),
    "manifests": Target(("data", "verify", "bapps"), "cache/datasets/bapps/*", _imported, 4),
    "packed cache": Target(PACKED, "cache/packed/*/*/manifest.json", _packed, 3),
    "packed arrays": Target(PACKED, "cache/packed/*/*/*.npy", _packed, 2),
    "checkpoints": Target(SUPERRES, "results/.parts/*/**/*.*", _unfinished),
    "earlystop runs": Target(
        ("earlystop", "score", "{here}/results", "--ps-data", "{here}/judged"), "results/**/*.*", _trained, 2
    ),
}
