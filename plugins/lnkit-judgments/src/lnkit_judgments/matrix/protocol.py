"""The hyperparameters of `similarity_matrix`."""

from __future__ import annotations

from dataclasses import dataclass

from lnkit.protocols import Comparing, expect_at_least, expect_one_of
from lnkit.specs import RESIZE_FILTERS


@dataclass(frozen=True, slots=True)
class MatrixProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree."""

    resolution: int = 224  # pixels, with which most networks were trained on ImageNet
    resize_filter: str = "bicubic"  # of Pillow, antialiased
    resamples: int = 1000  # of the bootstrap over images behind each interval (Nili et al. 2014)

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        expect_one_of("resize_filter", self.resize_filter, RESIZE_FILTERS)
        expect_at_least("resolution", self.resolution, 1)
        expect_at_least("resamples", self.resamples, 0)

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        return f"{self.comparing_phrase()}|{self.resolution}px,{self.resize_filter}"


VARIANTS = {"paper": MatrixProtocol()}
