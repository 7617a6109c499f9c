"""What the benchmark computes, to the last hyperparameter. P and R are explained in this folder's README."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit import DistanceConfig
from lnkit.protocols import expect_at_least, expect_one_of
from lnkit.specs import NORMALIZATIONS

SPLITS = ("test", "valid")
TILES = ("resized", "full")
KEEPS = ("loss", "bce")
STRIDE = 16  # pixels: four halvings in the U-Net


@dataclass(frozen=True, slots=True)
class DelineationProtocol:
    """One way to run the benchmark. Scores compare only where all of these agree."""

    distance: str = "squared"  # mean squared difference of features; P Eq. 4
    normalization: str = "backbone"  # of predictions and maps, as the backbone was trained; P. R: "imagenet"
    transform_input: bool = True  # GoogLeNet and Inception v3 re-normalize as torchvision trained them. R: skipped
    mu: float = 0.01  # weight of the feature loss beside binary cross-entropy; P Eq. 4, Mosinska et al. 2018
    k_train: int = 3  # times that the network is applied to its own output in training; P. R: 1
    k_test: int = 3  # the same in the test; P, R
    width: int = 4  # channels of the first level, from which the others follow; P
    crop: int = 224  # pixels, side of a random crop in training; P
    flip: float = 0.5  # probability of a horizontal flip; P
    batch_size: int = 8  # P
    epochs: int = 100  # P; in an epoch each tile gives one crop
    lr: float = 1e-3  # Adam; P
    keeps: str = "loss"  # the validation that decides which network is kept; P. R: "bce"
    size: int = 224  # pixels, side to which tiles are resized in validation and test; P
    split: str = "test"  # P's text. R: "valid"
    tiles: str = "resized"  # P, R. "full": whole tiles in overlapping windows; ours
    threshold: float = 0.3  # from which a prediction counts as a mark; P
    truth_threshold: float = 0.5  # from which a map counts as road; P
    buffer: float = 3.0  # pixels that a skeleton may be off; Wiedemann et al. 1998, width as in Mnih and Hinton 2010
    test_tiles: int = 0  # from the first; 0 takes all
    resamples: int = 1000  # of the bootstrap behind each interval; ours, no source reports intervals

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        expect_one_of("normalization", self.normalization, NORMALIZATIONS)
        expect_one_of("split", self.split, SPLITS)
        expect_one_of("tiles", self.tiles, TILES)
        expect_one_of("keeps", self.keeps, KEEPS)
        for name in ("k_train", "k_test", "width", "batch_size", "epochs"):
            expect_at_least(name, getattr(self, name), 1)
        for name in ("crop", "size"):
            if getattr(self, name) < STRIDE or getattr(self, name) % STRIDE:
                raise ValueError(f"The protocol field {name!r} takes multiples of 16, and {getattr(self, name)} came.")
        for name in ("mu", "buffer", "test_tiles", "resamples"):
            expect_at_least(name, getattr(self, name), 0)
        for name in ("flip", "threshold", "truth_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"The protocol field {name!r} lies in [0, 1], and {getattr(self, name)} came.")
        if not self.lr > 0:
            raise ValueError(f"The protocol field 'lr' must be above 0, and {self.lr} came.")

    def signature(self) -> str:
        """Everything that changes a score, in one phrase."""
        skipped = "" if self.transform_input else ",no-transform_input"
        cut = f",first {self.test_tiles}" if self.test_tiles else ""
        tested = f"{self.size}px" if self.tiles == "resized" else "full tiles"
        return (
            f"bce+{self.mu:g} {self.distance}|input:{self.normalization}{skipped}|U-Net {self.width},"
            f"K {self.k_train}/{self.k_test}|crop {self.crop},flip {self.flip:g},{self.epochs} epochs of "
            f"{self.batch_size},Adam {self.lr:g},best {self.keeps}|{self.split} {tested}{cut},from {self.threshold:g}"
            f",truth {self.truth_threshold:g},buffer {self.buffer:g}"
        )

    def distance_config(self) -> DistanceConfig:
        return DistanceConfig(self.distance)


PAPER = DelineationProtocol()
QUICK = replace(PAPER, crop=128, size=160, epochs=60, lr=1e-2)  # faster, since there are few steps
VARIANTS = {
    "paper": PAPER,
    # R trains with one application, keeps by cross-entropy alone, tests on the validation split, and runs the children
    # of GoogLeNet and Inception one after the other, so that their transform_input is skipped.
    "reference": replace(PAPER, k_train=1, keeps="bce", split="valid", normalization="imagenet", transform_input=False),
    "quick": QUICK,
    "sample": replace(QUICK, crop=64, size=96, epochs=40, batch_size=4),
}
