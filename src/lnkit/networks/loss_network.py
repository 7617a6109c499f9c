"""The loss network: a frozen backbone cut at its extraction points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit.errors import ImageError, UsageError
from lnkit.networks.device import is_out_of_memory, standard_defaults
from lnkit.networks.graph_extractor import cut_backbone, reached_outputs
from lnkit.networks.math_kernels import choose_math_kernels
from lnkit.networks.mode_cut import cut_in_both_modes
from lnkit.plugins.guard import Owner, blamed
from lnkit.plugins.unusable_networks import explain_mismatch
from lnkit.specs import IMAGENET_MEAN, IMAGENET_STD, ExtractionPoint, Interpolation, LossMode

_RANGE_TOLERANCE = 1e-4  # beyond [0, 1]; rounding, not another range


class LossNetwork(nn.Module):
    """Features of images at one or more extraction points, from one forward pass of a frozen backbone.

    Images are RGB in [0, 1]; the ``mean`` and ``std`` of the backbone are applied inside. The network stays in
    evaluation mode, also as a part of a module in training, unless it was made with ``mode="train"``.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 8, 3, stride=2))
        >>> network = LossNetwork(backbone, [ExtractionPoint("early", "1"), ExtractionPoint("late", "2")])
        >>> {name: tuple(features.shape) for name, features in network(torch.zeros(1, 3, 9, 9)).items()}
        {'early': (1, 4, 7, 7), 'late': (1, 8, 3, 3)}
    """

    mean: Tensor
    std: Tensor

    @standard_defaults()
    def __init__(  # noqa: PLR0913 - options by name
        self,
        backbone: nn.Module,
        points: Sequence[ExtractionPoint],
        *,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        input_size: tuple[int, int] | None = None,
        interpolation: Interpolation = "bicubic",
        name: str = "",
        mode: LossMode = "eval",
        check: bool = True,
    ) -> None:
        """Cut a backbone at its points.

        Args:
            backbone: The network; the part up to the deepest point is copied, and the original is not changed.
            points: One or more points with different names.
            mean: Mean of RGB in [0, 1] that is subtracted from the images.
            std: Standard deviation that they are divided by then.
            input_size: (height, width) that images are resized to; None to keep their size.
            interpolation: Method of that resizing, which is antialiased.
            name: Name of the backbone ("vgg16"), for error messages and for weights that were learned for it.
            mode: "eval" stays in evaluation mode. "train" follows ``train()`` and ``eval()`` as any module does: in
                training mode batch norm takes the statistics of the batch and changes its running statistics, dropout
                and stochastic depth are on. Weights stay frozen. The reference code of Pihlgren2023 trains so.
            check: Compare the cut with the network's own forward on one image; False skips this for a network whose
                cut is known to be right.

        Raises:
            UnknownNameError: The backbone has no node of a point.
            UsageError: There are no points, or two have the same name; a point of a network with ``mode="train"`` is no
                module; or the forward pass computes with parameters of another network.
        """
        super().__init__()
        choose_math_kernels()
        self.points = tuple(points)
        self.name = name
        self.input_size, self.interpolation = input_size, interpolation
        if not self.points or len({point.name for point in self.points}) < len(self.points):
            names = ", ".join(point.name for point in self.points)
            raise UsageError(f"Expected one or more points with different names, got {names or 'none'}.")
        self._nodes = tuple(dict.fromkeys(point.node for point in self.points))
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))
        with blamed(Owner(f"The backbone {name or 'in hand'}"), "while it was cut"):
            self.backbone = cut_backbone(backbone, self._nodes, name, check=check, input_size=input_size)
            both = cut_in_both_modes(self.backbone, backbone, self._nodes, name) if mode == "train" else None
        self.backbone = self.backbone if both is None else both
        self.follows_mode = both is not None  # False also for mode="train" if training mode makes no difference
        super().train(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features at each point.

        Args:
            images: RGB images (N, 3, H, W), floating point, in [0, 1].

        Returns:
            Features (N, C, H', W') by the name of the point.

        Raises:
            ImageError: The images have another shape, type or range (not checked when compiled), or are too small for
                a point.
        """
        if not torch.compiler.is_compiling():
            check_images(images)
        return self.features(images)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of images whose shape, type and range the caller has checked."""
        normalized = self.normalize(images)
        if torch.compiler.is_compiling():
            return self.tap(normalized)
        with blamed(Owner(f"The backbone {self.name or 'in hand'}"), "in its forward pass"):
            try:
                return self.tap(normalized)
            except (RuntimeError, AssertionError, ValueError) as error:  # ValueError: batch norm of a single value
                self._explain(normalized, error)
                raise

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        device: torch.device = self.mean.device
        return device

    def normalize(self, images: Tensor) -> Tensor:
        """Convert images in [0, 1] to the size, mean and standard deviation that the backbone expects."""
        return (resize(images, self.input_size, self.interpolation) - self.mean) / self.std

    def tap(self, normalized: Tensor) -> dict[str, Tensor]:
        """Return the features of images that are normalized already."""
        outputs = dict(zip(self._nodes, self.backbone(normalized), strict=True))
        size = (normalized.shape[2], normalized.shape[3])
        return {point.name: as_map(outputs[point.node], point, size) for point in self.points}

    def train(self, mode: bool = True) -> LossNetwork:
        """Follow ``mode`` if the network was made to; else ignore it and stay in evaluation mode."""
        return super().train(mode and self.follows_mode)

    def _explain(self, normalized: Tensor, error: Exception) -> None:
        """Raise ImageError if a blank image of the same size fails too: then the size is the cause."""
        if is_out_of_memory(error):
            return
        blank = torch.zeros_like(normalized[:1])
        try:
            self.tap(blank)
        except (RuntimeError, AssertionError, ValueError):
            if mismatch := explain_mismatch(self.backbone, normalized, error):
                raise ImageError(mismatch) from error
            height, width = normalized.shape[2:]
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".!")
            reason = re.sub(r"Proxy\(\w+\)", "another", reason)  # a placeholder of the tracer for a size
            reached = reached_outputs(self.backbone, self._nodes, blank)
            names = " or ".join(repr(point.name) for point in self.points if point.node not in reached)
            raise ImageError(
                f"Images of {width} x {height} pixels do not reach the point {names} of this backbone, most likely "
                f"because they are too small for it ({reason}). Use larger images or an earlier point."
            ) from error


def resize(images: Tensor, size: tuple[int, int] | None, interpolation: Interpolation) -> Tensor:
    """Resize images (N, 3, H, W) to (height, width); None keeps their size."""
    if size is None or tuple(images.shape[2:]) == size:
        return images
    smooth = interpolation in ("bilinear", "bicubic")  # the other mode, nearest-exact, has no antialiasing
    return functional.interpolate(images, size, mode=interpolation, antialias=smooth)


def check_images(images: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> None:
    """Raise ImageError unless ``images`` are (N, 3, H, W), floating point and in [0, 1].

    Args:
        images: The images, converted to [0, 1] already.
        value_range: What they were before, for the message.
    """
    check_form(images)
    if images.numel() == 0:
        return
    low, high = (float(bound) for bound in images.detach().aminmax())
    if not (low >= -_RANGE_TOLERANCE and high <= 1 + _RANGE_TOLERANCE):
        black, white = value_range
        low, high = (black + bound * (white - black) for bound in (low, high))
        raise ImageError(
            f"Expected images with values in [{black:g}, {white:g}], got [{low:g}, {high:g}]. Divide 8-bit values by "
            "255, map [-1, 1] with (x + 1) / 2, and leave ImageNet normalization to the loss network."
        )


def check_form(images: Tensor, channels: Sequence[int] = (3,)) -> None:
    """Raise ImageError unless ``images`` are (N, C, H, W), floating point, with an allowed number C of channels."""
    if images.ndim == 4 and images.shape[1] == 4:
        raise ImageError(
            f"Expected RGB images, got four channels in {tuple(images.shape)}. Blend RGBA over a background, or drop "
            "the fourth channel with images[:, :3]."
        )
    if images.ndim != 4 or images.shape[1] not in channels:
        forms = " or ".join(f"(N, {count}, H, W)" for count in reversed(channels))
        raise ImageError(f"Expected images of shape {forms}, got {tuple(images.shape)}.")
    if not images.is_floating_point():
        raise ImageError(
            f"Expected floating-point images with values in [0, 1], got {images.dtype}. Divide 8-bit values by 255."
        )


def as_map(output: Any, point: ExtractionPoint, image_size: tuple[int, int]) -> Tensor:
    """Convert the output of a node to a feature map.

    Tokens, without prefix tokens, fill a grid of the aspect ratio of the images row by row. An output (N, C) becomes a
    map of one position.

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
        return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, rows, columns)
    raise UsageError(
        f"Expected an output of layout {point.layout} at point {point.name!r}, got shape {tuple(output.shape)} of "
        f"node {point.node!r}. An ExtractionPoint takes layout NCHW, NHWC, NLC (tokens), CLS (class token) or NC."
    )


def _grid(tokens: int, image_size: tuple[int, int]) -> tuple[int, int]:
    """Return (rows, columns) with rows * columns = tokens whose ratio is nearest to that of the images."""
    height, width = image_size
    divisors = [rows for rows in range(1, tokens + 1) if tokens % rows == 0]
    rows = min(divisors, key=lambda rows: abs(rows * width * rows - height * tokens) / rows, default=1)
    return rows, tokens // rows
