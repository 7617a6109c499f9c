"""The hyperparameters of `pieapp`. Prashnani2018 is Prashnani et al. 2018; UniSim is Ghazanfari et al. 2024."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Comparing, expect_at_least, expect_one_of, expect_within
from lnkit.specs import RESIZE_FILTERS

SPLITS = ("train", "val", "test")
PAIRS = ("all", "distorted")


@dataclass(frozen=True, slots=True)
class PieappProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree."""

    resolution: int = 256  # pixels, the size of the published images; Prashnani2018
    resize_filter: str = "bicubic"  # of Pillow, antialiased, for images of another size
    split: str = "test"  # Prashnani2018; only the test split has scores of images
    pairs: str = "all"  # Prashnani2018; "distorted" leaves out pairs with the reference itself, as UniSim does
    margin: float = 0.0  # pairs with a share within 0.5 +- margin are left out; 0 takes all. UniSim: 0.1
    references: int = 0  # reference images, from the first; 0 takes all
    resamples: int = 1000  # of the bootstrap over reference images behind each interval; ours: no source reports any

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        expect_one_of("resize_filter", self.resize_filter, RESIZE_FILTERS)
        expect_one_of("split", self.split, SPLITS)
        expect_one_of("pairs", self.pairs, PAIRS)
        expect_at_least("resolution", self.resolution, 1)
        expect_within("margin", self.margin, 0, 0.5)
        for field in ("references", "resamples"):
            expect_at_least(field, getattr(self, field), 0)

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        left_out = f" without shares of 0.5 +- {self.margin:g}" if self.margin else ""
        cut = f"|first {self.references} references" if self.references else ""
        size = f"{self.resolution}px,{self.resize_filter}"
        return f"{self.comparing_phrase()}|{size}|{self.split},{self.pairs} pairs{left_out}{cut}"


PAPER = PieappProtocol()
VARIANTS = {
    "paper": PAPER,
    "unisim": replace(PAPER, pairs="distorted", margin=0.1),
    "quick": replace(PAPER, references=3),
}
