"""The hyperparameters of `psychophysics`. Cai2025 is Cai, Yin, Hammou and Mantiuk, CVPR 2025 (arXiv 2502.20256)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lnkit import DistanceConfig
from lnkit.protocols import Comparing, expect_above, expect_at_least, expect_one_of, expect_within

if TYPE_CHECKING:
    from lnkit_psychophysics.field import Field

MATCHINGS = ("table", "brent")

FLAT_ANGLE = "flat_angle"

SMALLEST_SIDE = 128  # pixels; ours: a cycle of the lowest frequency. In 64 pixels a Gabor of 1 degree has no sides
LARGEST_SIDE = 2048  # pixels; ours: one image has 100 MB in float64


@dataclass(frozen=True)
class Viewing:
    """How stimuli are shown and measured. Scores compare only where all of these agree."""

    side: int = 224  # pixels of the square field; Cai2025. Backbones that take one size only get a field of that size
    pixels_per_degree: float = 60.0  # Cai2025; human data hold for no other
    peak: float = 400.0  # cd/m2 that are encoded as 1; Cai2025; human data hold for no other
    noise_seed: int = 8  # of the noise field; Cai2025
    positions: int = 0  # frequencies, luminances, areas or masks of each test, evenly spread; 0 takes all of Cai2025
    matching: str = "table"  # interpolated in a table of contrasts; "brent" then finds the root, as Cai2025 does
    table: int = 45  # contrasts from 0.001 to 1 in that table; ours
    curve: int = 8  # further contrasts of each position for the pictures, which change no score; ours. 0: no pictures
    resamples: int = 1000  # of the bootstrap over positions behind each interval; ours: Cai2025 reports none

    def check_viewing(self) -> None:
        """Raise ValueError for values that no run could honor."""
        expect_within("side", self.side, SMALLEST_SIDE, LARGEST_SIDE)
        expect_above("pixels_per_degree", self.pixels_per_degree, 0)
        expect_above("peak", self.peak, 0)
        expect_one_of("matching", self.matching, MATCHINGS)
        expect_at_least("table", self.table, 3)
        for field in ("noise_seed", "positions", "curve", "resamples"):
            expect_at_least(field, getattr(self, field), 0)

    def field(self, side: int) -> Field:
        """Return the field of view, with this number of pixels a side."""
        from lnkit_psychophysics.field import Field  # noqa: PLC0415 - numpy, not for listings

        return Field(side, self.pixels_per_degree, self.peak, self.noise_seed)

    def viewing_phrase(self) -> str:
        """Return the fields above for a signature."""
        display = f"{self.side}px or the only size of the backbone,{self.pixels_per_degree:g}px/deg,{self.peak:g}cd/m2"
        cut = f"|{self.positions} positions of each test" if self.positions else ""
        table = f"matching by {self.matching} of {self.table}" if self.matching == "table" else "matching by brent"
        return f"{display}|noise {self.noise_seed}|{table}{cut}"


@dataclass(frozen=True)
class PsychophysicsProtocol(Comparing, Viewing):
    """The loss network as it is used: the backbone's normalization and the loss network's own distance."""

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        self.check_viewing()

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        return f"{self.comparing_phrase()}|{self.viewing_phrase()}"


@dataclass(frozen=True)
class ReferenceProtocol(Viewing):
    """The rules of Cai2025: images in [0, 1] as they are, and the angle between flattened features over pi."""

    matching: str = "brent"  # Cai2025: tolerance 0.00001
    normalization: str = "none"  # Cai2025, for all encoders but autoencoders
    transform_input: bool = False  # the same for networks that re-normalize inside

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_viewing()

    def distance_config(self) -> DistanceConfig:
        """Return the distance of Cai2025; there is no other to choose."""
        return DistanceConfig(FLAT_ANGLE)

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        skipped = "" if self.transform_input else ",no-transform_input"
        return f"{FLAT_ANGLE}|input:{self.normalization}{skipped}|{self.viewing_phrase()}"


DEFAULT = PsychophysicsProtocol()
QUICK = replace(DEFAULT, positions=4)

VARIANTS = {
    "default": DEFAULT,
    "reference": ReferenceProtocol(),
    "quick": QUICK,
    # What --sample runs. There are no data, so that it shows the stimuli themselves, at the ends of each test.
    "sample": replace(QUICK, positions=2, table=15, curve=4),
}
