"""The hyperparameters of `tid2013` and `kadid10k`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Comparing, expect_at_least, expect_one_of
from lnkit.specs import RESIZE_FILTERS

FITS = ("logistic5", "logistic4")


@dataclass(frozen=True, slots=True)
class OpinionsProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree."""

    resolution: int = 0  # pixels of the shorter side; 0 leaves images as published (512 x 384), which is usual
    resize_filter: str = "bicubic"  # of Pillow, antialiased, where images are resized
    fit: str = "logistic5"  # before plcc_logistic; Sheikh et al. 2006. "logistic4" is VQEG's of 2003
    references: int = 0  # reference images, from the first; 0 takes all
    resamples: int = 1000  # of the bootstrap over reference images behind each interval; ours: no source reports any

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        expect_one_of("resize_filter", self.resize_filter, RESIZE_FILTERS)
        expect_one_of("fit", self.fit, FITS)
        for field in ("resolution", "references", "resamples"):
            expect_at_least(field, getattr(self, field), 0)

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        size = f"shorter side {self.resolution}px,{self.resize_filter}" if self.resolution else "size as published"
        cut = f"|first {self.references} references" if self.references else ""
        return f"{self.comparing_phrase()}|{size}|{self.fit}{cut}"


PAPER = OpinionsProtocol()
VARIANTS = {"paper": PAPER, "quick": replace(PAPER, references=3)}
