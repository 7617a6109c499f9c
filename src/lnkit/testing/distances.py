"""What is asked about a distance: a number of 0 or more for each pair, whatever the pair comes with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lnkit.networks.inspection import inspect_points
from lnkit.specs import BackboneSpec, DistanceSpec, ExtractionPoint, load_object
from lnkit.testing.findings import Check, NotChecked, raised

if TYPE_CHECKING:
    from lnkit.specs import Distance

PAIRS, CHANNELS, ROWS, COLUMNS = 4, 8, 6, 5  # all different, so that none is taken for another
ROUNDING = 1e-5  # of the distance between unrelated features


@dataclass
class DistanceThing:
    """A distance, and features to compare with it."""

    spec: DistanceSpec
    learned_for: tuple[BackboneSpec, ExtractionPoint] | None = None  # one of the points that it was learned for

    @property
    def title(self) -> str:
        return f"distance {self.spec.name}"

    @property
    def checks(self) -> tuple[Check, ...]:
        return DISTANCES

    @cached_property
    def channels(self) -> int:
        """How many channels the compared features have: those of the point that the distance was learned for."""
        if self.learned_for is None:
            return CHANNELS
        (facts,) = inspect_points(self.learned_for[0], (self.learned_for[1],))
        return facts.outputs[0].shape[0]

    @cached_property
    def distance(self) -> Distance:
        """The distance as a benchmark loads it. Raises NotChecked where that fails."""
        options = self.options
        try:
            return load_object(self.spec.load)(**options)
        except Exception as error:  # the plugin's code
            raise NotChecked(f"It cannot be loaded. {raised(error)}") from error

    @property
    def options(self) -> dict[str, Any]:
        """What it cannot be loaded without. Raises NotChecked where that cannot be told."""
        if self.learned_for:
            return {"backbone": self.learned_for[0].name, "point": self.learned_for[1].name}
        if self.spec.per_point:
            raise NotChecked(
                "It is learned for each point, and no backbone of its plugin names it as its distance: which it is for "
                "cannot be told."
            )
        # lnkit's own `lin` takes weights that the user names.
        return {"weight": torch.ones(CHANNELS)} if self.spec.name == "lin" else {}

    def features(self, seed: int, rows: int = ROWS, columns: int = COLUMNS) -> Tensor:
        """Random features (PAIRS, C, rows, columns) such as a ReLU gives: half of them are zero."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(PAIRS, self.channels, rows, columns, generator=generator).relu()

    @cached_property
    def unrelated(self) -> Tensor:
        """The distances between unrelated features, (PAIRS,): what others are large or small compared with."""
        distance, a, b = self.distance, self.features(1), self.features(2)
        try:
            found = distance(a, b)
        except Exception as error:  # the plugin's code
            raise NotChecked(f"It cannot compare two tensors of shape {tuple(a.shape)}. {raised(error)}") from error
        came = f"{found.dtype} of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        if not isinstance(found, Tensor) or tuple(found.shape) != (PAIRS,) or not found.is_floating_point():
            raise NotChecked(f"Two tensors of shape {tuple(a.shape)} must give {PAIRS} real numbers, not {came}.")
        return found

    @property
    def tolerance(self) -> float:
        return ROUNDING * float(self.unrelated.nan_to_num().abs().max())

    def release(self) -> None:
        """Forget what was loaded."""
        for name in ("channels", "distance", "unrelated"):
            vars(self).pop(name, None)


def one_number_for_each_pair(thing: DistanceThing) -> Iterator[str]:
    """Two tensors (N, C, H, W) give (N,) floating-point numbers."""
    thing.options  # noqa: B018 - raises NotChecked for a distance that nothing here can be compared with
    try:
        thing.unrelated  # noqa: B018 - comparing is the question
    except NotChecked as error:
        yield str(error)


def zero_for_the_same(thing: DistanceThing) -> Iterator[str]:
    """Features are at distance 0 from themselves."""
    same = thing.distance(thing.features(1), thing.features(1)).abs().max()
    if not same <= thing.tolerance:
        yield f"Features are at distance {same:.3g} from themselves, and 0 is expected."


def never_negative(thing: DistanceThing) -> Iterator[str]:
    """No distance is below 0."""
    lowest = min(float(thing.unrelated.min()), float(thing.distance(thing.features(2), thing.features(1)).min()))
    if lowest < -thing.tolerance:
        yield f"Unrelated features are at distance {lowest:.3g}, and 0 or more is expected."


def finite_distances(thing: DistanceThing) -> Iterator[str]:
    """Distances are finite, also for features that are all zero and maps of one position."""
    dead, single = torch.zeros_like(thing.features(1)), thing.features(1, 1, 1)
    pairs = {
        "unrelated features": (thing.features(1), thing.features(2)),
        "features that are all zero": (dead, dead),
        "features of which one is all zero": (thing.features(1), dead),
        "maps of one position": (single, thing.features(2, 1, 1)),
    }
    for what, (a, b) in pairs.items():
        if not torch.isfinite(thing.distance(a, b)).all():
            yield f"The distance is NaN or infinite for {what}."


def finite_gradients(thing: DistanceThing) -> Iterator[str]:
    """Gradients are finite, also where features agree or are all zero: else they end a training."""
    for what, same in {"agree": thing.features(1), "are all zero": torch.zeros_like(thing.features(1))}.items():
        learned = same.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(thing.distance(learned, same).sum(), learned)
        if not torch.isfinite(gradient).all():
            yield f"The gradient is NaN or infinite where the features {what}: guard roots and divisions against zero."


def alone_or_in_a_batch(thing: DistanceThing) -> Iterator[str]:
    """A pair has the same distance alone and in a batch."""
    a, b = thing.features(1), thing.features(2)
    alone = torch.cat([thing.distance(a[i : i + 1], b[i : i + 1]) for i in range(len(a))])
    apart = float((alone - thing.unrelated).abs().max())
    if apart > thing.tolerance:
        yield f"A pair's distance differs by {apart:.3g} with the pairs that are computed along: keep the pairs apart."


def repeated_distances(thing: DistanceThing) -> Iterator[str]:
    """The same features are at the same distance again."""
    if not torch.equal(thing.unrelated.nan_to_num(), thing.distance(thing.features(1), thing.features(2)).nan_to_num()):
        yield "Computed again, the distance differs: something in it is drawn at random or remembered."


def untouched_features(thing: DistanceThing) -> Iterator[str]:
    """It does not write to the features that it is given."""
    a, b = thing.features(1), thing.features(2)
    thing.distance(a, b)
    if not (torch.equal(a, thing.features(1)) and torch.equal(b, thing.features(2))):
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
