"""What the benchmark computes, to the last hyperparameter. P and R are explained in this folder's README."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit import DistanceConfig
from lnkit.protocols import expect_at_least, expect_one_of
from lnkit.specs import NORMALIZATIONS

DATASETS = ("svhn", "stl10", "svhn+stl10")
IMAGE_OR_FEATURES = ("image", "features")
KEEPS = ("loss", "accuracy")


@dataclass(frozen=True, slots=True)
class AutoencoderProtocol:
    """One way to run the benchmark. Scores compare only where all of these agree."""

    distance: str = "squared"  # mean squared difference of features; P Eq. 6
    normalization: str = "backbone"  # each backbone's own, as it was trained; P's text names no other. R: "none"
    transform_input: bool = True  # GoogLeNet and Inception v3 re-normalize as torchvision trained them. R: skipped
    datasets: str = "svhn+stl10"  # which of the two; P
    pad: int = 16  # pixels mirrored around images of 32 x 32; P
    z: int = 64  # length of the embedding; P
    target: str = "image"  # what the decoder makes; P. "features": those of the image, the loss then compares directly
    encode: str = "image"  # what the encoder sees; P. "features": those of the image
    epochs: int = 10  # of the autoencoder; P. R's default is 50
    batch_size: int = 256  # of the autoencoder; P
    lr: float = 1e-3  # of the autoencoder; Adam's default, P
    holdout: float = 0.2  # share held out for validation, of the autoencoder's images and of the classifiers'; P
    mlp_epochs: int = 100  # of each classifier at most; P. R's default is 500
    mlp_batch_size: int = 256  # P
    mlp_lr: float = 1e-3  # Adam's default, P
    mlp_keeps: str = "loss"  # the validation that decides when a classifier was best and stops; ours, P does not say
    unlabeled_images: int = 0  # for the autoencoder, spread evenly over the split; 0 takes all
    labeled_images: int = 0  # for the classifiers, likewise
    test_images: int = 0  # likewise

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        expect_one_of("normalization", self.normalization, NORMALIZATIONS)
        expect_one_of("datasets", self.datasets, DATASETS)
        expect_one_of("target", self.target, IMAGE_OR_FEATURES)
        expect_one_of("encode", self.encode, IMAGE_OR_FEATURES)
        expect_one_of("mlp_keeps", self.mlp_keeps, KEEPS)
        for name in ("z", "epochs", "batch_size", "mlp_epochs", "mlp_batch_size"):
            expect_at_least(name, getattr(self, name), 1)
        for name in ("pad", "unlabeled_images", "labeled_images", "test_images"):
            expect_at_least(name, getattr(self, name), 0)
        if not (self.lr > 0 and self.mlp_lr > 0 and 0 < self.holdout < 1):
            raise ValueError(
                "The protocol fields 'lr' and 'mlp_lr' must be above 0, and 'holdout' between 0 and 1, "
                f"and {self.lr:g}, {self.mlp_lr:g} and {self.holdout:g} came."
            )
        if self.target == "features" and self.distance != "squared":
            raise ValueError(
                "With target=features the features themselves are predicted and compared by their squared difference, "
                f"so that distance must be 'squared', and {self.distance!r} came."
            )

    @property
    def chosen_datasets(self) -> tuple[str, ...]:
        return tuple(self.datasets.split("+"))

    @property
    def patience(self) -> int:
        """Epochs without a better validation before a classifier's training stops; R."""
        return max(10, self.mlp_epochs // 20)

    def signature(self) -> str:
        """Everything that changes a score, in one phrase."""
        skipped = "" if self.transform_input else ",no-transform_input"
        cuts = {"unlabeled": self.unlabeled_images, "labeled": self.labeled_images, "test": self.test_images}
        cut = "".join(f"|at most {count:,} {name} images" for name, count in cuts.items() if count)
        return (
            f"{self.distance}|input:{self.normalization}{skipped}|{self.encode} to z {self.z} to {self.target},"
            f"{self.epochs} epochs of {self.batch_size},Adam {self.lr:g}|MLPs {self.mlp_epochs} epochs of "
            f"{self.mlp_batch_size},Adam {self.mlp_lr:g},best {self.mlp_keeps}|{self.holdout:g} held out"
            f"|pad {self.pad}{cut}"
        )

    def distance_config(self) -> DistanceConfig:
        return DistanceConfig(self.distance)


PAPER = AutoencoderProtocol()
# Fewer images would mean few steps of the optimizer, so batches are smaller as well.
QUICK = replace(
    PAPER, batch_size=64, mlp_epochs=40, mlp_batch_size=64, unlabeled_images=4000, labeled_images=4000, test_images=2000
)
VARIANTS = {
    "paper": PAPER,
    # R feeds features from images in [0, 1] as they are and runs the children of GoogLeNet and Inception one after the
    # other. P's tables were made with P's numbers of epochs, not with R's defaults, and this is to compare with them.
    "reference": replace(PAPER, normalization="none", transform_input=False),
    "quick": QUICK,
    "sample": replace(QUICK, epochs=2, mlp_epochs=20, unlabeled_images=640, labeled_images=640, test_images=320),
}
