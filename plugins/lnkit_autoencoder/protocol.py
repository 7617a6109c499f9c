"""Hyperparameters of the benchmark `autoencoder`, each with its source; the README of this folder names the sources."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Training, expect_above, expect_at_least, expect_one_of

DATASETS = ("svhn", "stl10", "svhn+stl10")
IMAGE_OR_FEATURES = ("image", "features")
KEEPS = ("loss", "accuracy")


@dataclass(frozen=True, slots=True)
class AutoencoderProtocol(Training):
    """One way to run the benchmark. Scores are comparable only where all of these agree."""

    distance: str = "squared"  # mean squared difference of features; reference code. Pihlgren2023 Eq. 6 is the sum
    loss_mode: str = "eval"  # Pihlgren2023 names none. Reference code: "train", which the autoencoder's training sets
    batch_size: int = 256  # of the autoencoder; reference code, Pihlgren2023 names none
    lr: float = 1e-3  # learning rate of the autoencoder; Adam's default, reference code. Pihlgren2023 names none
    datasets: str = "svhn+stl10"  # which of the two; Pihlgren2023
    pad: int = 16  # pixels mirrored around images of 32 x 32, to 64 x 64; Pihlgren2023
    z: int = 64  # length of the embedding; Pihlgren2023
    target: str = "image"  # output of the decoder; Pihlgren2023. "features": those of the image, compared directly
    encode: str = "image"  # input of the encoder; Pihlgren2023. "features": those of the image
    epochs: int = 10  # of the autoencoder; Pihlgren2023. Default of the reference code: 50
    holdout: float = 0.2  # share held out for validation; of the classifiers Pihlgren2023, of both the reference code
    mlp_epochs: int = 100  # of each classifier at most; Pihlgren2023. Default of the reference code: 500
    mlp_batch_size: int = 256  # reference code; Pihlgren2023 names none
    mlp_lr: float = 1e-3  # learning rate of the classifiers; Adam's default, reference code
    mlp_keeps: str = "loss"  # validation value that selects a classifier's best epoch; reference code
    unlabeled_images: int = 0  # for the autoencoder, spread evenly over the split; 0 takes all
    labeled_images: int = 0  # for the classifiers, spread evenly over the split; 0 takes all
    test_images: int = 0  # spread evenly over the split; 0 takes all

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        self.check_training()
        expect_one_of("datasets", self.datasets, DATASETS)
        expect_one_of("target", self.target, IMAGE_OR_FEATURES)
        expect_one_of("encode", self.encode, IMAGE_OR_FEATURES)
        expect_one_of("mlp_keeps", self.mlp_keeps, KEEPS)
        for name in ("z", "epochs", "mlp_epochs", "mlp_batch_size"):
            expect_at_least(name, getattr(self, name), 1)
        for name in ("pad", "unlabeled_images", "labeled_images", "test_images"):
            expect_at_least(name, getattr(self, name), 0)
        expect_above("mlp_lr", self.mlp_lr, 0)
        if not 0 < self.holdout < 1:
            raise ValueError(f"Protocol field 'holdout': expected a value between 0 and 1, got {self.holdout:g}.")
        if self.encode == "features" and self.loss_mode == "train":
            raise ValueError(
                "Protocol field 'loss_mode': expected 'eval' with encode=features, since embeddings would depend on "
                "what the loss network saw last, got 'train'."
            )
        if self.target == "features" and self.distance != "squared":
            raise ValueError(
                "Protocol field 'distance': expected 'squared' with target=features, which compares predicted features "
                f"directly, got {self.distance!r}."
            )

    @property
    def chosen_datasets(self) -> tuple[str, ...]:
        """The names of the data sets: ("svhn", "stl10")."""
        return tuple(self.datasets.split("+"))

    @property
    def patience(self) -> int:
        """Epochs without a better validation before the autoencoder's training stops; reference code."""
        return early_stop(self.epochs)

    @property
    def mlp_patience(self) -> int:
        """Epochs without a better validation before a classifier's training stops; reference code."""
        return early_stop(self.mlp_epochs)

    def signature(self) -> str:
        """Return everything that changes a score, in one phrase."""
        limits = {"unlabeled": self.unlabeled_images, "labeled": self.labeled_images, "test": self.test_images}
        limited = "".join(f"|at most {count:,} {name} images" for name, count in limits.items() if count)
        return (
            f"{self.loss_phrase()}|{self.encode} to z {self.z} to {self.target},"
            f"{self.epochs} epochs of {self.batch_size},Adam {self.lr:g}|MLPs {self.mlp_epochs} epochs of "
            f"{self.mlp_batch_size},Adam {self.mlp_lr:g},best {self.mlp_keeps}|{self.holdout:g} held out"
            f"|pad {self.pad}{limited}"
        )


def early_stop(epochs: int) -> int:
    """Return the patience of a training of so many epochs; reference code."""
    return max(10, epochs // 20)


PAPER = AutoencoderProtocol()
# Fewer images would mean few steps of the optimizer, so batches are smaller as well.
QUICK = replace(
    PAPER, batch_size=64, mlp_epochs=40, mlp_batch_size=64, unlabeled_images=4000, labeled_images=4000, test_images=2000
)
VARIANTS = {
    "paper": PAPER,
    # The reference code feeds images in [0, 1] as they are, runs the children of GoogLeNet and Inception one after the
    # other, and trains with the loss network in training mode. Pihlgren2023 states other numbers of epochs for its
    # tables than the code's defaults.
    "reference": replace(PAPER, normalization="none", transform_input=False, loss_mode="train"),
    "quick": QUICK,
    "sample": replace(QUICK, epochs=2, mlp_epochs=20, unlabeled_images=640, labeled_images=640, test_images=320),
}
