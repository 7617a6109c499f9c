"""2AFC with the learned LPIPS metric, against the `lpips` package on the same trunk and weights."""

from __future__ import annotations

from collections.abc import Iterator

import lpips
import numpy as np
import torch

from bench.harness import Ratio, seconds_in_turns
from bench.inputs import make_triplets
from lnkit.distances.comparer import ImageComparer
from lnkit.networks.loss_network import LossNetwork
from lnkit.specs import LPIPS_MEAN, LPIPS_STD, DistanceConfig, ExtractionPoint

NODES = {"squeeze": (1, 4, 7, 9, 10, 11, 12), "vgg": (3, 8, 15, 22, 29)}  # indices of torchvision's `features`
BACKBONES = {"squeeze": "squeezenet1_1", "vgg": "vgg16"}
TARGETS = {"squeeze": 3.0, "vgg": 1.8}
TRIPLETS = 128
BATCH = 50  # of the evaluation script of Zhang2018


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure 2AFC with several LPIPS networks."""
    for net in ("squeeze",) if quick else TARGETS:
        yield measure_net(net, 3 if quick else 5)


def measure_net(net: str, repeats: int) -> Ratio:
    """Measure 2AFC with one LPIPS network."""
    theirs = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    ours = make_comparer(theirs, net)
    images = make_triplets(TRIPLETS)
    largest = float(np.abs(_with_lpips(theirs, images) - ours.compare(*images)[:, :, 0]).max())
    seconds = seconds_in_turns(
        {"lpips": lambda: _with_lpips(theirs, images), "lnkit": lambda: ours.compare(*images)}, repeats
    )
    rate = {way: f"{TRIPLETS / duration:,.1f} triplets/s" for way, duration in seconds.items()}
    return Ratio(
        f"LPIPS-lin {net}",
        f"lnkit ({ours.engine}): {rate['lnkit']}",
        f"lpips: {rate['lpips']}",
        seconds["lpips"] / seconds["lnkit"],
        TARGETS[net],
        note=f"distances within {largest:.0e}",
    )


def make_comparer(theirs: lpips.LPIPS, net: str, device: str = "cpu", expected_items: int = 36_344) -> ImageComparer:
    """Build lnkit's comparer on the trunk of an LPIPS module, with the package's learned weights."""
    slices = [getattr(theirs.net, f"slice{k + 1}") for k in range(theirs.net.N_slices)]
    trunk = torch.nn.Sequential()
    for index, module in ((index, module) for part in slices for index, module in part.named_children()):
        trunk.add_module(index, module)
    points = [ExtractionPoint(str(node), str(node)) for node in NODES[net]]
    network = LossNetwork(trunk, points, mean=LPIPS_MEAN, std=LPIPS_STD, name=BACKBONES[net])
    names = tuple(point.name for point in points)
    distance = DistanceConfig("lin", lin_weights="lpips")
    return ImageComparer(network, [names], distance, device=device, expected_items=expected_items)


def _with_lpips(theirs: lpips.LPIPS, images: tuple[np.ndarray, ...]) -> np.ndarray:
    distances = []
    with torch.no_grad():
        for start in range(0, TRIPLETS, BATCH):
            ref, p0, p1 = (
                torch.from_numpy(array[start : start + BATCH]).permute(0, 3, 1, 2).float() / 127.5 - 1
                for array in images
            )
            distances.append(torch.stack([theirs(ref, p0).flatten(), theirs(ref, p1).flatten()], dim=1).numpy())
    return np.concatenate(distances)
