"""Distances that people train with: differences of features as they are, angles, and statistics of channels.

Their conventions are those of the code that made them common, read in: BasicSR (8d56e3a), traiNNer-redux (6862931), and
DISTS (Ding2020: "Image Quality Assessment: Unifying Structure and Texture Similarity", arXiv 2004.07728).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from lnkit.distances.embedding import Embedded, at_least_float32, channel_normalizer, mean_over_space
from lnkit.errors import UsageError

GRAM_CRITERIA = ("l1", "squared")
DISTS_GUARD = 1e-6  # c1 and c2 of Ding2020 Eq. 5 and 6, as in its code


def l1(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean over C, H and W of the absolute difference of the features, not normalized.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same shape.

    Returns:
        Distances (N,), at least float32.

    Example:
        >>> import torch
        >>> l1(torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), -0.5))
        tensor([0.5000, 0.5000])

    References:
        ``criterion: l1`` of BasicSR.
    """
    return _l1()(a, b)


def charbonnier(a: Tensor, b: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Return the mean over C, H and W of sqrt(d^2 + eps^2), d the difference of the features: a smooth ``l1``.

    Equal features have the distance ``eps``, not 0.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same shape.
        eps: Difference below which the distance is smoothed; 1e-6 in traiNNer-redux.

    Returns:
        Distances (N,), at least float32.

    Raises:
        UsageError: ``eps`` is not above 0.

    Example:
        >>> import torch
        >>> charbonnier(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 3.0), eps=4.0).item()
        5.0

    References:
        ``criterion: charbonnier`` of traiNNer-redux.
    """
    return _charbonnier(eps=eps)(a, b)


def cosine(a: Tensor, b: Tensor, *, epsilon: str = "lpips") -> Tensor:
    """Return 1 - cos of the angle between the feature vectors at each position, averaged over space.

    It is half of ``spatial``, and computed as such: 1 - cos itself loses digits where the vectors are nearly parallel.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same shape.
        epsilon: Guard against a zero norm; see :func:`unit_normalize`.

    Returns:
        Distances (N,), from 0 to 2, at least float32. A zero vector has the distance 1/2 to any other.

    Raises:
        UsageError: ``epsilon`` is unknown.

    Example:
        >>> import torch
        >>> a = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1)
        >>> round(cosine(a, a.flip(1)).item(), 6)
        1.0
    """
    return _cosine(epsilon=epsilon)(a, b)


def angle(a: Tensor, b: Tensor, *, epsilon: str = "lpips") -> Tensor:
    """Return the angle between the feature vectors at each position, averaged over space.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same shape.
        epsilon: Guard against a zero norm; see :func:`unit_normalize`.

    Returns:
        Angles (N,) in radians, from 0 to pi, at least float32.

    Raises:
        UsageError: ``epsilon`` is unknown.

    Example:
        >>> import torch
        >>> a = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1)
        >>> angle(a, a.flip(1)).item()  # a right angle
        1.5707963705062866

    References:
        The formula by half angles, 2 atan2(|u - v|, |u + v|) of unit vectors u and v, is exact at every angle: Kahan,
        "How Futile are Mindless Assessments of Roundoff in Floating-Point Computation?", 2006, section 12.
    """
    return _angle(epsilon=epsilon)(a, b)


def gram(a: Tensor, b: Tensor, *, criterion: str = "l1") -> Tensor:
    """Return the mean difference of the Gram matrices F F' / (C H W) of the channels, F of shape (C, H W).

    ``style`` is the form of Kumar2022: it scales each channel to unit length instead, and squares.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features with the same N and C; H and W may differ.
        criterion: "l1", the mean absolute difference, or "squared", the mean squared one.

    Returns:
        Distances (N,), at least float32.

    Raises:
        UsageError: ``criterion`` is unknown.

    Example:
        >>> import torch
        >>> gram(torch.zeros(1, 4, 3, 3), torch.full((1, 4, 3, 3), 2.0)).item()  # every entry is 2^2 / 4
        1.0

    References:
        ``style_weight`` of BasicSR; Johnson et al. 2016 Eq. 3 for the matrix.
    """
    return _gram(criterion=criterion)(a, b)


def dists(a: Tensor, b: Tensor, *, weights: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Return the weighted sum over channels of 1 minus the similarity of texture, and of structure.

    Texture is compared by the means of a channel over space, structure by its variances and covariance. The pooling and
    the layers of DISTS are not part of it: it applies to any features. With the learned weights, at the points
    ``vgg16_l2pool:dists``, the sum over the points is DISTS.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same shape.
        weights: Alpha and beta (C,), of texture and of structure; :func:`lnkit.distances.load_dists_weights` reads
            those of DISTS. None for 1 / (2 C) each.

    Returns:
        Distances (N,), from 0; at least float32.

    Raises:
        UsageError: The weights are for another number of channels.

    Example:
        >>> import torch
        >>> a = torch.tensor([0.0, 2.0]).reshape(1, 1, 1, 2)
        >>> round(dists(a, a.flip(3)).item(), 4)  # the same texture, the opposite structure: 1 - (1 - 1) / 2
        1.0

    References:
        Ding2020 Eq. 5 to 7.
    """
    return _dists(weights=weights)(a, b)


