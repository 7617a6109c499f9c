"""A loss of large images, computed tile by tile: the activations of one tile at a time are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from lnkit.errors import UsageError
from lnkit.networks.own_forward import noise
from lnkit.training.perceptual_loss import DeepPerceptualLoss

_TOLERANCE = 1e-4  # of the largest feature: other sizes of images are rounded otherwise


@dataclass(frozen=True, slots=True)
class _Span:
    """A tile along one axis, in pixels: what is read includes the margin, and the margin is not counted."""

    read_from: int
    read_to: int
    count_from: int
    count_to: int | None  # None: to the end of the image

    def counted(self, stride: int) -> slice:
        """Return which positions of the features of what is read count."""
        end = None if self.count_to is None else (self.count_to - self.read_from) // stride
        return slice((self.count_from - self.read_from) // stride, end)


_Tile = tuple[_Span, _Span]  # rows and columns
_TileDistances = Callable[[Tensor, _Tile], Tensor]  # (the pixels that are read, the tile) -> (N,)


class TiledLoss(nn.Module):
    """The same value and gradient as a loss of whole images, with the memory of about one tile.

    That is possible for distances that are means over positions, and for networks whose features see a bounded part of
    the image: convolutions and pooling, but no attention, squeeze-and-excitation or normalization over space. Each tile
    is read with a margin, which must hold what a feature sees. All of this is checked with an image of noise. The
    result can be differentiated once.
    """

    def __init__(self, loss: DeepPerceptualLoss, tile: int = 512, margin: int = 128) -> None:
        """Wrap a loss.

        Args:
            loss: Its network resizes no images.
            tile: Side of a tile in pixels, a multiple of the stride of every point.
            margin: Pixels that are read around a tile, a multiple of the strides too, and smaller than a tile.

        Raises:
            UsageError: The distance, the network or the sizes do not allow tiles; the message says which.
        """
        super().__init__()
        if not 0 <= margin < tile:
            raise UsageError(f"Expected a margin from 0 to below the tile of {tile} pixels, got {margin}.")
        if loss.network.input_size is not None or loss.longest is not None:
            raise UsageError("A loss that resizes its images cannot be computed in tiles: each would be resized alone.")
        self.loss, self.tile, self.margin = loss, tile, margin
        self._strides = self._checked_strides()

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of images of any size.

        Args:
            output: Images, as for :class:`lnkit.DeepPerceptualLoss`.
            target: Images of the same shape.

        Returns:
            A scalar; (N,) with the reduction "none".

        Raises:
            ImageError: As for :class:`lnkit.DeepPerceptualLoss`.
        """
        self.loss.check(output, target)
        tiles = list(self._tiles(output.shape[2], output.shape[3]))
        positions = self._positions(tiles[-1], output)

        def distances(part: Tensor, tile: _Tile) -> Tensor:
            maps = self.loss.point_maps(part, self.loss.targets(_read(target, tile)))
            sums = [self._counted(point, map_, tile).sum((1, 2)) / positions[point] for point, map_ in maps.items()]
            return torch.stack(sums).sum(0)

        return self.loss.reduce(cast(Tensor, _SumOfTiles.apply(output, distances, tiles)))

    def _tiles(self, height: int, width: int) -> Iterator[_Tile]:
        """Yield the tiles of an image, the one at its end last."""
        for rows in self._spans(height):
            for columns in self._spans(width):
                yield rows, columns

    def _spans(self, size: int) -> Iterator[_Span]:
        starts = range(0, max(size - self.tile // 2, 1), self.tile)  # the last is up to half larger, or half smaller
        for start in starts:
            last = start == starts[-1]
            end = size if last else min(start + self.tile + self.margin, size)
            yield _Span(max(start - self.margin, 0), end, start, None if last else start + self.tile)

    def _counted(self, point: str, map_: Tensor, tile: _Tile) -> Tensor:
        rows, columns = (span.counted(self._strides[point]) for span in tile)
        return map_[..., rows, columns]

    def _positions(self, last: _Tile, like: Tensor) -> dict[str, int]:
        """Return the number of positions of a whole image at each point, known from its last tile."""
        sides = [span.read_to - span.read_from for span in last]
        features = self.loss.targets(like.new_zeros(1, 3, *sides))
        return {
            point: (map_.shape[2] + last[0].read_from // self._strides[point])
            * (map_.shape[3] + last[1].read_from // self._strides[point])
            for point, map_ in features.items()
        }

    def _checked_strides(self) -> dict[str, int]:
        """Return the stride of each point; raise UsageError unless tiles give the features of a whole image."""
        network, side = self.loss.network, 2 * self.tile
        image = noise(1, (side, side)).to(network.mean)
        with torch.no_grad():
            whole, part = network.features(image), network.features(image[:, :, : self.tile, : self.tile])
            self.loss.point_maps(image[:, :, : self.tile, : self.tile], part)  # refuses statistics in words
            strides = {point: self._stride(point, whole[point], part[point]) for point in whole}
            for tile in _last_tiles(self._spans(side)):
                read = network.features(_read(image, tile))
                for point, stride in strides.items():
                    self._require_same(point, whole[point], read[point], tile, stride)
        return strides

    def _stride(self, point: str, whole: Tensor, part: Tensor) -> int:
        more = whole.shape[2] - part.shape[2]
        stride = self.tile // more if more > 0 else 0
        if not stride or self.tile % more or self.margin % stride or whole.shape[3] - part.shape[3] != more:
            raise UsageError(
                f"The features at {point!r} have {part.shape[2]} rows in {self.tile} pixels and {whole.shape[2]} in "
                f"{2 * self.tile}: expected a tile and a margin that are multiples of a stride."
            )
        return stride

    def _require_same(self, point: str, whole: Tensor, read: Tensor, tile: _Tile, stride: int) -> None:
        rows, columns = (replace(span, read_from=0).counted(stride) for span in tile)
        expected = whole[..., rows, columns]
        rows, columns = (span.counted(stride) for span in tile)
        found = read[..., rows, columns]
        same = expected.shape == found.shape
        if not same or float((expected - found).abs().max()) > _TOLERANCE * float(expected.abs().max()):
            raise UsageError(
                f"The features at {point!r} see more than {self.margin} pixels around them, so tiles would change the "
                "loss. Use a larger margin or an earlier point; attention, squeeze-and-excitation and normalization "
                "over space see the whole image, and have no tiles."
            )


def _last_tiles(spans: Iterator[_Span]) -> list[_Tile]:
    first, last = spans
    return [(first, last), (last, first)]


def _read(images: Tensor, tile: _Tile) -> Tensor:
    rows, columns = tile
    return images[:, :, rows.read_from : rows.read_to, columns.read_from : columns.read_to]


class _SumOfTiles(torch.autograd.Function):
    """The sum over tiles of distances (N,); the gradient of each tile is computed in the forward pass."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, distances: _TileDistances, tiles: list[_Tile]) -> Tensor:
        with_gradient = bool(ctx.needs_input_grad[0])
        gradient = torch.zeros_like(images) if with_gradient else None
        total = images.new_zeros(len(images), dtype=torch.promote_types(images.dtype, torch.float32))
        for tile in tiles:
            part = _read(images, tile).detach().requires_grad_(with_gradient)
            with torch.set_grad_enabled(with_gradient):
                values = distances(part, tile)
                whole = values.sum()
            if gradient is not None:
                _read(gradient, tile).add_(torch.autograd.grad(whole, part)[0])
            total += values.detach()
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradients[0].to(gradient).reshape(-1, 1, 1, 1) * gradient, None, None
