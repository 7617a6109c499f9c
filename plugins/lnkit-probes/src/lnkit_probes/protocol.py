"""The hyperparameters of `perceptual_probes`. Kumar2022 is Kumar et al. 2022 (TMLR)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lnkit import DistanceConfig
from lnkit.protocols import Comparing, expect_at_least, expect_one_of

POOLINGS = ("spatial", "mean_pool", "style")  # Kumar2022 8.1

PARTS = ("ps", "layers", "native", "sensitivity", "margins", "entropy", "lowpass", "tid2013")  # "ps" is always measured

ALL = "all"

ENTROPIES = ("map", "channels")

CLASSIFIERS = ("auto", "class_means")

LEARNED = ("lin",)  # distances whose weights belong to one set of layers


@dataclass(frozen=True, slots=True)
class ProbesProtocol(Comparing):
    """One way to run the probes. Scores compare only where all of these agree.

    Everything is measured with ``distance``, except the three perceptual scores named after their distances.
    """

    probes: str = ALL  # or some of PARTS, joined with +
    resolution: int = 64  # pixels, of triplets and of labelled images; Kumar2022
    per_family: int = 0  # triplets of each family, from the first; 0 takes all
    entropy_images: int = 1000  # references, as many of each family; ours: Kumar2022 names BAPPS's validation set only
    entropy_over: str = "map"  # softmax over H x W x C, Kumar2022 8.5; or "channels": at each position by itself, ours
    lowpass_sides: str = "8+16+32+48"  # of squares of frequencies that pass; ours: Kumar2022 plots more
    classifier: str = "auto"  # own head, Kumar2022 8.6, if trained on exactly these classes; or "class_means", ours
    train_per_class: int = 100  # labelled images to learn class means from; ours
    test_per_class: int = 50  # labelled images to classify; Kumar2022 uses ImageNet's validation images: 50 per class
    resamples: int = 1000  # of the bootstrap behind intervals of correlations and of the low pass; ours

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        for part in self.probes.split("+"):
            expect_one_of("probes", part, (ALL, *PARTS))
        self.check_comparing()
        if set(self.distance.split("+")) & set(LEARNED):
            raise ValueError(
                "The distance 'lin' has weights for one set of layers, but layers are probed alone: choose another."
            )
        for field in ("resolution", "entropy_images", "train_per_class", "test_per_class"):
            expect_at_least(field, getattr(self, field), 1)
        expect_at_least("per_family", self.per_family, 0)
        expect_at_least("resamples", self.resamples, 0)
        expect_one_of("entropy_over", self.entropy_over, ENTROPIES)
        expect_one_of("classifier", self.classifier, CLASSIFIERS)
        for side in self.sides:
            if not 2 <= side < self.resolution:
                raise ValueError(
                    f"Expected sides from 2 to below the resolution, {self.resolution}, in 'lowpass_sides', got {side}."
                )

    def wants(self, part: str) -> bool:
        """Whether to measure one of PARTS."""
        return part in self.probes.split("+") or self.probes == ALL

    @property
    def sides(self) -> tuple[int, ...]:
        """Return the sides of the squares of frequencies that pass, ascending."""
        try:
            return tuple(sorted({int(side) for side in self.lowpass_sides.split("+")}))
        except ValueError as error:
            raise ValueError(
                f"Expected whole numbers joined with + as 'lowpass_sides', got {self.lowpass_sides!r}."
            ) from error

    @property
    def measured_sides(self) -> tuple[int, ...]:
        """Return all sides to measure, ascending: each with the one before, for slopes, and at last the resolution."""
        return tuple(sorted({r for side in self.sides for r in (side - 1, side)} | {self.resolution}))

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        cut = f"|first {self.per_family} of each family" if self.per_family else ""
        classes = f"{self.train_per_class}+{self.test_per_class} per class"
        entropy = f"entropy of {self.entropy_images} over {self.entropy_over}"
        details = f"{entropy}|low pass {self.lowpass_sides},{self.classifier},{classes}"
        return f"{self.comparing_phrase()}|{self.resolution}px{cut}|{details}"

    def pooled(self, name: str) -> DistanceConfig:
        """A distance by name, with the options of this protocol."""
        return DistanceConfig(name, self.channel_norm, self.epsilon)


PAPER = ProbesProtocol()

VARIANTS = {
    "paper": PAPER,
    "quick": replace(
        PAPER,
        probes="+".join(part for part in PARTS if part != "native"),
        per_family=100,
        entropy_images=100,
        train_per_class=20,
        test_per_class=10,
    ),
}

LABELLED = "labelled"  # a folder, or an archive of that name

TID2013 = "tid2013"
