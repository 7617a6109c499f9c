"""Distances as pure functions: two feature maps (N, C, H, W) give one distance for each image, (N,).

Each distance is an embedding of the feature maps followed by a squared difference. :class:`.Embedded` keeps the two
steps apart, so a reference is embedded once however many images are compared with it. The difference of normalized
features is computed directly, never as 2 - 2 cos, which loses up to 5e-4 to cancellation.

References:
    Pihlgren2023: "A Systematic Performance Analysis of Deep Perceptual Loss Networks: Breaking Transfer Learning
        Conventions", arXiv 2302.04032. The "reference code" is its published implementation.
    Kumar2022: "Do better ImageNet classifiers assess perceptual similarity better?", TMLR 2022.
    Zhang2018: "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (LPIPS), CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from lnkit.distances.criteria import CRITERIA
from lnkit.distances.embedding import (
    Embedded,
    at_least_float32,
    channel_normalizer,
    check_epsilon,
    mean_over_space,
    unit_normalize,
)
from lnkit.errors import UsageError

Normalize = Callable[[Tensor], Tensor]


def spatial(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """Return the squared difference of channel-normalized features, summed over channels, averaged over space.

    The gradient is finite everywhere.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same shape.
        channel_norm: Scale the features of each position to unit length over the channels first.
        epsilon: Guard against a zero norm; see :func:`unit_normalize`.

    Returns:
        Distances (N,), from 0 to 4 with ``channel_norm``; at least float32.

    Raises:
        UsageError: ``epsilon`` is unknown.

    Example:
        >>> import torch
        >>> a = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)
        >>> b = torch.tensor([4.0, 3.0]).reshape(1, 2, 1, 1)
        >>> round(spatial(a, b).item(), 4)
        0.08
        >>> spatial(a, b, channel_norm=False).item()
        2.0

    References:
        Pihlgren2023 Eq. 1; Kumar2022 Eq. 1; Zhang2018 (without learned weights).
    """
    return _spatial(channel_norm, epsilon)(a, b)


def mean_pool(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """Return the spatial distance of the feature maps' means over space.

    It is that of Kumar2022's listing, in which every layer of a sum counts alike. The formula in the text divides by
    the number of channels, so that wide layers count less: :func:`mean_pool_per_channel`.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features with the same N and C; H and W may differ.
        channel_norm: Scale the means to unit length over the channels first.
        epsilon: Guard against a zero norm; see :func:`unit_normalize`.

    Returns:
        Distances (N,), at least float32.

    Raises:
        UsageError: ``epsilon`` is unknown.

    Example:
        >>> import torch
        >>> a = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
        >>> mean_pool(a, a.flip(3)).item()  # the mean ignores the position
        0.0
        >>> mean_pool(a, a + 2, channel_norm=False).item()
        4.0

    References:
        Kumar2022, listing 1.
    """
    return _mean_pool(channel_norm, epsilon)(a, b)


def mean_pool_per_channel(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """Return the distance :func:`mean_pool` divided by the number of channels.

    It is that of the formula in Kumar2022 8.1. At one layer both make the same decisions; in a sum over layers this one
    weighs the layers by 1 / C. SqueezeNet 1.1 at the seven layers of LPIPS agrees less with people by it: 2AFC .6554
    against .7294, on 2,738 triplets of rendered materials (Lagunas et al. 2019).

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features with the same N and C; H and W may differ.
        channel_norm: Scale the means to unit length over the channels first.
        epsilon: Guard against a zero norm; see :func:`unit_normalize`.

    Returns:
        Distances (N,), at least float32.

    Raises:
        UsageError: ``epsilon`` is unknown.

    Example:
        >>> import torch
        >>> a, b = torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1)
        >>> mean_pool(a, b, channel_norm=False).item(), mean_pool_per_channel(a, b, channel_norm=False).item()
        (2.0, 1.0)

    References:
        Kumar2022 8.1, "Mean Pool".
    """
    return _mean_pool_per_channel(channel_norm, epsilon)(a, b)


def style(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """Return the mean squared difference of the Gram matrices (C, C) of the channels.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features with the same N and C; H and W may differ.
        channel_norm: Scale each channel to unit length over space first.
        epsilon: Guard against a zero norm; see :func:`unit_normalize`.

    Returns:
        Distances (N,), at least float32.

    Raises:
        UsageError: ``epsilon`` is unknown.

    Example:
        >>> import torch
        >>> a = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)  # orthogonal channels
        >>> style(a, torch.ones(1, 2, 1, 2), channel_norm=False).item()  # Gram matrices I and 2, everywhere
        2.5

    References:
        Kumar2022 8.1, and its listing, which agrees.
    """
    return _style(channel_norm, epsilon)(a, b)


def sort(a: Tensor, b: Tensor, *, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """Return the spatial distance after the activations of each channel are sorted over space.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same N, C and H * W.
        channel_norm: After sorting, scale each position to unit length over the channels.
        epsilon: Guard against a zero norm; see :func:`unit_normalize`.

    Returns:
        Distances (N,), at least float32.

    Raises:
        UsageError: ``epsilon`` is unknown.

    Example:
        >>> import torch
        >>> a = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
        >>> b = torch.tensor([4.0, 1.0]).reshape(1, 1, 1, 2)
        >>> sort(a, b, channel_norm=False).item()  # (1 - 1)^2 and (3 - 4)^2
        0.5

    References:
        Reference code of Pihlgren2023.
    """
    return _sort(channel_norm, epsilon)(a, b)


def squared(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean over C, H and W of the squared difference of the features, not normalized.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same shape.

    Returns:
        Distances (N,), at least float32.

    Example:
        >>> import torch
        >>> squared(torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5))
        tensor([0.2500, 0.2500])

    References:
        Pihlgren2023 Eq. 3.
    """
    return _squared()(a, b)


