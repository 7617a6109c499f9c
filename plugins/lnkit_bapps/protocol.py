"""The hyperparameters of `bapps`. The README names the sources."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Comparing, expect_one_of
from lnkit.specs import RESIZE_FILTERS

PARTS = ("2afc", "jnd", "2afc+jnd")


@dataclass(frozen=True, slots=True)
class BappsProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree."""

    resolution: int = 64  # pixels; Zhang2018 2.2, Pihlgren2023. Kumar2022 A also ran 224 and more
    resize_filter: str = "bilinear"  # of Pillow, antialiased, for images of another size; Zhang2018's loader
    parts: str = "2afc+jnd"  # Pihlgren2023 ran both
    per_family: int = 0  # items of each family, from the first; 0 takes all
    resamples: int = 1000  # of the bootstrap behind the interval of an average precision; ours: no source reports any

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        expect_one_of("resize_filter", self.resize_filter, RESIZE_FILTERS)
        expect_one_of("parts", self.parts, PARTS)
        if self.resolution < 1 or self.per_family < 0 or self.resamples < 0:
            raise ValueError("resolution must be 1 or more, per_family and resamples 0 or more.")

    def signature(self) -> str:
        """Name everything that changes a distance, in one phrase."""
        cut = f"|first {self.per_family} of each family" if self.per_family else ""
        return f"{self.comparing_phrase()}|{self.resolution}px,{self.resize_filter}{cut}"


PAPER = BappsProtocol()
VARIANTS = {
    "paper": PAPER,
    # The reference code runs the children of GoogLeNet and Inception one after the other, which skips transform_input,
    # and normalizes with torch.nn.functional.normalize.
    "reference": replace(PAPER, epsilon="reference", transform_input=False, normalization="imagenet"),
    "quick": replace(PAPER, per_family=100),
}
