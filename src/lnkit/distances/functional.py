"""How far apart two images are in feature space: pure functions of (N, C, H, W) feature maps that give (N,) distances.

Every distance here is an embedding of each feature map followed by a squared difference. Kept apart
(:class:`Embedded`), the embedding of a reference is computed once, however many images are compared with it. The
normalized difference is formed as such, never as 2 - 2 cos, which loses up to 5e-4 to cancellation.

Sources: P is "A Systematic Performance Analysis of Deep Perceptual Loss Networks" (arXiv 2302.04032), R its published
implementation, K "Do better ImageNet classifiers assess perceptual similarity better?" (TMLR 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lnkit.errors import UsageError
from lnkit.specs import EPSILONS

if TYPE_CHECKING:
    from lnkit.specs import Distance


@dataclass(frozen=True)
class Embedded:
    """A distance in two steps, so that what is compared many times is embedded once."""

    embed: Callable[[Tensor], Tensor]  # (N, C, H, W) -> (N, ...)
    between: Callable[[Tensor, Tensor], Tensor]  # two embeddings -> (N,)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return self.between(self.embed(a), self.embed(b))


@dataclass(frozen=True)
class Summed:
    """The sum of several distances between the same features."""

    terms: tuple[Distance, ...]

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([term(a, b) for term in self.terms]).sum(0)


def spatial(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """Squared difference of unit-normalized positions, summed over channels, mean over space (P Eq. 1, K Eq. 1).

    ``epsilon`` names the guard against a zero norm: "lpips" y / (|y| + 1e-10), also K's; "reference"
    y / max(|y|, 1e-12), that of R; "torchmetrics" y / sqrt(sum y^2 + 1e-8). The gradient is finite everywhere.
    """
    return _spatial(channel_norm, epsilon)(a, b)


def mean_pool(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """The spatial distance of the maps' means over space (K 8.1)."""
    return _mean_pool(channel_norm, epsilon)(a, b)


def style(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """Mean squared difference of the C x C Gram matrices of channels unit-normalized over space (K 8.1)."""
    return _style(channel_norm, epsilon)(a, b)


def sort(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """The spatial distance after each channel's activations are sorted over space (R)."""
    return _sort(channel_norm, epsilon)(a, b)


def squared(a: Tensor, b: Tensor) -> Tensor:
    """Mean over C, H and W of the squared difference of the features as they are (P Eq. 3)."""
    return _squared()(a, b)


def lin(a: Tensor, b: Tensor, *, weight: Tensor, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """The spatial distance with one learned non-negative ``weight`` per channel, (C,) (LPIPS)."""
    return _lin(channel_norm, epsilon, weight=weight)(a, b)


def unit_normalize(features: Tensor, dim: int, epsilon: str = "lpips") -> Tensor:
    """Scale ``features`` to unit length along ``dim``; a zero vector stays zero and has a bounded gradient."""
    if epsilon == "torchmetrics":
        return features / (features.square().sum(dim, keepdim=True) + 1e-8).sqrt()
    norm = torch.linalg.vector_norm(features, dim=dim, keepdim=True)
    guarded = norm + 1e-10 if epsilon == "lpips" else norm.clamp_min(1e-12)
    # Zero over anything is zero; over one, its gradient is not 1e10 times too large either.
    return features / torch.where(norm == 0, 1.0, guarded)


def _spatial(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(_channel_normalizer(channel_norm, epsilon), _summed_over_channels)


def _mean_pool(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    normalize = _channel_normalizer(channel_norm, epsilon)
    return Embedded(lambda y: normalize(_full(y).mean((2, 3), keepdim=True)), _summed_over_channels)


def _style(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    normalize = partial(unit_normalize, dim=2, epsilon=_known(epsilon)) if channel_norm else _full

    def gram(features: Tensor) -> Tensor:
        channels = normalize(_full(features).flatten(2))  # (N, C, H W)
        return channels @ channels.transpose(1, 2)  # (N, C, C)

    return Embedded(gram, _mean_of_all)


def _sort(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    normalize = _channel_normalizer(channel_norm, epsilon)
    return Embedded(lambda y: normalize(_full(y).flatten(2).sort(-1).values.unsqueeze(3)), _summed_over_channels)


def _squared(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(_full, _mean_of_all)  # it normalizes nothing, so the options have no say


def _lin(channel_norm: bool = True, epsilon: str = "lpips", *, weight: Tensor) -> Embedded:
    def between(a: Tensor, b: Tensor) -> Tensor:
        if weight.numel() != a.shape[1]:
            raise UsageError(
                f"The lin weights are for {weight.numel()} channels, but the point has {a.shape[1]}. "
                "Use weights that were learned for this backbone at these points."
            )
        return ((a - b).square() * weight.to(a).reshape(-1, 1, 1)).sum(1).mean((1, 2))

    return Embedded(_channel_normalizer(channel_norm, epsilon), between)


def _summed_over_channels(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(1).mean((1, 2))


def _mean_of_all(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().flatten(1).mean(1)


def _channel_normalizer(channel_norm: bool, epsilon: str) -> Callable[[Tensor], Tensor]:
    guard = _known(epsilon)
    return (lambda features: unit_normalize(_full(features), 1, guard)) if channel_norm else _full


def _full(features: Tensor) -> Tensor:
    """Half precision holds neither the epsilons nor the sums: distances are computed in float32 or better."""
    return features.float() if features.dtype in (torch.float16, torch.bfloat16) else features


def _known(epsilon: str) -> str:
    if epsilon not in EPSILONS:
        raise UsageError(f"No epsilon is named {epsilon!r}; there are {', '.join(EPSILONS)}.")
    return epsilon


_BUILTIN: Mapping[str, Callable[..., Embedded]] = {
    "spatial": _spatial,
    "mean_pool": _mean_pool,
    "style": _style,
    "sort": _sort,
    "squared": _squared,
    "lin": _lin,
}


def builtin(name: str) -> Callable[..., Embedded]:
    """Return the maker of a bundled distance: ``builtin("spatial")(channel_norm=False)(a, b)`` gives (N,)."""
    return _BUILTIN[name]


def distances_from_first(distance: Distance, features: Tensor, images: int) -> Tensor:
    """Compare the first of ``images`` equally long runs of rows with each of the others.

    ``features`` (images * N, C, H, W) hold N references, then N of the first other image, and so on; gives
    (N, images - 1). What can be shared between the comparisons is computed once.
    """
    if isinstance(distance, Summed):
        return torch.stack([distances_from_first(term, features, images) for term in distance.terms]).sum(0)
    embedded, between = (
        (distance.embed(features), distance.between) if isinstance(distance, Embedded) else (features, distance)
    )
    reference, *others = embedded.chunk(images)
    return torch.stack([between(reference, other) for other in others], dim=1)