def _l1(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(at_least_float32, _mean_absolute, _absolute_over_channels)


def _charbonnier(channel_norm: bool = True, epsilon: str = "lpips", *, eps: float = 1e-6) -> Embedded:
    if not eps > 0:
        raise UsageError(f"Distance charbonnier: expected an eps above 0, got {eps}.")
    return Embedded(at_least_float32, partial(_mean_smooth, eps), partial(_smooth_over_channels, eps))


def _cosine(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(channel_normalizer(True, epsilon), partial(mean_over_space, _half_squares), _half_squares)


def _angle(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(channel_normalizer(True, epsilon), partial(mean_over_space, _angles), _angles)


def _gram(channel_norm: bool = True, epsilon: str = "lpips", *, criterion: str = "l1") -> Embedded:
    if criterion not in GRAM_CRITERIA:
        raise UsageError(f"Distance gram: expected one of {', '.join(GRAM_CRITERIA)} as criterion, got {criterion!r}.")
    return Embedded(_gram_matrix, _mean_absolute if criterion == "l1" else _mean_squared)


def _dists(
    channel_norm: bool = True, epsilon: str = "lpips", *, weights: tuple[Tensor, Tensor] | None = None
) -> Embedded:
    return Embedded(at_least_float32, partial(_weighted_dissimilarity, *weights) if weights else _dissimilarity)


def _mean_absolute(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().flatten(1).mean(1)


def _mean_squared(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().flatten(1).mean(1)


def _mean_smooth(eps: float, a: Tensor, b: Tensor) -> Tensor:
    return ((a - b).square() + eps**2).sqrt().flatten(1).mean(1)


def _absolute_over_channels(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean(1)


def _smooth_over_channels(eps: float, a: Tensor, b: Tensor) -> Tensor:
    return ((a - b).square() + eps**2).sqrt().mean(1)


def _half_squares(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(1) / 2


def _angles(a: Tensor, b: Tensor) -> Tensor:
    apart, together = (torch.linalg.vector_norm(vectors, dim=1) for vectors in (a - b, a + b))
    together = torch.where((apart == 0) & (together == 0), 1.0, together)  # two zero vectors: a finite gradient
    return 2 * torch.atan2(apart, together)


def _gram_matrix(features: Tensor) -> Tensor:
    channels = at_least_float32(features).flatten(2)  # (N, C, H W)
    return channels @ channels.transpose(1, 2) / channels[0].numel()


def _dissimilarity(a: Tensor, b: Tensor) -> Tensor:
    texture, structure = _dissimilarities(a, b)
    return (texture + structure).mean(1) / 2


def _weighted_dissimilarity(alpha: Tensor, beta: Tensor, a: Tensor, b: Tensor) -> Tensor:
    if not alpha.numel() == beta.numel() == a.shape[1]:
        raise UsageError(
            f"Expected dists weights for {a.shape[1]} channels, got {alpha.numel()}. The weights of DISTS belong to "
            "the points vgg16_l2pool:dists."
        )
    texture, structure = _dissimilarities(a, b)
    return texture @ alpha.to(a) + structure @ beta.to(a)


def _dissimilarities(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return 1 - S1 and 1 - S2 (N, C), as differences: 1 minus a similarity near 1 loses its digits."""
    mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))  # (N, C)
    apart_a, apart_b = a - mean_a[:, :, None, None], b - mean_b[:, :, None, None]
    variances = apart_a.square().mean((2, 3)) + apart_b.square().mean((2, 3))
    texture = (mean_a - mean_b).square() / (mean_a.square() + mean_b.square() + DISTS_GUARD)
    structure = (apart_a - apart_b).square().mean((2, 3)) / (variances + DISTS_GUARD)
    return texture, structure


CRITERIA: Mapping[str, Callable[..., Embedded]] = {
    "l1": _l1,
    "charbonnier": _charbonnier,
    "cosine": _cosine,
    "angle": _angle,
    "gram": _gram,
    "dists": _dists,
}
