"""The hyperparameters of `invariance`: how strong each change is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lnkit.protocols import Comparing, expect_at_least

CHANGES = ("shift", "rotation", "scale", "brightness", "jpeg", "noise", "blur")  # each at several strengths
MIRROR = "mirror"  # a flip from left to right, which has no strength
SUBTLE = (*CHANGES[:-1], MIRROR)  # applied to triplets, at their weakest
MARGIN = 8  # pixels around a crop that are not compared: changes move real neighbors in, not a border


@dataclass(frozen=True, slots=True)
class InvarianceProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree.

    Strengths are joined with ``+``, the weakest first. The weakest is meant to be hard to see; the stronger ones are
    for the order of distances alone.
    """

    size: int = 128  # side of a crop in pixels; images are cropped, never resized; ours
    crops: int = 4  # of each image; ours
    shift: str = "1+2+4"  # pixels to the right; one is the shift of Ghildyal2022, the others are ours
    rotation: str = "0.5+1+2"  # degrees, cubic interpolation; ours
    scale: str = "1.01+1.02+1.04"  # enlargement, cubic interpolation; ours
    brightness: str = "0.02+0.05+0.1"  # added part of each value; ours
    jpeg: str = "5+25+50"  # 100 minus Pillow's quality; ours
    noise: str = "1+4+16"  # standard deviation in 8-bit steps; ours
    blur: str = "0.5+1+2"  # standard deviation in pixels; ours
    visible_blur: float = 2.0  # pixels; the blur that distances are set in relation to; ours
    per_family: int = 0  # triplets of each family of 2AFC data, from the first; 0 takes all; ours
    resamples: int = 1000  # of the bootstrap over images behind the interval of a median; ours

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        expect_at_least("size", self.size, 1)
        expect_at_least("crops", self.crops, 1)
        expect_at_least("per_family", self.per_family, 0)
        expect_at_least("resamples", self.resamples, 0)
        for field in CHANGES:
            self.strengths(field)
        _expect_in_margin("shift", self.strengths("shift")[-1], "pixels")
        for value in self.strengths("shift"):
            if value != int(value):
                raise ValueError(f"Protocol field 'shift': expected whole pixels, got {value:g}.")
        if self.strengths("scale")[0] <= 1:
            raise ValueError(f"Protocol field 'scale': expected factors above 1, got {self.scale!r}.")
        if self.strengths("jpeg")[-1] > 100:
            raise ValueError(f"Protocol field 'jpeg': expected at most 100, got {self.jpeg!r}.")
        if not 0 < self.visible_blur < math.inf:
            raise ValueError(f"Protocol field 'visible_blur': expected a number above 0, got {self.visible_blur}.")
        half = self.size / 2
        _expect_in_margin("rotation", half * math.radians(self.strengths("rotation")[-1]), "pixels at the edge")
        _expect_in_margin("blur", 3 * max(self.strengths("blur")[-1], self.visible_blur), "pixels, 3 deviations")

    def strengths(self, change: str) -> tuple[float, ...]:
        """Return the strengths of a change, the weakest first.

        Raises:
            ValueError: They are no ascending numbers above 0.
        """
        text: str = getattr(self, change)
        try:
            values = tuple(float(part) for part in text.split("+"))
        except ValueError:
            values = ()
        ascending = all(low < high for low, high in zip((0.0, *values), (*values, math.inf), strict=True))
        if not values or not ascending:
            raise ValueError(
                f"Protocol field {change!r}: expected ascending numbers above 0, such as 1+2+4, got {text!r}."
            )
        return values

    def weakest(self, change: str) -> float:
        """Return the weakest strength of a change; 0 for the mirror, which has none."""
        return 0.0 if change == MIRROR else self.strengths(change)[0]

    def labels(self) -> list[tuple[str, float]]:
        """Return every change with its strength that a crop is compared with; the visible blur is last."""
        graded = [(change, strength) for change in CHANGES for strength in self.strengths(change)]
        return [*graded, (MIRROR, 0.0), ("blur", self.visible_blur)]

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        changes = ",".join(f"{name} {getattr(self, name)}" for name in CHANGES)
        cut = f"|first {self.per_family} of each family" if self.per_family else ""
        crops = f"crops:{self.crops}x{self.size}px"
        return f"{self.comparing_phrase()}|{crops}|{changes},visible blur {self.visible_blur:g}{cut}"


def _expect_in_margin(field: str, pixels: float, unit: str) -> None:
    """Refuse a strength that would bring the border of the image into the crop."""
    if pixels > MARGIN:
        raise ValueError(f"Protocol field {field!r}: expected at most {MARGIN} {unit}, got {pixels:g}. Weaken it.")


DEFAULT = InvarianceProtocol()
VARIANTS = {
    "default": DEFAULT,
    "patches": replace(DEFAULT, size=48, crops=1, per_family=500),  # of images of 64 pixels, such as those of BAPPS
    "quick": replace(DEFAULT, size=64, crops=1, per_family=50),
}
