"""What the benchmark computes, to the last hyperparameter. P, K and R are explained in this folder's README."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit import DistanceConfig
from lnkit.protocols import expect_one_of

NORMALIZATIONS = ("backbone", "imagenet", "lpips", "none")
EPSILONS = ("lpips", "reference", "torchmetrics")
FILTERS = ("bilinear", "bicubic", "lanczos", "box", "nearest")
PARTS = ("2afc", "jnd", "2afc+jnd")


@dataclass(frozen=True, slots=True)
class BappsProtocol:
    """One way to run the benchmark. Scores compare only where all of these agree."""

    distance: str = "spatial"  # P Eq. 1, K Eq. 1; LPIPS calls it "baseline"
    channel_norm: bool = True  # unit length over channels; P Eq. 1
    epsilon: str = "lpips"  # y / (|y| + 1e-10); LPIPS and K. "reference" is y / max(|y|, 1e-12)
    lin_weights: str = ""  # for distance "lin": a file, or "lpips"
    normalization: str = "backbone"  # each backbone's own; for the 14 ImageNet mean and std, R's default
    transform_input: bool = True  # GoogLeNet and Inception v3 re-normalize as torchvision trained them
    resolution: int = 64  # pixels; LPIPS, P and R. K also ran 224
    resize_filter: str = "bilinear"  # of PIL, antialiased, for images of another size; LPIPS's loader and R
    parts: str = "2afc+jnd"  # P ran both
    per_family: int = 0  # items of each family, from the first; 0 takes all
    resamples: int = 1000  # of the bootstrap behind each interval; ours, no source reports intervals

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        expect_one_of("epsilon", self.epsilon, EPSILONS)
        expect_one_of("normalization", self.normalization, NORMALIZATIONS)
        expect_one_of("resize_filter", self.resize_filter, FILTERS)
        expect_one_of("parts", self.parts, PARTS)
        if self.resolution < 1 or self.per_family < 0 or self.resamples < 0:
            raise ValueError("resolution must be 1 or more, per_family and resamples 0 or more.")

    def signature(self) -> str:
        """Everything that changes a distance, in one phrase."""
        norm = f",norm:{self.epsilon}" if self.channel_norm else ",no-norm"
        norm = "" if self.distance == "squared" else norm  # which never normalizes
        lin = f",weights:{self.lin_weights}" if self.lin_weights else ""
        skipped = "" if self.transform_input else ",no-transform_input"
        cut = f"|first {self.per_family} of each family" if self.per_family else ""
        size = f"{self.resolution}px,{self.resize_filter}"
        return f"{self.distance}{norm}{lin}|input:{self.normalization}{skipped}|{size}{cut}"

    def distance_config(self) -> DistanceConfig:
        return DistanceConfig(self.distance, self.channel_norm, self.epsilon, self.lin_weights)


PAPER = BappsProtocol()
VARIANTS = {
    "paper": PAPER,
    # R runs the children of GoogLeNet and Inception one after the other, so their transform_input is skipped, and
    # normalizes with torch.nn.functional.normalize.
    "reference": replace(PAPER, epsilon="reference", transform_input=False, normalization="imagenet"),
    "quick": replace(PAPER, per_family=100),
}
