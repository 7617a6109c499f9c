"""Facts about the two networks, listed without torch."""

from __future__ import annotations

from dataclasses import dataclass

PACKAGE = "stlpips-pytorch==0.0.2"
CITATION = "Ghildyal and Liu 2022"  # arXiv 2207.13686
DISTANCE = "stlpips"


@dataclass(frozen=True, slots=True)
class Network:
    """A shift-tolerant network of five slices, each of which ends at features that the metric compares."""

    name: str  # of the backbone in lnkit
    family: str
    file: str  # path in the package
    weights: str  # their name in lnkit: the file, and the first digits of its SHA-256
    min_size: int  # pixels; measured: the smallest side that the reflected borders of all slices allow
    activations: tuple[int, ...]  # number of the ReLU at the end of each slice

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes at the ends of the slices."""
        return tuple(f"net.slice{number}" for number in range(1, len(self.activations) + 1))

    @property
    def points(self) -> dict[str, str]:
        """The nodes of the single points: the layers of AlexNet and VGG-16 in the study of Pihlgren2023."""
        early, semi_early, mid, _, late = self.nodes
        return {"early": early, "semi_early": semi_early, "mid": mid, "late": late}

    @property
    def descriptions(self) -> dict[str, str]:
        """A description of each node."""
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
