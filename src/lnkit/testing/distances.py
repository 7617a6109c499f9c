"""What is asked about a distance: a number of 0 or more for each pair, whatever the pair comes with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lnkit.specs import DistanceSpec
from lnkit.testing.findings import Check, NotChecked, raised

if TYPE_CHECKING:
    from lnkit.specs import Distance

SHAPE = (4, 8, 6, 5)  # pairs, channels, rows, columns: all different, so that none is taken for another
ROUNDING = 1e-5  # of the distance between unrelated features
SEED = 0


@dataclass
class DistanceThing:
    """A distance, and features to compare with it."""

    spec: DistanceSpec

    @property
    def title(self) -> str:
        return f"distance {self.spec.name}"

    @property
    def checks(self) -> tuple[Check, ...]:
        return DISTANCES

    @cached_property
    def distance(self) -> Distance:
        """The distance as a benchmark loads it. Raises NotChecked where that fails."""
        # The one distance that cannot do without an option is lnkit's own: its weights are learned for each point.
        options: dict[str, Any] = {"weight": torch.ones(SHAPE[1])} if self.spec.name == "lin" else {}
        try:
            return self.spec.load(**options)
        except Exception as error:  # the plugin's code
            raise NotChecked(f"it cannot be loaded. {raised(error)}") from error

    @cached_property
    def unrelated(self) -> Tensor:
        """The distances between unrelated features, (N,): what others are large or small compared with."""
        distance = self.distance
        try:
            found = distance(features(1), features(2))
        except Exception as error:  # the plugin's code
            raise NotChecked(f"it cannot compare two tensors of shape {SHAPE}. {raised(error)}") from error
        came = f"{found.dtype} of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        if not isinstance(found, Tensor) or tuple(found.shape) != SHAPE[:1] or not found.is_floating_point():
            raise NotChecked(f"two tensors of shape {SHAPE} must give {SHAPE[0]} floating-point numbers, not {came}.")
        return found

    @property
    def tolerance(self) -> float:
        return ROUNDING * float(self.unrelated.nan_to_num().abs().max())

    def release(self) -> None:
        """Forget what was loaded."""
        vars(self).pop("distance", None)
        vars(self).pop("unrelated", None)


def features(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Random features such as a ReLU gives: half of them are zero."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).relu()


def one_number_for_each_pair(thing: DistanceThing) -> Iterator[str]:
    """Two tensors (N, C, H, W) give (N,) floating-point numbers."""
    try:
        thing.unrelated  # noqa: B018 - comparing is the question
    except NotChecked as error:
        yield str(error)


def zero_for_the_same(thing: DistanceThing) -> Iterator[str]:
    """Features are at distance 0 from themselves."""
    same = thing.distance(features(1), features(1)).abs().max()
    if not same <= thing.tolerance:
        yield f"Features are at distance {same:.3g} from themselves, and 0 is expected."


def never_negative(thing: DistanceThing) -> Iterator[str]:
    """No distance is below 0."""
    lowest = min(float(thing.unrelated.min()), float(thing.distance(features(2), features(1)).min()))
    if lowest < -thing.tolerance:
        yield f"Unrelated features are at distance {lowest:.3g}, and 0 or more is expected."


def finite_distances(thing: DistanceThing) -> Iterator[str]:
    """Distances are finite, also for features that are all zero and maps of one position."""
    dead, single = torch.zeros(SHAPE), features(1, (*SHAPE[:2], 1, 1))
    pairs = {
        "unrelated features": (features(1), features(2)),
        "features that are all zero": (dead, dead),
        "features of which one is all zero": (features(1), dead),
        "maps of one position": (single, features(2, (*SHAPE[:2], 1, 1))),
    }
    for what, (a, b) in pairs.items():
        if not torch.isfinite(thing.distance(a, b)).all():
            yield f"The distance is NaN or infinite for {what}."


def finite_gradients(thing: DistanceThing) -> Iterator[str]:
    """Gradients are finite, also where features agree or are all zero: else they end a training."""
    for what, same in {"agree": features(1), "are all zero": torch.zeros(SHAPE)}.items():
        learned = same.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(thing.distance(learned, same).sum(), learned)
        if not torch.isfinite(gradient).all():
            yield f"The gradient is NaN or infinite where the features {what}: guard roots and divisions against zero."


def alone_or_in_a_batch(thing: DistanceThing) -> Iterator[str]:
    """A pair has the same distance alone and in a batch."""
    a, b = features(1), features(2)
    alone = torch.cat([thing.distance(a[i : i + 1], b[i : i + 1]) for i in range(len(a))])
    apart = float((alone - thing.unrelated).abs().max())
    if apart > thing.tolerance:
        yield f"A pair's distance differs by {apart:.3g} with the pairs that are computed along: keep the pairs apart."


def repeated_distances(thing: DistanceThing) -> Iterator[str]:
    """The same features are at the same distance again."""
    if not torch.equal(thing.unrelated.nan_to_num(), thing.distance(features(1), features(2)).nan_to_num()):
        yield "Computed again, the distance differs: something in it is drawn at random or remembered."


def untouched_features(thing: DistanceThing) -> Iterator[str]:
    """It does not write to the features that it is given."""
    a, b = features(1), features(2)
    thing.distance(a, b)
    if not (torch.equal(a, features(1)) and torch.equal(b, features(2))):
        yield "It writes to the features that it is given: other points and distances read them too."


DISTANCES: tuple[Check, ...] = (
    one_number_for_each_pair,
    zero_for_the_same,
    never_negative,
    finite_distances,
    finite_gradients,
    alone_or_in_a_batch,
    repeated_distances,
    untouched_features,
)
