"""The output of a node as a feature map, whatever its layout."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lnkit.errors import ImageError, UsageError
from lnkit.specs import ExtractionPoint, Layout

MOST_PREFIX = 8  # class and register tokens of a node whose number of them is not registered; DINOv2 has 5


def as_map(output: Any, point: ExtractionPoint, image_size: tuple[int, int]) -> Tensor:
    """Convert the output of a node to a feature map.

    Tokens, without prefix tokens, fill a grid of the aspect ratio of the images row by row. An output (N, C) becomes a
    map of one position. The layout "auto" is read from the shape: of two ways to take four dimensions, the one whose
    height and width fit the images better, and channels first if both do; of tokens as few prefix tokens as leave a
    grid that fits the images exactly.

    Args:
        output: The output of the node.
        point: The point, with the layout of the output.
        image_size: (height, width) of the images.

    Returns:
        Features (N, C, H, W).

    Raises:
        ImageError: The images are so small that the output is empty.
        UsageError: The output is no tensor, or does not have the layout of the point.
    """
    if not isinstance(output, Tensor):
        raise UsageError(f"Expected a tensor at node {point.node!r}, got {type(output).__name__}. Choose a later node.")
    if 0 in output.shape[1:]:
        raise ImageError(
            f"Images of {image_size[1]} x {image_size[0]} pixels give no features at point {point.name!r}: their "
            f"shape is {tuple(output.shape)}. Use larger images or an earlier point."
        )
    layout, prefix = point.layout, point.prefix_tokens
    if layout == "auto":
        layout, prefix = _read_layout(output, point, image_size)
    if output.ndim == 2 and layout in ("NCHW", "NC"):
        return output[:, :, None, None]
    if output.ndim == 4 and layout == "NCHW":
        return output
    if output.ndim == 4 and layout == "NHWC":
        return output.permute(0, 3, 1, 2)
    if output.ndim == 3 and layout == "CLS":
        return output[:, 0, :, None, None]
    if output.ndim == 3 and layout == "NLC":
        tokens = output[:, prefix:]
        rows, columns = _grid(tokens.shape[1], image_size)
        return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, rows, columns)
    raise UsageError(
        f"Expected an output of layout {layout} at point {point.name!r}, got shape {tuple(output.shape)} of "
        f"node {point.node!r}. An ExtractionPoint takes layout NCHW, NHWC, NLC (tokens), CLS (class token) or NC."
    )


def _read_layout(output: Tensor, point: ExtractionPoint, image_size: tuple[int, int]) -> tuple[Layout, int]:
    """Return the layout of an output and its number of prefix tokens."""
    height, width = image_size
    if output.ndim == 4:
        _, first, second, third = output.shape
        return ("NHWC" if _misfit(first, second, image_size) < _misfit(second, third, image_size) else "NCHW"), 0
    if output.ndim != 3:
        return "NCHW", 0
    for prefix in range(min(MOST_PREFIX + 1, output.shape[1])):
        rows, columns = _grid(output.shape[1] - prefix, image_size)
        if rows * width == columns * height:
            return "NLC", prefix
    raise UsageError(
        f"Expected tokens at node {point.node!r} that fill a grid of {width}:{height}, as the images do, got "
        f"{output.shape[1]}. Use images whose sides are multiples of the patches, or register an ExtractionPoint with "
        "its number of prefix tokens."
    )


def _misfit(rows: int, columns: int, image_size: tuple[int, int]) -> float:
    """Return how far the ratio of a map is from that of the images, at least 1."""
    ratio = rows * image_size[1] / (columns * image_size[0])
    return max(ratio, 1 / ratio)


def _grid(tokens: int, image_size: tuple[int, int]) -> tuple[int, int]:
    """Return (rows, columns) with rows * columns = tokens whose ratio is nearest to that of the images."""
    height, width = image_size
    divisors = [rows for rows in range(1, tokens + 1) if tokens % rows == 0]
    rows = min(divisors, key=lambda rows: abs(rows * width * rows - height * tokens) / rows, default=1)
    return rows, tokens // rows
