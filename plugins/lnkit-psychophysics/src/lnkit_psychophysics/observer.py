"""Distances of test images from a reference, by all loss networks of a run at once and by the image itself.

One image goes through the network at a time, so that the distances depend on no batch size and memory stays flat.
Features are float32, as they are everywhere in lnkit; they are compared in float64, since differences at the threshold
of vision are smaller than the rounding of a cosine in float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lnkit import ImageError, LnkitError
from lnkit.distances import Embedded
from lnkit.networks import LossNetwork
from lnkit_psychophysics import distance as flat

if TYPE_CHECKING:
    from lnkit.benchmark import FeatureNetwork
    from lnkit.specs import Distance

Array = NDArray[np.float64]

PIXELS = "pixels"  # the layer of the baseline "no encoder": the image itself, in float64


class Observer:
    """Compares images with a reference by several loss networks that share one backbone."""

    def __init__(
        self, network: FeatureNetwork, columns: Sequence[Sequence[tuple[str, Distance]]], names: Sequence[str]
    ) -> None:
        """Prepare to compare.

        Args:
            network: with the layers of all loss networks.
            columns: the layers of each loss network, each with its distance; they are summed.
            names: of the loss networks, for messages.
        """
        _refuse_resizing(network)
        self._network, self._names = network, (*names, "the image itself")
        # Each pair of a layer and a distance is computed once, however many loss networks share it.
        columns = [*columns, [(PIXELS, flat.load())]]
        self._parts = list(dict.fromkeys(part for column in columns for part in column))
        self._sums = [[self._parts.index(part) for part in column] for column in columns]
        self._reference: list[Tensor] = []

    @torch.inference_mode()
    def show_reference(self, image: Array) -> None:
        """Take an encoded image (3, side, side) as the reference of the comparisons that follow."""
        features = self._features(image)
        self._reference = [_embed(distance, features[layer]) for layer, distance in self._parts]

    @torch.inference_mode()
    def compare(self, image: Array) -> Array:
        """Return the distances (loss networks + 1,) of an image from the reference; the last is by the image itself.

        Raises:
            LnkitError: a distance is not a finite number.
        """
        features = self._features(image)
        terms = [
            float(_compare(distance, reference, features[layer]))
            for (layer, distance), reference in zip(self._parts, self._reference, strict=True)
        ]
        distances = np.array([sum(terms[index] for index in indices) for indices in self._sums])
        if not np.isfinite(distances).all():
            name = self._names[int((~np.isfinite(distances)).argmax())]
            raise LnkitError(
                f"{name} gave distances that are not finite numbers. Check its weights for NaN and infinite values."
            )
        return distances

    @torch.inference_mode()
    def count_dead(self, image: Array) -> dict[str, NDArray[Any]]:
        """Return for each layer how many of its channels are 0 everywhere, and how many it has."""
        return {
            layer: np.array([int((values == 0).flatten(2).all(2).sum()), values.shape[1]])
            for layer, values in self._features(image).items()
            if layer != PIXELS
        }

    def _features(self, image: Array) -> Mapping[str, Tensor]:
        batch = torch.from_numpy(np.ascontiguousarray(image))[None]
        features = self._network.features(batch.to(self._network.device, torch.float32))
        return {layer: _in_float64(values) for layer, values in features.items()} | {PIXELS: batch}


def _in_float64(features: Tensor) -> Tensor:
    """Convert features; Apple's devices have no float64."""
    return (features.cpu() if features.device.type == "mps" else features).double()


def _embed(distance: Distance, features: Tensor) -> Tensor:
    return distance.embed(features) if isinstance(distance, Embedded) else features


def _compare(distance: Distance, reference: Tensor, features: Tensor) -> Tensor:
    """Compare features with the reference, which went through the first step of the distance already."""
    if isinstance(distance, Embedded):
        return distance.compare(reference, distance.embed(features))
    return distance(reference, features)


def _refuse_resizing(network: FeatureNetwork) -> None:
    """Refuse losses whose backbones get images of a size of their own: that would change every frequency."""
    modules = network.backbone.modules() if isinstance(network, LossNetwork) else ()
    sizes = {module.input_size for module in modules if isinstance(module, LossNetwork) and module.input_size}
    if sizes:
        height, width = min(sizes)
        raise ImageError(
            f"A backbone of this loss gets its images resized to {width} x {height} pixels, which changes the "
            "frequencies of the stimuli. Run psychophysics on that backbone alone: its field then has that size."
        )
