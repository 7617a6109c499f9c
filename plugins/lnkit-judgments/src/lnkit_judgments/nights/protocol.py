"""The hyperparameters of `nights`. Fu2023 is Fu et al. 2023 (DreamSim) and its published implementation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Comparing, expect_at_least, expect_one_of
from lnkit.specs import RESIZE_FILTERS


@dataclass(frozen=True, slots=True)
class NightsProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree."""

    resolution: int = 224  # pixels; Fu2023 resizes 768 to it, except for LPIPS and pixel metrics
    resize_filter: str = "bicubic"  # of Pillow, antialiased; Fu2023
    split: str = "test"  # Fu2023 scores test_imagenet and test_no_imagenet together
    min_votes: int = 6  # Fu2023 scores triplets with at least so many votes, all for the same image
    triplets: int = 0  # from the first; 0 takes all

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        expect_one_of("resize_filter", self.resize_filter, RESIZE_FILTERS)
        expect_at_least("resolution", self.resolution, 1)
        for field in ("min_votes", "triplets"):
            expect_at_least(field, getattr(self, field), 0)

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        cut = f"|first {self.triplets}" if self.triplets else ""
        size = f"{self.resolution}px,{self.resize_filter}"
        return f"{self.comparing_phrase()}|{size}|{self.split},{self.min_votes}+ votes{cut}"


PAPER = NightsProtocol()
VARIANTS = {
    "paper": PAPER,
    "full_size": replace(PAPER, resolution=768),  # as Fu2023 feeds LPIPS
    "quick": replace(PAPER, triplets=100),
}
