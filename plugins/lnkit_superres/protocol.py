"""What the benchmark computes, to the last hyperparameter. P and R are explained in this folder's README."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit import DistanceConfig
from lnkit.protocols import expect_at_least, expect_one_of
from lnkit.specs import NORMALIZATIONS

FACTORS = ("4", "8", "4+8")
TEST_IMAGES = ("full", "crop")
ALIGNMENTS = ("exact", "whole")
LARGEST_FACTOR = 8


@dataclass(frozen=True, slots=True)
class SuperresProtocol:
    """One way to run the benchmark. Scores compare only where all of these agree."""

    distance: str = "squared"  # mean squared difference of features; P Eq. 3
    normalization: str = "backbone"  # each backbone's own, as it was trained; P's text names no other. R: "none"
    transform_input: bool = True  # GoogLeNet and Inception v3 re-normalize as torchvision trained them. R: skipped
    factors: str = "4+8"  # one training for each; P
    residual_blocks: int = 5  # of the transformation network; P's text, as Johnson et al. 2016. R: 4
    resize: int = 288  # pixels, the shorter side of a photograph before the center is cut out; P, Johnson et al. 2016
    size: int = 288  # pixels, side of the high-resolution center; P
    blur: float = 1.0  # pixels, standard deviation of the Gaussian before the image is reduced; P
    alignment: str = "exact"  # of the reduced center with the full one; "whole": both cut at whole pixels, as R does
    train_images: int = 10_000  # drawn from MS-COCO train2014; P
    valid_images: int = 100  # drawn from val2014; P
    iterations: int = 200_000  # P, Johnson et al. 2016
    batch_size: int = 4  # P, Johnson et al. 2016
    lr: float = 1e-3  # Adam; P, Johnson et al. 2016
    validate_every: int = 2_500  # iterations, one epoch; P
    test_images: str = "full"  # P's network is convolutional; "crop": cut as in training, R
    test_per_set: int = 0  # images of each test set, from the first; 0 takes all
    shave: int = 2  # pixels left out on each side of a test image; P
    resamples: int = 1000  # of the bootstrap behind each interval; ours, no source reports intervals

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        expect_one_of("normalization", self.normalization, NORMALIZATIONS)
        expect_one_of("factors", self.factors, FACTORS)
        expect_one_of("test_images", self.test_images, TEST_IMAGES)
        expect_one_of("alignment", self.alignment, ALIGNMENTS)
        for name in ("residual_blocks", "test_per_set", "shave", "resamples"):
            expect_at_least(name, getattr(self, name), 0)
        for name in ("train_images", "valid_images", "iterations", "batch_size", "validate_every"):
            expect_at_least(name, getattr(self, name), 1)
        if not self.lr > 0 or not 0 <= self.blur < 100:
            raise ValueError("The protocol field 'lr' must be above 0, and 'blur' from 0 to 100 pixels.")
        self._check_sizes()

    def _check_sizes(self) -> None:
        least = 10 * LARGEST_FACTOR  # SSIM has a window of 7 pixels, and 9x9 kernels are reflected at the border
        for name in ("resize", "size"):
            value = getattr(self, name)
            if value < least or value % LARGEST_FACTOR:
                raise ValueError(f"The protocol field {name!r} takes multiples of 8 from {least}, and {value} came.")
        if self.size > self.resize:
            raise ValueError(
                f"The center's size, {self.size}, cannot be larger than what it is cut from, {self.resize}."
            )
        if 2 * self.shave + 7 > self.size:
            raise ValueError(f"Shaving {self.shave} pixels leaves too little of {self.size} for SSIM's window of 7.")

    @property
    def chosen_factors(self) -> tuple[int, ...]:
        return tuple(int(factor) for factor in self.factors.split("+"))

    def signature(self) -> str:
        """Everything that changes a score, in one phrase."""
        skipped = "" if self.transform_input else ",no-transform_input"
        cut = f",first {self.test_per_set} of each set" if self.test_per_set else ""
        center = f"{self.size}px" if self.size == self.resize else f"{self.size}px of {self.resize}"
        aligned = "" if self.alignment == "exact" else ",cut at whole pixels"
        return (
            f"{self.distance}|input:{self.normalization}{skipped}|{self.residual_blocks} residual blocks"
            f"|{center}{aligned},blur {self.blur:g}|{self.iterations:,} x {self.batch_size} of {self.train_images:,},"
            f"Adam {self.lr:g}|{self.test_images} images,shave {self.shave}{cut}"
        )

    def distance_config(self) -> DistanceConfig:
        return DistanceConfig(self.distance)


PAPER = SuperresProtocol()
QUICK = replace(
    PAPER,
    factors="4",
    size=96,
    train_images=400,
    valid_images=16,
    iterations=800,
    validate_every=100,
)
VARIANTS = {
    "paper": PAPER,
    # R feeds features from images in [0, 1] as they are and runs the children of GoogLeNet and Inception one after the
    # other; its network has a residual block less, and its test images are cut as those of training are.
    "reference": replace(
        PAPER,
        normalization="none",
        transform_input=False,
        residual_blocks=4,
        alignment="whole",
        test_images="crop",
    ),
    "quick": QUICK,
    "sample": replace(QUICK, resize=128, size=80, train_images=48, valid_images=4, iterations=60, validate_every=20),
}
