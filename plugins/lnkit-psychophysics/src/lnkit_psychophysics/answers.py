"""What one loss network answered, beside the image itself: distances of all stimuli, and matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit_psychophysics.stimuli import Test, all_tests

Array = NDArray[Any]

SCORED, CURVE, BASELINE = "scored", "curve", "no_encoder"
MEASURED = ("distances", "targets", "matches")  # of matching


@dataclass(frozen=True)
class Matching:
    """Contrast matching at F frequencies, with a table of T contrasts and R references."""

    rows: Array  # (F,), the numbers of the frequencies among those that people matched
    contrasts: Array  # (T,), ascending
    distances: Array  # (F, T), of gratings from the uniform field
    targets: Array  # (R,), distances of the references
    matches: Array  # (R, F), contrasts


@dataclass(frozen=True)
class Answers:
    """The answers of a loss network, and those of the image itself if it stands beside it."""

    distances: Mapping[str, tuple[Array, Array]]  # test -> (positions, multiples) and (positions, contrasts of curves)
    matching: Matching
    tests: Sequence[Test]  # at the positions that were measured
    baseline: Answers | None = None  # of the image itself

    def beside(self, baseline: Answers) -> Answers:
        """Return the same with a baseline."""
        return Answers(self.distances, self.matching, self.tests, baseline)

    def arrays(self) -> dict[str, Array]:
        """Return all arrays by name, to be stored beside the record."""
        arrays = {f"{test.name}/positions": test.positions for test in self.tests}
        arrays |= {f"matching/{name}": getattr(self.matching, name) for name in ("rows", "contrasts")}
        for prefix, answers in (("", self), (f"{BASELINE}/", self.baseline)):
            if answers is not None:
                arrays |= {f"{prefix}{name}": array for name, array in answers._measured().items()}
        return arrays

    def _measured(self) -> dict[str, Array]:
        arrays = {f"matching/{name}": getattr(self.matching, name) for name in MEASURED}
        for name, (scored, curve) in self.distances.items():
            arrays |= {f"{name}/{SCORED}": scored, f"{name}/{CURVE}": curve}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Answers:
        """Restore what :meth:`arrays` returned."""
        tests = [test.at(np.asarray(arrays[f"{test.name}/positions"])) for test in all_tests()]
        baseline = cls._restored(arrays, tests, f"{BASELINE}/")
        return cls._restored(arrays, tests, "").beside(baseline)

    @classmethod
    def _restored(cls, arrays: Mapping[str, Any], tests: Sequence[Test], prefix: str) -> Answers:
        distances = {
            test.name: (arrays[f"{prefix}{test.name}/{SCORED}"], arrays[f"{prefix}{test.name}/{CURVE}"])
            for test in tests
        }
        measured = [arrays[f"{prefix}matching/{name}"] for name in MEASURED]
        return cls(distances, Matching(arrays["matching/rows"], arrays["matching/contrasts"], *measured), tests)
