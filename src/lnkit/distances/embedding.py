"""Distances in two steps, an embedding of the features and a comparison of embeddings, and parts that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lnkit.errors import UsageError
from lnkit.specs import EPSILONS

if TYPE_CHECKING:
    from lnkit.specs import Distance


@dataclass(frozen=True)
class Embedded:
    """A distance in two steps: features that are compared many times are embedded once.

    Both are functions of modules, or partials of such, so that a loss can be pickled.
    """

    embed: Callable[[Tensor], Tensor]  # (N, C, H, W) -> (N, ...)
    compare: Callable[[Tensor, Tensor], Tensor]  # two embeddings -> (N,)
    # Two embeddings -> (N, H, W), whose mean is the distance; None where a distance compares no positions.
    positions: Callable[[Tensor, Tensor], Tensor] | None = None

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return self.compare(self.embed(a), self.embed(b))


@dataclass(frozen=True)
class Summed:
    """The sum of several distances between the same features."""

    terms: tuple[Distance, ...]

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([term(a, b) for term in self.terms]).sum(0)


@dataclass(frozen=True)
class Weighted:
    """A distance times a number."""

    distance: Distance
    weight: float

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return self.weight * self.distance(a, b)


def map_of(distance: Distance, a: Tensor, b: Tensor) -> Tensor:
    """Compare two feature maps position by position.

    Args:
        distance: Any distance.
        a: Features (N, C, H, W).
        b: Features of the same shape.

    Returns:
        Distances (N, H, W); their means over space are the distances of the images.

    Raises:
        UsageError: The distance compares statistics, not positions.
    """
    if isinstance(distance, Summed):
        return torch.stack([map_of(term, a, b) for term in distance.terms]).sum(0)
    if isinstance(distance, Weighted):
        return distance.weight * map_of(distance.distance, a, b)
    if not isinstance(distance, Embedded) or distance.positions is None:
        raise UsageError(
            "This distance compares statistics of whole feature maps, so it has no map. Those that have one: spatial, "
            "lin, squared, l1, charbonnier, cosine and angle."
        )
    return distance.positions(distance.embed(a), distance.embed(b))


def mean_over_space(positions: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """Return the means (N,) of a function that gives (N, H, W)."""
    return positions(a, b).mean((1, 2))


def distances_from_first(distance: Distance, features: Tensor, images: int) -> Tensor:
    """Compare the first image of each item with its other images, embedding each image once.

    Args:
        distance: Any distance; an :class:`Embedded` one is taken apart, also in a sum or with a weight.
        features: (images * N, C, H, W): N references, then N of the first other image, and so on.
        images: Number of images of an item, the reference included.

    Returns:
        Distances (N, images - 1).
    """
    if isinstance(distance, Summed):
        return torch.stack([distances_from_first(term, features, images) for term in distance.terms]).sum(0)
    if isinstance(distance, Weighted):
        return distance.weight * distances_from_first(distance.distance, features, images)
    embedded, compare = (
        (distance.embed(features), distance.compare) if isinstance(distance, Embedded) else (features, distance)
    )
    reference, *others = embedded.chunk(images)
    return torch.stack([compare(reference, other) for other in others], dim=1)


def unit_normalize(features: Tensor, dim: int, epsilon: str = "lpips") -> Tensor:
    """Scale features y to unit length along a dimension; a zero vector stays zero and has a bounded gradient.

    Args:
        features: A floating-point tensor of any shape.
        dim: Dimension over which the norm is taken.
        epsilon: Guard against a zero norm: "lpips" y / (|y| + 1e-10), also that of Kumar2022; "reference"
            y / max(|y|, 1e-12), that of the reference code; "torchmetrics" y / sqrt(sum y^2 + 1e-8).

    Returns:
        A tensor of the same shape.

    Example:
        >>> import torch
        >>> unit_normalize(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), dim=1)
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    if epsilon == "torchmetrics":
        return features / (features.square().sum(dim, keepdim=True) + 1e-8).sqrt()
    if epsilon == "lpips" and _is_trained(features):
        vectors: Tensor = _UnitVectors.apply(features, dim)[0]
        return vectors
    return _divided(features, dim, epsilon)[0]


def _divided(features: Tensor, dim: int, epsilon: str = "lpips") -> tuple[Tensor, Tensor, Tensor]:
    """Return unit vectors, what they were divided by, and their norms, 1 in place of 0."""
    norm = torch.linalg.vector_norm(features, dim=dim, keepdim=True)
    guarded = norm + 1e-10 if epsilon == "lpips" else norm.clamp_min(1e-12)
    # A zero vector is divided by one instead: divided by the guard, its gradient would be 1e10 times too large.
    zero = norm == 0
    divisor = torch.where(zero, 1.0, guarded)
    return features / divisor, divisor, torch.where(zero, 1.0, norm)


def _is_trained(features: Tensor) -> bool:
    """Return whether a gradient is computed by autograd itself: compilers fuse the plain operations better."""
    return features.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_compiling()


class _UnitVectors(torch.autograd.Function):
    """Unit vectors, guarded as in LPIPS, with a gradient in one third of the passes over the features.

    With u = y / (|y| + e), the gradient g of u gives g / (|y| + e) - u (u . g) / |y|.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(features: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
        return _divided(features, dim)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: tuple[Tensor, Tensor, Tensor]) -> None:
        features, ctx.dim = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(features, *output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        gradient = gradients[0]
        features, vectors, divisor, norm = ctx.saved_tensors
        if torch.is_grad_enabled():  # for a second derivative
            vectors, divisor, norm = _divided(features, ctx.dim)
        along = (vectors * gradient).sum(ctx.dim, keepdim=True) / norm
        return torch.addcmul(gradient / divisor, vectors, along, value=-1), None


def channel_normalizer(channel_norm: bool, epsilon: str) -> Callable[[Tensor], Tensor]:
    """Return the first step of distances that compare unit vectors over the channels; see :func:`unit_normalize`."""
    guard = check_epsilon(epsilon)  # refused even where nothing is normalized
    if not channel_norm:
        return at_least_float32
    return partial(_unit_over_channels, epsilon=guard)


def _unit_over_channels(features: Tensor, epsilon: str) -> Tensor:
    return unit_normalize(at_least_float32(features), 1, epsilon)


def at_least_float32(features: Tensor) -> Tensor:
    """Convert half precision to float32: it can hold neither the epsilons nor the sums."""
    return features.float() if features.dtype in (torch.float16, torch.bfloat16) else features


def check_epsilon(epsilon: str) -> str:
    """Return ``epsilon``; raise UsageError if it is unknown."""
    if epsilon not in EPSILONS:
        raise UsageError(f"No epsilon is named {epsilon!r}; there are {', '.join(EPSILONS)}.")
    return epsilon
