"""Facts about the two networks, so that they can be listed without torch."""

from __future__ import annotations

from dataclasses import dataclass

PACKAGE = "stlpips-pytorch==0.0.2"
CITATION = "Ghildyal and Liu 2022"  # arXiv 2207.13686
DISTANCE = "stlpips"

# As in LPIPS, images in [-1, 1] are brought to (image - shift) / scale; here for images in [0, 1].
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
MEAN = ((1 + SHIFT[0]) / 2, (1 + SHIFT[1]) / 2, (1 + SHIFT[2]) / 2)
STD = (SCALE[0] / 2, SCALE[1] / 2, SCALE[2] / 2)


@dataclass(frozen=True, slots=True)
class Network:
    """A shift-tolerant network, whose slices end where the metric compares its features."""

    name: str  # in lnkit
    family: str
    file: str  # in the package
    weights: str  # what lnkit calls them: the file, and how its SHA-256 begins
    min_size: int  # pixels; measured: the smallest side whose reflected borders reach the last slice
    activations: tuple[int, ...]  # which ReLU each slice ends in

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(f"net.slice{number}" for number in range(1, len(self.activations) + 1))

    @property
    def points(self) -> dict[str, str]:
        """The single points: the activations that the 14-backbone study takes of AlexNet and VGG-16."""
        early, semi_early, mid, _, late = self.nodes
        return {"early": early, "semi_early": semi_early, "mid": mid, "late": late}

    @property
    def descriptions(self) -> dict[str, str]:
        return {node: f"ReLU {count}" for node, count in zip(self.nodes, self.activations, strict=True)}


ALEX = Network(
    name="stlpips_alex",
    family="AlexNet",
    file="weights/vST0.0/alex_shift_tolerant.pth",
    weights="alex_shift_tolerant-b356b382",
    min_size=21,
    activations=(1, 2, 3, 4, 5),
)
VGG = Network(
    name="stlpips_vgg",
    family="VGG",
    file="weights/vST0.0/vgg_shift_tolerant.pth",
    weights="vgg_shift_tolerant-44597da6",
    min_size=18,
    activations=(2, 4, 7, 10, 13),
)
NETWORKS = (ALEX, VGG)
