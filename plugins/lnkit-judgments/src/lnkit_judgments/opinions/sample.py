"""Small datasets in the layouts of the published ones, made from photographs that come with scikit-image.

They show that everything works, and say nothing about quality: no person was asked. The stronger a distortion, the
better or worse its opinion as each dataset counts; how fast it changes differs between the types, so that no distance
explains everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lnkit.data import cached_sample
from lnkit.datasets import kadid10k, tid2013
from lnkit.datasets.live_md import PARTS
from lnkit.datasets.photographs import (
    NAMES,
    Draw,
    Size,
    add_noise,
    blur,
    compress,
    cut_out,
    desaturate,
    load_photograph,
)

SAMPLE_BYTES = 15_000_000  # about, or less
SIZE = Size(192, 144)  # of an image in pixels; the shape of TID2013's, which are 512 x 384
REFERENCES = 4
LEVELS = 5
SEED = 2013
NOTE = (
    "sample: scikit-image's photographs; the opinions are constructions (the stronger the distortion, the worse), "
    "not people's answers"
)


class Distortion(NamedTuple):
    """A distortion in five strengths, and its effect on an opinion."""

    apply: Callable[[Image.Image, float, Draw], Image.Image]
    weakest: float
    strongest: float
    harm: float  # fall of the opinion at the strongest, in the scale's range


DISTORTIONS = {
    "noise": Distortion(add_noise, 4, 48, 0.6),
    "blur": Distortion(blur, 0.5, 4, 0.8),
    "jpeg": Distortion(compress, 40, 95, 0.8),
    "saturation": Distortion(desaturate, 0.2, 1, 0.4),
}
TID = {"noise": "additive_gaussian_noise", "jpeg": "jpeg", "saturation": "color_saturation_change"}
KADID = {"noise": "white_noise", "jpeg": "jpeg", "saturation": "color_saturation_1"}
CSIQ = {"noise": "awgn/{}.AWGN.{}", "blur": "blur/{}.BLUR.{}", "jpeg": "jpeg/{}.JPEG.{}"}
LIVE = {"noise": "wn", "blur": "gblur", "jpeg": "jpeg"}
LIVE_MD = {"part1": ("blur", "jpeg"), "part2": ("blur", "noise")}


class DistortedImage(NamedTuple):
    """A distorted image of the sample."""

    reference: int  # from 1
    distortion: str
    level: int  # from 1
    image: Image.Image
    quality: float  # from 0, worst, to 1, best

    @property
    def photograph(self) -> str:
        """The name of the reference."""
        return NAMES[self.reference - 1]

    @property
    def number(self) -> int:
        """The number of the image among those of its reference, from 0."""
        return LEVELS * list(DISTORTIONS).index(self.distortion) + self.level - 1


class Place(NamedTuple):
    """The files of a distorted image in a dataset's folder."""

    image: str
    reference: str
    labels: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A dataset's layout."""

    title: str
    places: Callable[[DistortedImage], Iterator[Place]]  # no place for a distortion that the dataset does not have
    line: str  # of a file of labels
    label: Callable[[float], float]  # quality -> label
    header: str = ""  # of a file of labels


def _tid(types: tuple[str, ...], levels: int, item: DistortedImage) -> Iterator[Place]:
    name = TID.get(item.distortion, "gaussian_blur")
    if name in types and item.level <= levels:
        image = f"i{item.reference:02d}_{types.index(name) + 1:02d}_{item.level}.bmp"
        reference = f"{tid2013.REFERENCES}/I{item.reference:02d}.BMP"
        yield Place(f"{tid2013.DISTORTED}/{image}", reference, tid2013.OPINIONS)


def _kadid(item: DistortedImage) -> Iterator[Place]:
    number, reference = kadid10k.TYPES.index(KADID.get(item.distortion, "gaussian_blur")) + 1, f"I{item.reference:02d}"
    image = f"images/{reference}_{number:02d}_{item.level:02d}.png"
    yield Place(image, f"images/{reference}.png", kadid10k.OPINIONS)


def _csiq(item: DistortedImage) -> Iterator[Place]:
    if item.distortion in CSIQ:
        image = CSIQ[item.distortion].format(item.photograph, item.level)
        yield Place(f"dst_imgs/{image}.png", f"src_imgs/{item.photograph}.png", "csiq_label.txt")


def _live(item: DistortedImage) -> Iterator[Place]:
    if item.distortion in LIVE:
        image = f"{LIVE[item.distortion]}/img{LEVELS * (item.reference - 1) + item.level}.bmp"
        yield Place(image, f"refimgs/{item.photograph}.bmp", "meta_info_LIVEIQADataset.csv")


