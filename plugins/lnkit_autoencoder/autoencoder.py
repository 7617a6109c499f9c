"""The training of an autoencoder: its network, its feature loss, its validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lnkit.training import (
    Batch,
    TargetCache,
    TrainingTask,
    Validation,
    Variation,
    cache_targets,
    slices,
)
from lnkit_autoencoder.featurenet import FeatureDecoder, FeatureEncoder, Shapes
from lnkit_autoencoder.images import Images, hold_out
from lnkit_autoencoder.network import ImageDecoder, ImageEncoder
from lnkit_autoencoder.protocol import AutoencoderProtocol

if TYPE_CHECKING:
    from lnkit.progress import Progress
    from lnkit.training import FeatureLoss

Features = Mapping[str, Tensor]  # point -> (N, C, H, W)

BLOCK = 256  # images in a forward pass outside of training; a constant, so that rounding is always the same
WORTH_CACHING = 50_000  # weights of a loss network; with fewer, its features are computed as fast as copied
SETTLED = 50  # batches; with a momentum of 0.1, 0.5 % of a running statistic's initial value are left
HOLDOUT_STREAM = 1  # of random numbers, for held-out images of the autoencoder


class Autoencoder(nn.Module):
    """An encoder and a decoder, each either of images or of features."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, encodes_features: bool) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.encodes_features = encodes_features

    def forward(self, images: Tensor, features: Features) -> Any:
        """Return the output of the decoder: images (N, 3, H, W), or features."""
        return self.decoder(self.embed(images, features))

    def embed(self, images: Tensor, features: Features) -> Tensor:
        """Return embeddings (N, z) of images; their features are needed only if the encoder takes features."""
        embeddings: Tensor = self.encoder(features if self.encodes_features else images)
        return embeddings


def build_autoencoder(protocol: AutoencoderProtocol, side: int, shapes: Shapes) -> Autoencoder:
    """Build the network of a protocol.

    Args:
        protocol: says what is encoded and what is decoded.
        side: of the images, in pixels.
        shapes: {point: (C, H, W)} of their features.
    """
    encodes_features = protocol.encode == "features"
    encoder = FeatureEncoder(shapes, protocol.z) if encodes_features else ImageEncoder(side, protocol.z)
    predicts = protocol.target == "features"
    decoder = FeatureDecoder(shapes, protocol.z) if predicts else ImageDecoder(side, protocol.z)
    return Autoencoder(encoder, decoder, encodes_features)


def feature_difference(predicted: Features, features: Features) -> Tensor:
    """Return the mean squared difference of predicted and true features, summed over the points.

    References:
        Pihlgren2023 Eq. 6 with a mean instead of the sum, without an image.
    """
    parts = [(predicted[point].float() - true.float()).square().mean() for point, true in features.items()]
    return torch.stack(parts).sum()


class AutoencoderTask(TrainingTask):
    """Train an autoencoder with a feature loss."""

    def __init__(
        self, images: Images, protocol: AutoencoderProtocol, loss: FeatureLoss, seed: int, progress: Progress
    ) -> None:
        """Hold out images for validation; :meth:`prepare` does the rest.

        Args:
            images: to train and validate on.
            protocol: of the run.
            loss: the feature loss.
            seed: of the draw of held-out images.
            progress: receives the progress of computing target features.
        """
        self.images, self.protocol, self._progress = images, protocol, progress
        self.feature_loss: FeatureLoss = loss
        self.device = next(loss.network.buffers()).device
        self.training, self.validation = hold_out(len(images), protocol.holdout, (seed, HOLDOUT_STREAM))
        self.items = len(self.training)
        self.shapes = feature_shapes(images, loss)
        self._side = images.take(np.arange(1)).shape[-1]
        self._cache: TargetCache | None = None

    def prepare(self) -> None:
        """Compute the target features of all images once, if that is possible, worth it, and they fit into memory."""
        if sum(weight.numel() for weight in self.feature_loss.network.parameters()) < WORTH_CACHING:
            return
        self._cache = cache_targets(
            self.feature_loss, self.images.take, len(self.images), self.protocol.epochs, self._progress
        )

    def build(self) -> nn.Module:
        return build_autoencoder(self.protocol, self._side, self.shapes)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=self.protocol.lr)

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        return self._load(self.training[items])

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        images, features = self._inputs(batch)
        return {"loss": self._difference(network(images, features), features)}

    def validate(self, network: nn.Module) -> Validation:
        total, outputs_vary, targets_vary = 0.0, _Variations(), _Variations()
        for items in blocks(self.validation):
            images, features = self._inputs({name: t.to(self.device) for name, t in self._load(items).items()})
            outputs = network(images, features)
            total += float(self._difference(outputs, features)) * len(items)
            outputs_vary.add(outputs)
            if self.protocol.target == "features":
                targets_vary.add(features)
        variation = outputs_vary.relative_to(targets_vary) if has_settled(network) else inf
        return Validation(total / len(self.validation), variation=variation)

    def _load(self, chosen: NDArray[np.int64]) -> dict[str, Tensor]:
        batch = {"stored": self.images.load(chosen)}
        return batch | self._cache.take(chosen) if self._cache else batch

    def _inputs(self, batch: Batch) -> tuple[Tensor, Features]:
        """Return the images of a batch and their features, both on the device."""
        images = self.images.prepare(batch["stored"])
        return images, self._cache.of(batch) if self._cache else self.feature_loss.targets(images)

    def _difference(self, outputs: Any, features: Features) -> Tensor:
        if self.protocol.target == "features":
            return feature_difference(outputs, features)
        return self.feature_loss.loss_to_features(outputs, features)


