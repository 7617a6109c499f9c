"""Hyperparameters of the benchmark `delineation`, each with its source; the README of this folder names the sources."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Training, expect_at_least, expect_multiple, expect_one_of, expect_within

SPLITS = ("test", "valid")
TILES = ("resized", "full")
TRAIN_TILES = ("resized", "crop")
KEEPS = ("loss", "bce")
MODES = ("eval", "train")
STRIDE = 16  # pixels: four halvings in the U-Net


@dataclass(frozen=True, slots=True)
class DelineationProtocol(Training):
    """One way to run the benchmark. Scores are comparable only where all of these agree."""

    distance: str = "squared"  # mean squared difference of features; Pihlgren2023 Eq. 5
    normalization: str = "backbone"  # of predictions and maps; Pihlgren2023 names none. Reference code: "imagenet"
    loss_mode: str = "eval"  # Pihlgren2023 names none. Reference code: "train", which the U-Net's training sets too
    batch_size: int = 8  # reference code; Pihlgren2023 names none
    lr: float = 1e-3  # learning rate of Adam; reference code, Pihlgren2023 names no optimizer
    mu: float = 0.01  # weight of the feature loss beside binary cross-entropy; Pihlgren2023 Eq. 4
    k_train: int = 3  # applications of the network to its own output in training; Pihlgren2023. Reference code: 1
    k_test: int = 3  # the same in the test; Pihlgren2023, reference code
    width: int = 4  # channels of the first level, from which the others follow; reference code
    train_tiles: str = "resized"  # Pihlgren2023: "resized to 224x224". Reference code: "crop", random crops of tiles
    crop: int = 224  # pixels, side of a random crop in training; reference code
    flip: float = 0.5  # probability of a horizontal flip; reference code, Pihlgren2023 names none
    epochs: int = 100  # Pihlgren2023; in an epoch each tile is used once
    keeps: str = "loss"  # validation value that selects the best network; ours, unnamed there. Reference code: "bce"
    size: int = 224  # pixels, side to which tiles are resized; Pihlgren2023
    antialias: bool = True  # of resized tiles; ours, Pihlgren2023 names no filter. Reference code: without
    split: str = "test"  # Pihlgren2023. Reference code: "valid"
    tiles: str = "resized"  # Pihlgren2023, reference code. "full": whole tiles in overlapping windows; ours
    test_mode: str = "eval"  # of the U-Net; ours. Reference code: "train", batch norm over the one tile that it marks
    threshold: float = 0.3  # from which a prediction counts as a mark; reference code, Pihlgren2023 names none
    truth_threshold: float = 0.5  # from which a map counts as road; reference code, Pihlgren2023 names none
    buffer: float = 3.0  # pixels that a skeleton may be off; Wiedemann1998, width as in Mnih and Hinton 2010
    test_tiles: int = 0  # from the first; 0 takes all

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        self.check_training()
        expect_one_of("split", self.split, SPLITS)
        expect_one_of("tiles", self.tiles, TILES)
        expect_one_of("train_tiles", self.train_tiles, TRAIN_TILES)
        expect_one_of("keeps", self.keeps, KEEPS)
        expect_one_of("test_mode", self.test_mode, MODES)
        for name in ("k_train", "k_test", "width", "epochs"):
            expect_at_least(name, getattr(self, name), 1)
        # Batch norm of a single tile needs two positions or more at the deepest level.
        smallest = 2 * STRIDE if self.test_mode == "train" else STRIDE
        for name in ("crop", "size"):
            expect_multiple(name, getattr(self, name), STRIDE, smallest)
        for name in ("mu", "buffer", "test_tiles"):
            expect_at_least(name, getattr(self, name), 0)
        for name in ("flip", "threshold", "truth_threshold"):
            expect_within(name, getattr(self, name), 0, 1)

    def signature(self) -> str:
        """Return everything that changes a score, in one phrase."""
        first = f",first {self.test_tiles}" if self.test_tiles else ""
        plain = "" if self.antialias else " without antialiasing"
        trained = f"crop {self.crop}" if self.train_tiles == "crop" else f"tiles at {self.size}px{plain}"
        tested = f"{self.size}px{plain}" if self.tiles == "resized" else f"full tiles in windows of {self.crop}"
        mode = ",U-Net in training mode" if self.test_mode == "train" else ""
        return (
            f"bce+{self.mu:g} {self.loss_phrase()}|U-Net {self.width},"
            f"K {self.k_train}/{self.k_test}|{trained},flip {self.flip:g},{self.epochs} epochs of "
            f"{self.batch_size},Adam {self.lr:g},best {self.keeps}|{self.split} {tested}{first}{mode},from "
            f"{self.threshold:g},truth {self.truth_threshold:g},buffer {self.buffer:g}"
        )


PAPER = DelineationProtocol()
# Crops, of which tiles give many, and a larger learning rate, since there are few steps.
QUICK = replace(PAPER, train_tiles="crop", crop=128, size=160, epochs=60, lr=1e-2)
VARIANTS = {
    "paper": PAPER,
    # The reference code trains on random crops with one application and with the loss network in training mode, selects
    # the network by cross-entropy alone, and tests on the validation split, with the U-Net still in training mode. It
    # resizes tensors, which torchvision did without antialiasing before version 0.17.
    "reference": replace(
        PAPER,
        normalization="imagenet",
        transform_input=False,
        loss_mode="train",
        k_train=1,
        train_tiles="crop",
        keeps="bce",
        antialias=False,
        split="valid",
        test_mode="train",
    ),
    "quick": QUICK,
    "sample": replace(QUICK, crop=64, size=96, epochs=40, batch_size=4),
}