def _live_md(item: DistortedImage) -> Iterator[Place]:
    for part, folder in PARTS.items():
        if item.distortion in LIVE_MD[part] and item.level <= 3:
            path = f"Part {part[-1]}/{folder}/{item.photograph}"
            image = f"{path}_{item.distortion}{item.level}.bmp"
            yield Place(image, f"{path}.bmp", "meta_info_LIVEMDDataset.csv")


def _pipal(item: DistortedImage) -> Iterator[Place]:
    train, val = f"A{item.reference:04d}", f"A{REFERENCES + item.reference:04d}"
    labels = f"Train_Label/{train}.txt"
    yield Place(f"Train_Dist/{train}_06_{item.number:02d}.bmp", f"Train_Ref/{train}.bmp", labels)
    yield Place(f"Val_Dist/{val}_10_{item.number:02d}.bmp", f"Val_Ref/{val}.bmp", "val_label.txt")


MIRRORED = "{reference},{image},{label:.5f}\n"
LAYOUTS = {
    "tid2013": Layout("TID2013", partial(_tid, tid2013.TYPES, 5), "{label:.5f} {name}\n", lambda q: 9 * q),
    "tid2008": Layout("TID2008", partial(_tid, tid2013.TYPES[:17], 4), "{label:.5f} {name}\n", lambda q: 9 * q),
    "kadid10k": Layout(
        "KADID-10k",
        _kadid,
        "{name},{reference_name},{label:.2f},0.00\n",
        lambda q: 1 + 4 * q,
        "dist_img,ref_img,dmos,var\n",
    ),
    "csiq": Layout("CSIQ", _csiq, "{name} {label:.3f}\n", lambda q: 1 - q),
    "live": Layout("LIVE", _live, MIRRORED, lambda q: 100 - 100 * q, "ref_name,dist_name,mos\n"),
    "live_md": Layout("LIVE-MD", _live_md, MIRRORED, lambda q: 90 - 90 * q, "ref_name,dist_name,mos\n"),
    "pipal": Layout("PIPAL", _pipal, "{name},{label:.4f}\n", lambda q: 1000 + 700 * q),
}


def sample_of(name: str) -> Callable[[Path], Path]:
    """Return the function that makes the sample of a benchmark in a cache, if there is none, and returns its folder."""
    return lambda cache: cached_sample(cache, f"{name}-1", SAMPLE_BYTES, partial(write_sample, name))


def write_sample(name: str, root: Path) -> None:
    """Write the sample of a benchmark: the same bytes each time with the same Pillow and scikit-image."""
    layout, references = LAYOUTS[name], _references()
    labels: dict[str, list[str]] = defaultdict(lambda: [layout.header])
    for item in _distorted(references):
        for place in layout.places(item):
            _save(item.image, root / place.image)
            if not (root / place.reference).exists():
                _save(references[item.reference - 1], root / place.reference)
            file_names = {"name": Path(place.image).name, "reference_name": Path(place.reference).name}
            facts = {"image": place.image, "reference": place.reference, "label": layout.label(item.quality)}
            labels[place.labels].append(layout.line.format(**facts, **file_names))
    for file, lines in labels.items():
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text("".join(lines), encoding="utf-8")
    (root / "README.txt").write_text(_readme(layout.title), encoding="utf-8")


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, compress_level=1)  # of a PNG; a BMP is not compressed


def _references() -> list[Image.Image]:
    return [cut_out(load_photograph(name), 10, 10, 380, SIZE) for name in NAMES[:REFERENCES]]


def _distorted(references: list[Image.Image]) -> Iterator[DistortedImage]:
    """Make five strengths of each distortion, evenly on a logarithmic scale."""
    draw = np.random.default_rng(SEED)
    for reference, image in enumerate(references, start=1):
        for name, distortion in DISTORTIONS.items():
            strengths = np.geomspace(distortion.weakest, distortion.strongest, LEVELS)
            for level, strength in enumerate(strengths, start=1):
                quality = 1 - distortion.harm * level / LEVELS + draw.uniform(-0.05, 0.05)
                changed = distortion.apply(image, float(strength), draw)
                yield DistortedImage(reference, name, level, changed, min(quality, 1.0))


def _readme(title: str) -> str:
    return (
        f"A sample in the layout of {title}, made by lnkit. It is not {title}.\n\n"
        f"{REFERENCES} photographs that come with scikit-image, {SIZE.width} x {SIZE.height} pixels, each with\n"
        f"up to {len(DISTORTIONS)} distortions in up to {LEVELS} strengths. The opinions are constructions: the\n"
        "stronger, the worse. No person was asked, so a score says that everything works, and nothing about quality.\n"
    )