class _Variations:
    """Variation of outputs: of images in [0, 1], or of features, whose scale is that of the true ones."""

    def __init__(self) -> None:
        self._points: dict[str, Variation] = {}

    def add(self, outputs: Tensor | Features) -> None:
        for point, tensor in (outputs if isinstance(outputs, Mapping) else {"": outputs}).items():
            self._points.setdefault(point, Variation()).add(tensor)

    def relative_to(self, true: _Variations) -> float:
        """Return the range of pixels, or of features as a share of the range of the true ones at the best point."""
        if not true._points:
            return self._points[""].value
        return max(own.value / (true._points[point].value or 1.0) for point, own in self._points.items())


def has_settled(network: nn.Module) -> bool:
    """Whether batch norm has seen enough batches for outputs in evaluation mode to mean anything.

    In the first steps the running statistics are still near their initial 0 and 1, and the output hardly depends on the
    input, which is no collapse.
    """
    batches = [int(buffer) for name, buffer in network.named_buffers() if name.endswith("num_batches_tracked")]
    return not batches or min(batches) >= SETTLED


def feature_shapes(images: Images, loss: FeatureLoss) -> Shapes:
    """Return {point: (C, H, W)} of the features of one image."""
    features = loss.targets(images.take(np.arange(1)).to(next(loss.network.buffers()).device))
    return {point: (maps.shape[1], maps.shape[2], maps.shape[3]) for point, maps in features.items()}


def embed(network: Autoencoder, images: Images, loss: FeatureLoss, progress: Progress) -> NDArray[np.float32]:
    """Return the embeddings (N, z) of all images, computed in blocks of fixed size.

    Args:
        network: the trained autoencoder.
        images: to embed.
        loss: computes features for an encoder of features.
        progress: receives the number of images done.
    """
    return np.concatenate(list(_embeddings(network, images, loss, progress))).astype(np.float32)


def _embeddings(network: Autoencoder, images: Images, loss: FeatureLoss, progress: Progress) -> Iterator[NDArray[Any]]:
    device = next(network.parameters()).device
    with torch.no_grad(), progress.task("embedding images", len(images), unit="images") as advance:
        for items in blocks(np.arange(len(images))):
            inputs = images.prepare(images.load(items).to(device))
            yield network.embed(inputs, loss.targets(inputs) if network.encodes_features else {}).cpu().numpy()
            advance(len(items))


def reconstruct(network: Autoencoder, images: Images, items: NDArray[np.int64], loss: FeatureLoss) -> Tensor:
    """Return the reconstructions of images by a decoder to images, (N, 3, H, W) in [0, 1] on the CPU.

    Args:
        network: the trained autoencoder.
        images: of a split.
        items: numbers of the images.
        loss: computes features for an encoder of features.
    """
    device = next(network.parameters()).device
    outputs = []
    with torch.no_grad():
        for part in blocks(items):
            inputs = images.prepare(images.load(part).to(device))
            outputs.append(network(inputs, loss.targets(inputs) if network.encodes_features else {}).cpu())
    return torch.cat(outputs)


def blocks(items: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the items, BLOCK at a time."""
    for part in slices(len(items), BLOCK):
        yield items[part]
