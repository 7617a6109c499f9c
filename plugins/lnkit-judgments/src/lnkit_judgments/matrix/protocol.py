"""What `similarity_matrix` computes."""

from __future__ import annotations

from dataclasses import dataclass

from lnkit_judgments.comparing import FILTERS, Comparing, check_comparing, expect, expect_at_least


@dataclass(frozen=True, slots=True)
class MatrixProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree."""

    resolution: int = 224  # pixels; what most networks were trained with on ImageNet
    resize_filter: str = "bicubic"  # of Pillow, antialiased
    resamples: int = 1000  # of the bootstrap over images behind each interval (Nili et al. 2014)

    def __post_init__(self) -> None:
        """Refuse values that no run could honor."""
        check_comparing(self)
        expect("resize_filter", self.resize_filter, FILTERS)
        expect_at_least(1, resolution=self.resolution)
        expect_at_least(0, resamples=self.resamples)

    def signature(self) -> str:
        """Everything that changes a score, in one phrase."""
        return f"{self.comparing_phrase()}|{self.resolution}px,{self.resize_filter}"


VARIANTS = {"paper": MatrixProtocol()}
