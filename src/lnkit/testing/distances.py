"""Checks of a distance: one finite number of 0 or more for each pair, whatever the rest of the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lnkit.networks.inspection import inspect_points
from lnkit.specs import BackboneSpec, DistanceSpec, ExtractionPoint, load_function
from lnkit.testing.checks import Check, NotChecked, error_message

if TYPE_CHECKING:
    from lnkit.specs import Distance

PAIRS, CHANNELS, ROWS, COLUMNS = 4, 8, 6, 5  # all different, so that a wrong axis is noticed
ROUNDING = 1e-5  # tolerance relative to the distance between unrelated features


@dataclass
class DistanceSubject:
    """A distance and features to apply it to."""

    spec: DistanceSpec
    learned_for: tuple[BackboneSpec, ExtractionPoint] | None = None  # a point that a learned distance has weights for

    @property
    def title(self) -> str:
        return f"distance {self.spec.name}"

    @property
    def source(self) -> object:
        """The function that loads it."""
        return self.spec.load

    @property
    def checks(self) -> tuple[Check, ...]:
        return DISTANCE_CHECKS

    @cached_property
    def channels(self) -> int:
        """Number of channels of the features: of the point that the distance was learned for, if any."""
        if self.learned_for is None:
            return CHANNELS
        (facts,) = inspect_points(self.learned_for[0], (self.learned_for[1],))
        return facts.outputs[0].shape[0]

    @cached_property
    def distance(self) -> Distance:
        """The distance as benchmarks load it. Raises NotChecked if that fails."""
        options = self.options
        try:
            return load_function(self.spec.load)(**options)
        except Exception as error:  # plugin code
            raise NotChecked(f"It cannot be loaded. {error_message(error)}") from error

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the spec's load. Raises NotChecked if they are unknown."""
        if self.learned_for:
            return {"backbone": self.learned_for[0].name, "point": self.learned_for[1].name}
        if self.spec.per_point:
            raise NotChecked(
                "It is learned for each point, but no backbone of its plugin has it as its distance: the points are "
                "unknown."
            )
        # lnkit's own `lin` needs the weights that a user gives it otherwise.
        return {"weight": torch.ones(CHANNELS)} if self.spec.name == "lin" else {}

    def features(self, seed: int, rows: int = ROWS, columns: int = COLUMNS) -> Tensor:
        """Return random features (PAIRS, C, rows, columns), half of them zero as behind a ReLU."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(PAIRS, self.channels, rows, columns, generator=generator).relu()

    @cached_property
    def unrelated(self) -> Tensor:
        """Distances (PAIRS,) between unrelated features: the scale for tolerances."""
        distance, a, b = self.distance, self.features(1), self.features(2)
        try:
            distances = distance(a, b)
        except Exception as error:  # plugin code
            raise NotChecked(
                f"It cannot compare two tensors of shape {tuple(a.shape)}. {error_message(error)}"
            ) from error
        if isinstance(distances, Tensor) and distances.shape == (PAIRS,) and distances.is_floating_point():
            return distances
        tensor = isinstance(distances, Tensor)
        given = f"{distances.dtype} of shape {tuple(distances.shape)}" if tensor else type(distances).__name__
        raise NotChecked(f"Expected {PAIRS} real numbers for two tensors of shape {tuple(a.shape)}, got {given}.")

    @property
    def tolerance(self) -> float:
        return ROUNDING * float(self.unrelated.nan_to_num().abs().max())

    def release(self) -> None:
        """Free the distance and what it was applied to."""
        for name in ("channels", "distance", "unrelated"):
            vars(self).pop(name, None)


def one_number_for_each_pair(subject: DistanceSubject) -> Iterator[str]:
    """Two tensors (N, C, H, W) give a floating-point tensor (N,)."""
    subject.options  # noqa: B018 - raises NotChecked if the arguments of load are unknown
    try:
        subject.unrelated  # noqa: B018 - comparing is the check
    except NotChecked as error:
        yield str(error)


def zero_for_the_same(subject: DistanceSubject) -> Iterator[str]:
    """The distance of features to themselves is 0."""
    same = subject.distance(subject.features(1), subject.features(1)).abs().max()
    if not same <= subject.tolerance:
        yield f"Expected distance 0 of features to themselves, got {same:.3g}."


def never_negative(subject: DistanceSubject) -> Iterator[str]:
    """No distance is below 0."""
    swapped = subject.distance(subject.features(2), subject.features(1))
    lowest = min(float(subject.unrelated.min()), float(swapped.min()))
    if lowest < -subject.tolerance:
        yield f"Expected a distance of 0 or more between unrelated features, got {lowest:.3g}."


def finite_distances(subject: DistanceSubject) -> Iterator[str]:
    """Distances are finite, also for features that are all zero and for maps of one position."""
    zero, single = torch.zeros_like(subject.features(1)), subject.features(1, 1, 1)
    pairs = {
        "unrelated features": (subject.features(1), subject.features(2)),
        "features that are all zero": (zero, zero),
        "features that are all zero on one side": (subject.features(1), zero),
        "maps of one position": (single, subject.features(2, 1, 1)),
    }
    for name, (a, b) in pairs.items():
        if not torch.isfinite(subject.distance(a, b)).all():
            yield f"The distance is NaN or infinite for {name}."


def finite_gradients(subject: DistanceSubject) -> Iterator[str]:
    """Gradients are finite, also for features that are equal or all zero; others would break a training."""
    for case, same in {"equal": subject.features(1), "all zero": torch.zeros_like(subject.features(1))}.items():
        learned = same.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(subject.distance(learned, same).sum(), learned)
        if not torch.isfinite(gradient).all():
            yield f"The gradient is NaN or infinite if the features are {case}: guard roots and divisions against 0."


def batch_independence(subject: DistanceSubject) -> Iterator[str]:
    """The distance of a pair does not depend on the other pairs of its batch."""
    a, b = subject.features(1), subject.features(2)
    alone = torch.cat([subject.distance(a[i : i + 1], b[i : i + 1]) for i in range(len(a))])
    difference = float((alone - subject.unrelated).abs().max())
    if difference > subject.tolerance:
        yield f"The distances of a pair alone and in a batch differ by {difference:.3g}: compute each pair by itself."


def repeated_distances(subject: DistanceSubject) -> Iterator[str]:
    """The same features give the same distance in a second call."""
    again = subject.distance(subject.features(1), subject.features(2))
    if not torch.equal(subject.unrelated.nan_to_num(), again.nan_to_num()):
        yield "The distance differs in a second call: it draws random numbers or keeps state."


def untouched_features(subject: DistanceSubject) -> Iterator[str]:
    """It does not modify the features."""
    a, b = subject.features(1), subject.features(2)
    subject.distance(a, b)
    if not (torch.equal(a, subject.features(1)) and torch.equal(b, subject.features(2))):
        yield "It modifies the features, which are also compared at other points and by other distances."


DISTANCE_CHECKS: tuple[Check, ...] = (
    one_number_for_each_pair,
    zero_for_the_same,
    never_negative,
    finite_distances,
    finite_gradients,
    batch_independence,
    repeated_distances,
    untouched_features,
)
