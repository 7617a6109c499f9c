"""The hyperparameters of `things`. Fu2023 is Fu et al. 2023 (DreamSim) and its published implementation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit.protocols import Comparing, expect_at_least, expect_one_of
from lnkit.specs import RESIZE_FILTERS


@dataclass(frozen=True, slots=True)
class ThingsProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree."""

    triplets: str = "data1854_batch5_test10"  # name of the file, without its suffix; the test triplets of 2020
    resolution: int = 224  # pixels; Fu2023
    resize_filter: str = "bicubic"  # of Pillow, antialiased; Fu2023
    first_images: int = 0  # only triplets of images with smaller numbers; 0 takes all

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        expect_one_of("resize_filter", self.resize_filter, RESIZE_FILTERS)
        expect_at_least("resolution", self.resolution, 1)
        expect_at_least("first_images", self.first_images, 0)
        if not self.triplets or "/" in self.triplets or not self.triplets.isprintable():
            raise ValueError(f"Protocol field 'triplets': expected the name of a file, got {self.triplets!r:.80}.")

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        cut = f"|first {self.first_images} images" if self.first_images else ""
        return f"{self.comparing_phrase()}|{self.resolution}px,{self.resize_filter}|{self.triplets}{cut}"


PAPER = ThingsProtocol()
VARIANTS = {
    "paper": PAPER,
    "dreamsim": replace(PAPER, triplets="validationset"),  # Fu2023
    "all2023": replace(PAPER, triplets="triplets_large_final_correctednc_correctedorder"),  # Hebart et al. 2023
    "quick": replace(PAPER, first_images=300),
}
