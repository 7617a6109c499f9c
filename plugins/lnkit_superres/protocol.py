"""Hyperparameters of the benchmark `superres`, each with its source; the README of this folder names the sources.

In `paper`, a field has the value of Pihlgren2023's text; where the text has none, that of the reference code, unless
the comment says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Training, expect_at_least, expect_multiple, expect_one_of, expect_within

FACTORS = ("4", "8", "4+8")
TEST_IMAGES = ("full", "crop")
ALIGNMENTS = ("exact", "whole")
HIGH_FILTERS = ("bilinear", "bicubic")
VALIDATIONS = ("psnr", "psnr_torchmetrics")
LARGEST_FACTOR = 8
SSIM_WINDOW = 7  # pixels


@dataclass(frozen=True, slots=True)
class SuperresProtocol(Training):
    """One way to run the benchmark. Scores are comparable only where all of these agree."""

    distance: str = "squared"  # mean squared difference of features; Pihlgren2023 Eq. 3
    batch_size: int = 4  # reference code, Johnson2016
    lr: float = 1e-3  # learning rate of Adam; reference code, Johnson2016
    factors: str = "4+8"  # one training for each; Pihlgren2023
    residual_blocks: int = 5  # Pihlgren2023, Johnson2016's text. Johnson2016's supplement and the reference code: 4
    size: int = 288  # pixels, side of the high-resolution images; Pihlgren2023, Johnson2016
    resize: int = 288  # pixels, shorter side of a photograph before its center is cut out; reference code
    high_filter: str = "bilinear"  # resizes to the high-resolution image; reference code, torchvision's default
    blur: float = (
        1.0  # pixels, standard deviation of the Gaussian before the image is reduced; Pihlgren2023, Johnson2016
    )
    alignment: str = "exact"  # of high- and low-resolution center; ours. "whole": at whole pixels, reference code
    train_images: int = 10_000  # drawn from MS-COCO train2014; Pihlgren2023
    valid_images: int = 100  # drawn from val2014; Pihlgren2023
    iterations: int = 200_000  # Pihlgren2023, Johnson2016
    validate_every: int = 2_500  # iterations, an epoch of 10,000 images in batches of 4; every epoch: Pihlgren2023
    validate_by: str = "psnr"  # as tested; ours, the text says PSNR. "psnr_torchmetrics": of batches, reference code
    test_images: str = "full"  # Pihlgren2023's network is convolutional; "crop": cut as in training, reference code
    test_per_set: int = 0  # images of each test set, from the first; 0 takes all
    shave: int = 2  # pixels left out on each side of a test image by psnr and ssim; reference code

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        self.check_training()
        expect_one_of("factors", self.factors, FACTORS)
        expect_one_of("test_images", self.test_images, TEST_IMAGES)
        expect_one_of("alignment", self.alignment, ALIGNMENTS)
        expect_one_of("high_filter", self.high_filter, HIGH_FILTERS)
        expect_one_of("validate_by", self.validate_by, VALIDATIONS)
        for name in ("residual_blocks", "test_per_set", "shave"):
            expect_at_least(name, getattr(self, name), 0)
        for name in ("train_images", "valid_images", "iterations", "validate_every"):
            expect_at_least(name, getattr(self, name), 1)
        expect_within("blur", self.blur, 0, 100)
        for name in ("resize", "size"):  # 10 reduced pixels at least: 9x9 kernels are reflected at the border
            expect_multiple(name, getattr(self, name), LARGEST_FACTOR, 10 * LARGEST_FACTOR)
        if self.size > self.resize:
            raise ValueError(f"Protocol field 'size': expected resize ({self.resize}) or less, got {self.size}.")
        if 2 * self.shave + SSIM_WINDOW > self.size:
            raise ValueError(
                f"Protocol field 'shave': expected {(self.size - SSIM_WINDOW) // 2} or less, which leaves SSIM's "
                f"window of {SSIM_WINDOW} of {self.size} pixels, got {self.shave}."
            )

    @property
    def chosen_factors(self) -> tuple[int, ...]:
        """The factors as numbers: (4, 8)."""
        return tuple(int(factor) for factor in self.factors.split("+"))

    def signature(self) -> str:
        """Return everything that changes a score, in one phrase."""
        first = f",first {self.test_per_set} of each set" if self.test_per_set else ""
        center = f"{self.size}px" if self.size == self.resize else f"{self.size}px of {self.resize}"
        aligned = "" if self.alignment == "exact" else ",cut at whole pixels"
        return (
            f"{self.loss_phrase()}|{self.residual_blocks} residual blocks"
            f"|{center}{aligned},{self.high_filter},blur {self.blur:g}"
            f"|{self.iterations:,} x {self.batch_size} of {self.train_images:,},Adam {self.lr:g}"
            f"|best {self.validate_by}|{self.test_images} images,shave {self.shave}{first}"
        )


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
    # The reference code feeds images in [0, 1] as they are and runs the children of GoogLeNet and Inception one after
    # the other; its network has one residual block less, its test images are cut as those of training, and it validates
    # each batch by torchmetrics.
    "reference": replace(
        PAPER,
        normalization="none",
        transform_input=False,
        residual_blocks=4,
        alignment="whole",
        validate_by="psnr_torchmetrics",
        test_images="crop",
    ),
    "quick": QUICK,
    "sample": replace(QUICK, resize=128, size=80, train_images=48, valid_images=4, iterations=60, validate_every=20),
}
