"""Padding and rearrangement of feature maps with deterministic gradients.

PyTorch's own padding sums its gradients on CUDA in an order that changes from run to run, and copies more than needed.
Maps are (N, C, H, W) in the memory format channels_last, that is (N, H, W, C) in memory.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

Context = Any  # of torch.autograd.Function

ROWS, COLUMNS = 2, 3  # dimensions


def pad_reflect(x: Tensor, margin: int, rows: bool = True, columns: bool = True) -> Tensor:
    """Reflect maps at their edges by ``margin`` pixels, without repeating the edge; at rows, columns or both."""
    return cast(Tensor, _Padding.apply(x, margin if rows else 0, margin if columns else 0, "reflect"))


def pad_edge(x: Tensor) -> Tensor:
    """Pad maps by repeating their edges once."""
    return cast(Tensor, _Padding.apply(x, 1, 1, "replicate"))


def interleave(cells: Tensor) -> Tensor:
    """Rearrange the four pixels of each 2x2 cell from channels to their positions.

    Args:
        cells: (N, 4 C, H + 1, W + 1); channels are ordered by the cell's row, its column, and the output's channel,
            which varies fastest. Pixels of the lower row or right column of cell (i, j) stand at i + 1 or j + 1.

    Returns:
        (N, C, 2 H, 2 W).
    """
    return cast(Tensor, _Interleave.apply(cells))


def sum_shifted(columns: Tensor, count: int) -> Tensor:
    """Sum groups of channels, the k-th shifted by k pixels to the left.

    Args:
        columns: (N, count x C, H, W); the channel within a group varies fastest.
        count: number of groups.

    Returns:
        (N, C, H, W - count + 1), in float32: sums of nine values would lose digits in half precision.
    """
    return cast(Tensor, _SumShifted.apply(columns, count))


class _Padding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, x: Tensor, rows: int, columns: int, mode: str) -> Tensor:
        ctx.margins, ctx.inner = ((ROWS, rows), (COLUMNS, columns)), int(mode == "reflect")
        return functional.pad(x, (columns, columns, rows, rows), mode=mode)

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        for dimension, margin in ctx.margins:
            if margin:
                gradient = _fold_back(gradient, dimension, margin, ctx.inner)
        return gradient, None, None, None


def _fold_back(gradient: Tensor, dimension: int, margin: int, inner: int) -> Tensor:
    """Cut the margins off and add them to their sources, ``inner`` pixels from the edge."""
    length = gradient.shape[dimension] - 2 * margin
    inside = gradient.narrow(dimension, margin, length).clone(memory_format=torch.channels_last)
    inside.narrow(dimension, inner, margin).add_(gradient.narrow(dimension, 0, margin).flip(dimension))
    after = gradient.narrow(dimension, margin + length, margin).flip(dimension)
    inside.narrow(dimension, length - inner - margin, margin).add_(after)
    return inside


class _Interleave(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, cells: Tensor) -> Tensor:
        cells = _cells(cells.permute(0, 2, 3, 1).contiguous())
        n, height, width, _, _, channels = cells.shape
        out = cells.new_empty((n, height - 1, 2, width - 1, 2, channels))
        for row, column in _POSITIONS:
            out[:, :, row, :, column] = _position(cells, row, column)
        return out.view(n, 2 * (height - 1), 2 * (width - 1), channels).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> Tensor:
        out = gradients[0].permute(0, 2, 3, 1).contiguous()
        n, height, width, channels = out.shape
        out = out.view(n, height // 2, 2, width // 2, 2, channels)
        cells = _cells(out.new_zeros((n, height // 2 + 1, width // 2 + 1, 4 * channels)))
        for row, column in _POSITIONS:
            _position(cells, row, column).copy_(out[:, :, row, :, column])
        return cells.flatten(3).permute(0, 3, 1, 2)


_POSITIONS = ((0, 0), (0, 1), (1, 0), (1, 1))


def _cells(maps: Tensor) -> Tensor:
    return maps.view(*maps.shape[:3], 2, 2, maps.shape[3] // 4)


def _position(cells: Tensor, row: int, column: int) -> Tensor:
    """Return one position of every cell (N, H, W, C), of cells (N, H + 1, W + 1, 2, 2, C)."""
    height, width = cells.shape[1] - 1, cells.shape[2] - 1
    return cells[:, row : row + height, column : column + width, row, column]


class _SumShifted(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, columns: Tensor, count: int) -> Tensor:
        ctx.count, ctx.dtype = count, columns.dtype
        maps = columns.to(torch.promote_types(columns.dtype, torch.float32)).permute(0, 2, 3, 1).contiguous()
        n, height, width, channels = maps.shape
        each = channels // count
        shape = (n, height, width - count + 1, count, each)
        strides = (height * width * channels, width * channels, channels, channels + each, 1)
        return maps.as_strided(shape, strides).sum(3).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> tuple[Tensor, None]:
        count = ctx.count
        out = gradients[0].to(ctx.dtype).permute(0, 2, 3, 1)
        width = out.shape[2]
        padded = functional.pad(out, (0, 0, count - 1, count - 1))
        parts = [padded[:, :, count - 1 - k : width + 2 * (count - 1) - k] for k in range(count)]
        return torch.stack(parts, 3).flatten(3).permute(0, 3, 1, 2), None