def lin(a: Tensor, b: Tensor, *, weight: Tensor, channel_norm: bool = True, epsilon: str = "lpips") -> Tensor:
    """Return the spatial distance with one learned weight for each channel.

    As in the code of Zhang2018, a weight multiplies the squared difference; in its Eq. 1 the weight itself is squared.

    Args:
        a: Features (N, C, H, W), floating point.
        b: Features of the same shape.
        weight: Non-negative weights (C,); :func:`lnkit.distances.load_lin_weights` reads those of LPIPS.
        channel_norm: Scale the features of each position to unit length over the channels first.
        epsilon: Guard against a zero norm; see :func:`unit_normalize`.

    Returns:
        Distances (N,), at least float32.

    Raises:
        UsageError: ``epsilon`` is unknown, or the weights are for another number of channels.

    Example:
        >>> import torch
        >>> a, b = torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1)
        >>> lin(a, b, weight=torch.tensor([2.0, 0.5]), channel_norm=False).item()
        2.5

    References:
        Zhang2018.
    """
    return _lin(channel_norm, epsilon, weight=weight)(a, b)


def _spatial(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(channel_normalizer(channel_norm, epsilon), _summed_over_channels, _squares_over_channels)


def _mean_pool(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(partial(_pooled, channel_normalizer(channel_norm, epsilon)), _summed_over_channels)


def _mean_pool_per_channel(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(_mean_pool(channel_norm, epsilon).embed, _mean_of_all)  # of means (N, C, 1, 1)


def _style(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    guard = check_epsilon(epsilon)
    return Embedded(
        partial(_gram_matrix, partial(unit_normalize, dim=2, epsilon=guard) if channel_norm else at_least_float32),
        _mean_of_all,
    )


def _sort(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(partial(_sorted, channel_normalizer(channel_norm, epsilon)), _summed_over_channels)


def _squared(channel_norm: bool = True, epsilon: str = "lpips") -> Embedded:
    return Embedded(at_least_float32, _mean_of_all, _mean_squares)  # ignores channel_norm and epsilon


def _lin(channel_norm: bool = True, epsilon: str = "lpips", *, weight: Tensor) -> Embedded:
    positions = partial(_weighted_squares, weight)
    return Embedded(channel_normalizer(channel_norm, epsilon), partial(mean_over_space, positions), positions)


def _pooled(normalize: Normalize, y: Tensor) -> Tensor:
    return normalize(at_least_float32(y).mean((2, 3), keepdim=True))


def _gram_matrix(normalize: Normalize, features: Tensor) -> Tensor:
    channels = normalize(at_least_float32(features).flatten(2))  # (N, C, H W)
    return channels @ channels.transpose(1, 2)  # (N, C, C)


def _sorted(normalize: Normalize, features: Tensor) -> Tensor:
    return normalize(at_least_float32(features).flatten(2).sort(-1).values.unsqueeze(3))


def _squares_over_channels(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(1)


def _summed_over_channels(a: Tensor, b: Tensor) -> Tensor:
    return _squares_over_channels(a, b).mean((1, 2))


def _mean_squares(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().mean(1)


def _weighted_squares(weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
    if weight.numel() != a.shape[1]:
        raise UsageError(
            f"Expected lin weights for {a.shape[1]} channels, got {weight.numel()}. "
            "Use weights that were learned for this backbone at these points."
        )
    return ((a - b).square() * weight.to(a).reshape(-1, 1, 1)).sum(1)


def _mean_of_all(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().flatten(1).mean(1)


_BUILTIN: Mapping[str, Callable[..., Embedded]] = {
    "spatial": _spatial,
    "mean_pool": _mean_pool,
    "mean_pool_per_channel": _mean_pool_per_channel,
    "style": _style,
    "sort": _sort,
    "squared": _squared,
    "lin": _lin,
    **CRITERIA,
}


def builtin_distance(name: str, **options: Any) -> Embedded:
    """Return a bundled distance with its options fixed.

    Args:
        name: From ``lnkit list-distances``: "spatial", "l1".
        **options: Those of the function of this name. Every distance takes ``channel_norm`` and ``epsilon``; those that
            normalize nothing ignore them.

    Returns:
        A function of two (N, C, H, W) feature maps that gives (N,), and whose two steps can be called separately.

    Example:
        >>> import torch
        >>> distance = builtin_distance("spatial", channel_norm=False)
        >>> distance(torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 3, 3))
        tensor([2.])
    """
    return _BUILTIN[name](**options)
