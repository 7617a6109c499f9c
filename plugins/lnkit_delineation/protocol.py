"""Hyperparameters of the benchmark `delineation`, each with its source; the README of this folder names the sources."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Training, expect_at_least, expect_multiple, expect_one_of, expect_within

SPLITS = ("test", "valid")
TILES = ("resized", "full")
KEEPS = ("loss", "bce")
STRIDE = 16  # pixels: four halvings in the U-Net


@dataclass(frozen=True, slots=True)
class DelineationProtocol(Training):
    """One way to run the benchmark. Scores are comparable only where all of these agree."""

    distance: str = "squared"  # mean squared difference of features; Pihlgren2023 Eq. 4
    normalization: str = "backbone"  # of predictions and maps, each backbone's own; Pihlgren2023. Ref. code: "imagenet"
    batch_size: int = 8  # Pihlgren2023
    mu: float = 0.01  # weight of the feature loss beside binary cross-entropy; Pihlgren2023 Eq. 4, Mosinska2018
    k_train: int = 3  # applications of the network to its own output in training; Pihlgren2023. Reference code: 1
    k_test: int = 3  # the same in the test; Pihlgren2023, reference code
    width: int = 4  # channels of the first level, from which the others follow; Pihlgren2023
    crop: int = 224  # pixels, side of a random crop in training; Pihlgren2023
    flip: float = 0.5  # probability of a horizontal flip; Pihlgren2023
    epochs: int = 100  # Pihlgren2023; in an epoch each tile gives one crop
    keeps: str = "loss"  # validation value that selects the best network; Pihlgren2023. Reference code: "bce"
    size: int = 224  # pixels, side to which tiles are resized in validation and test; Pihlgren2023
    split: str = "test"  # Pihlgren2023. Reference code: "valid"
    tiles: str = "resized"  # Pihlgren2023, reference code. "full": whole tiles in overlapping windows; ours
    threshold: float = 0.3  # from which a prediction counts as a mark; Pihlgren2023
    truth_threshold: float = 0.5  # from which a map counts as road; Pihlgren2023
    buffer: float = 3.0  # pixels that a skeleton may be off; Wiedemann1998, width as in Mnih and Hinton 2010
    test_tiles: int = 0  # from the first; 0 takes all

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        self.check_training()
        expect_one_of("split", self.split, SPLITS)
        expect_one_of("tiles", self.tiles, TILES)
        expect_one_of("keeps", self.keeps, KEEPS)
        for name in ("k_train", "k_test", "width", "epochs"):
            expect_at_least(name, getattr(self, name), 1)
        for name in ("crop", "size"):
            expect_multiple(name, getattr(self, name), STRIDE, STRIDE)
        for name in ("mu", "buffer", "test_tiles"):
            expect_at_least(name, getattr(self, name), 0)
        for name in ("flip", "threshold", "truth_threshold"):
            expect_within(name, getattr(self, name), 0, 1)

    def signature(self) -> str:
        """Return everything that changes a score, in one phrase."""
        first = f",first {self.test_tiles}" if self.test_tiles else ""
        tested = f"{self.size}px" if self.tiles == "resized" else "full tiles"
        return (
            f"bce+{self.mu:g} {self.loss_phrase()}|U-Net {self.width},"
            f"K {self.k_train}/{self.k_test}|crop {self.crop},flip {self.flip:g},{self.epochs} epochs of "
            f"{self.batch_size},Adam {self.lr:g},best {self.keeps}|{self.split} {tested}{first},from {self.threshold:g}"
            f",truth {self.truth_threshold:g},buffer {self.buffer:g}"
        )


PAPER = DelineationProtocol()
QUICK = replace(PAPER, crop=128, size=160, epochs=60, lr=1e-2)  # a larger learning rate, since there are few steps
VARIANTS = {
    "paper": PAPER,
    # The reference code trains with one application, selects the network by cross-entropy alone, tests on the
    # validation split, and runs the children of GoogLeNet and Inception one after the other.
    "reference": replace(PAPER, k_train=1, keeps="bce", split="valid", normalization="imagenet", transform_input=False),
    "quick": QUICK,
    "sample": replace(QUICK, crop=64, size=96, epochs=40, batch_size=4),
}
