"""Distorted images per second at all four points: large ones (LIVE-MD), and PIPAL's, of which there are 23,200.

The baseline is what published evaluations do: bare forward passes of one pair at a time, the reference anew for each.
Images of PIPAL's size go through the network five at a time with one copy of their reference. Large ones go in pairs,
which take less memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from bench import published_code
from bench.harness import Ratio, seconds_in_turns
from bench.inputs import POINTS, make_backbone
from lnkit.distances.comparer import ImageComparer
from lnkit.evaluation.shards import GROUP
from lnkit.networks.loss_network import LossNetwork
from lnkit.specs import DistanceConfig

BACKBONES = ("squeezenet1_1", "vgg16")
SIZES = {  # height and width, images that share a pass of their reference, speed relative to bare forward passes
    "1280 x 720 (LIVE-MD)": ((720, 1280), 1, 0.9),
    "288 x 288 (PIPAL)": ((288, 288), GROUP, 1.3),
}
IMAGES = GROUP  # of one reference
PIPAL = 23_200


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure both sizes on each backbone."""
    for name in BACKBONES[:1] if quick else BACKBONES:
        for title, (size, shared, target) in SIZES.items():
            yield _measure(name, title, size, shared, target, 1 if quick else 3)


def _measure(name: str, title: str, size: tuple[int, int], shared: int, target: float, repeats: int) -> Ratio:
    backbone, points = make_backbone(name)
    deepest = published_code.truncate(backbone, points[-1].node)
    comparer = ImageComparer(LossNetwork(backbone, points), [(point,) for point in POINTS], DistanceConfig())
    reference, images = _images(size)
    references = np.repeat(reference[None], IMAGES // shared, axis=0)
    columns = [images[column::shared] for column in range(shared)]
    seconds = seconds_in_turns(
        {"lnkit": lambda: comparer.compare(references, *columns), "bare": lambda: _bare(deepest, reference, images)},
        repeats,
    )
    rate = {way: IMAGES / duration for way, duration in seconds.items()}
    hours = f", {PIPAL:,} in {PIPAL / rate['lnkit'] / 3600:.2f} h" if "PIPAL" in title else ""
    return Ratio(
        f"{name}, four points, {title}",
        f"lnkit ({comparer.engine}): {rate['lnkit']:,.1f} images/s{hours}",
        f"bare forward passes of pairs: {rate['bare']:,.1f} images/s",
        rate["lnkit"] / rate["bare"],
        target,
    )


def _bare(network: torch.nn.Module, reference: np.ndarray, images: np.ndarray) -> None:
    with torch.no_grad():
        for image in images:
            pair = torch.from_numpy(np.stack([reference, image]))
            network(pair.permute(0, 3, 1, 2).contiguous().float() / 255)


def _images(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw a reference (H, W, 3), and images of it (N, H, W, 3) with noise of rising strength."""
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    noise = (rng.normal(0, 4 * (row + 1), reference.shape) for row in range(IMAGES))
    return reference, np.stack([np.clip(reference + values, 0, 255).astype(np.uint8) for values in noise])
