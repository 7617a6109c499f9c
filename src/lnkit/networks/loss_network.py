"""The loss network: a frozen backbone cut at its extraction points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit.errors import ImageError, UsageError
from lnkit.networks.graph_extractor import cut_backbone, reached_outputs
from lnkit.specs import IMAGENET_MEAN, IMAGENET_STD, ExtractionPoint, Interpolation

_RANGE_TOLERANCE = 1e-4  # beyond [0, 1]; rounding, not another range


class LossNetwork(nn.Module):
    """Features of images at one or more extraction points, from one forward pass of a frozen backbone.

    ``backbone`` is copied as far as it is needed and not changed. The network stays in evaluation mode whatever module
    it becomes a part of. Images are RGB in [0, 1]; the backbone's ``mean`` and ``std`` are applied inside.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        points: Sequence[ExtractionPoint],
        *,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        input_size: tuple[int, int] | None = None,
        interpolation: Interpolation = "bicubic",
        name: str = "",
    ) -> None:
        """Cut ``backbone`` at ``points``; ``name`` is what the backbone is called where that matters ("vgg16").

        Images are resized to ``input_size`` (height, width) for a backbone that takes no other.

        Raises UsageError without points or for two of one name, UnknownNameError for a node that does not exist.
        """
        super().__init__()
        self.points = tuple(points)
        self.name = name
        self.input_size, self.interpolation = input_size, interpolation
        if not self.points or len({point.name for point in self.points}) < len(self.points):
            names = ", ".join(point.name for point in self.points)
            raise UsageError(f"A loss network needs points, each under its own name; got {names or 'none'}.")
        self._nodes = tuple(dict.fromkeys(point.node for point in self.points))
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))
        self.backbone = cut_backbone(backbone, self._nodes, name)
        super().train(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return {point name: features (N, C, H, W)} of ``images`` (N, 3, H, W) with values in [0, 1].

        Raises ImageError for another shape, type or range (unless compiled), or a size too small for a point.
        """
        if not torch.compiler.is_compiling():
            check_images(images)
        return self.features(images)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Do the same without looking at the values, for callers that know them."""
        normalized = self.normalize(images)
        if torch.compiler.is_compiling():
            return self.tap(normalized)
        try:
            return self.tap(normalized)
        except (RuntimeError, AssertionError) as error:
            self._explain(normalized, error)
            raise

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        device: torch.device = self.mean.device
        return device

    def normalize(self, images: Tensor) -> Tensor:
        """Bring images in [0, 1] to the size, mean and standard deviation that the backbone expects."""
        return (self._resize(images) - self.mean) / self.std

    def _resize(self, images: Tensor) -> Tensor:
        if self.input_size is None or tuple(images.shape[2:]) == self.input_size:
            return images
        smooth = self.interpolation in ("bilinear", "bicubic")  # the other has no antialiasing, nor needs any
        return functional.interpolate(images, self.input_size, mode=self.interpolation, antialias=smooth)

    def tap(self, normalized: Tensor) -> dict[str, Tensor]:
        """Run the backbone on images that are normalized already."""
        outputs = dict(zip(self._nodes, self.backbone(normalized), strict=True))
        size = (normalized.shape[2], normalized.shape[3])
        return {point.name: as_map(outputs[point.node], point, size) for point in self.points}

    def train(self, mode: bool = True) -> LossNetwork:
        """Stay in evaluation mode: a loss network is never trained."""
        return super().train(False)

    def _explain(self, normalized: Tensor, error: Exception) -> None:
        """Raise an ImageError if it is the size of the images that the backbone does not take."""
        if isinstance(error, torch.OutOfMemoryError):
            return
        blank = torch.zeros_like(normalized[:1])
        try:
            self.tap(blank)
        except (RuntimeError, AssertionError):
            height, width = normalized.shape[2:]
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".!")
            reason = re.sub(r"Proxy\(\w+\)", "another", reason)  # a tracer's stand-in for a size
            reached = reached_outputs(self.backbone, self._nodes, blank)
            names = " or ".join(repr(point.name) for point in self.points if point.node not in reached)
            raise ImageError(
                f"Images of {width} x {height} pixels do not get through this backbone to the point {names}, most "
                f"likely because they are too small for it ({reason}). Use larger images or an earlier point."
            ) from error


def check_images(images: Tensor) -> None:
    """Raise ImageError unless ``images`` are (N, 3, H, W), floating point and in [0, 1]."""
    check_form(images)
    if images.numel() == 0:
        return
    low, high = (float(bound) for bound in images.detach().aminmax())
    if not (low >= -_RANGE_TOLERANCE and high <= 1 + _RANGE_TOLERANCE):
        raise ImageError(
            f"Images must have values in [0, 1], got [{low:g}, {high:g}]. Divide 8-bit values by 255, map [-1, 1] "
            "with (x + 1) / 2, and leave ImageNet normalization to the loss network."
        )


def check_form(images: Tensor) -> None:
    """Raise ImageError unless ``images`` are (N, 3, H, W) and floating point."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise ImageError(f"Images must have the shape (N, 3, H, W), got {tuple(images.shape)}.")
    if not images.is_floating_point():
        raise ImageError(
            f"Images must be floating point with values in [0, 1], got {images.dtype}; divide 8-bit values by 255."
        )


def as_map(output: Any, point: ExtractionPoint, image_size: tuple[int, int]) -> Tensor:
    """Bring a node's output to (N, C, H, W) as the point's layout says; ``image_size`` is (H, W) of the images.

    Tokens fill a grid of the images' aspect ratio row by row, once the prefix tokens are left out. An output (N, C)
    becomes a map of one position.
    """
    if not isinstance(output, Tensor):
        raise UsageError(f"Node {point.node!r} gives a {type(output).__name__}, not a tensor; choose one after it.")
    if 0 in output.shape[1:]:
        raise ImageError(
            f"Images of {image_size[1]} x {image_size[0]} pixels leave nothing at point {point.name!r}: its features "
            f"have the shape {tuple(output.shape)}. Use larger images or an earlier point."
        )
    if output.ndim == 2 and point.layout in ("NCHW", "NC"):
        return output[:, :, None, None]
    if output.ndim == 4 and point.layout == "NCHW":
        return output
    if output.ndim == 4 and point.layout == "NHWC":
        return output.permute(0, 3, 1, 2)
    if output.ndim == 3 and point.layout == "CLS":
        return output[:, 0, :, None, None]
    if output.ndim == 3 and point.layout == "NLC":
        tokens = output[:, point.prefix_tokens :]
        rows, columns = _grid(tokens.shape[1], image_size)
        return tokens.transpose(1, 2).reshape(len(tokens), -1, rows, columns)
    raise UsageError(
        f"Node {point.node!r} gives a tensor of shape {tuple(output.shape)}, which the layout {point.layout} of point "
        f"{point.name!r} does not fit; an ExtractionPoint takes layout NCHW, NHWC, NLC (tokens), CLS (class token) "
        "or NC."
    )


def _grid(tokens: int, image_size: tuple[int, int]) -> tuple[int, int]:
    """Find rows x columns = tokens with a ratio nearest to that of the images."""
    height, width = image_size
    divisors = [rows for rows in range(1, tokens + 1) if tokens % rows == 0]
    rows = min(divisors, key=lambda rows: abs(rows * width * rows - height * tokens) / rows, default=1)
    return rows, tokens // rows
