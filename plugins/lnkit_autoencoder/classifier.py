"""Small classifiers of embeddings; the best of seven by validation is tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lnkit.training import Batch, TrainingTask, Validation
from lnkit_autoencoder.images import Labels, hold_out
from lnkit_autoencoder.network import classifier
from lnkit_autoencoder.protocol import AutoencoderProtocol

Embeddings = NDArray[np.float32]  # (N, z)

HOLDOUT_STREAM = 2  # of random numbers, for held-out images of the classifiers


@dataclass(frozen=True)
class LabeledEmbeddings:
    """Embeddings with their classes, some of them held out."""

    embeddings: Embeddings
    labels: Labels
    classes: int
    training: NDArray[np.int64]
    validation: NDArray[np.int64]

    @classmethod
    def split(cls, embeddings: Embeddings, labels: Labels, classes: int, share: float, seed: int) -> LabeledEmbeddings:
        """Hold out a share for validation.

        Args:
            embeddings: (N, z).
            labels: (N,), from 0.
            classes: number of classes.
            share: to hold out.
            seed: of the draw.
        """
        return cls(embeddings, labels, classes, *hold_out(len(labels), share, (seed, HOLDOUT_STREAM)))


class ClassifierTask(TrainingTask):
    """Train a classifier of embeddings by the mean squared difference from one-hot vectors, as the reference code."""

    def __init__(self, embedded: LabeledEmbeddings, hidden: Sequence[int], protocol: AutoencoderProtocol) -> None:
        self.protocol, self.hidden, self.classes = protocol, tuple(hidden), embedded.classes
        self.items = len(embedded.training)
        self._inputs, self._targets = _tensors(embedded, embedded.training)
        self._valid_inputs, self._valid_targets = _tensors(embedded, embedded.validation)

    def build(self) -> nn.Module:
        return classifier(self._inputs.shape[1], self.hidden, self.classes)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=self.protocol.mlp_lr)

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        index = torch.from_numpy(items)
        return {"embedding": self._inputs[index], "target": self._targets[index]}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        return {"loss": nn.functional.mse_loss(network(batch["embedding"]), batch["target"])}

    def validate(self, network: nn.Module) -> Validation:
        outputs = _outputs(network, self._valid_inputs)
        loss = float(nn.functional.mse_loss(outputs, self._valid_targets))
        correct = outputs.argmax(1) == self._valid_targets.argmax(1)
        accuracy = float(correct.to(torch.float64).mean())
        if self.protocol.mlp_keeps == "accuracy":
            return Validation(accuracy, {"validation_loss": loss})
        return Validation(loss, {"accuracy": accuracy})

    def validation_accuracy(self, network: nn.Module) -> float:
        """Return the share of the held-out items whose class is predicted."""
        predicted = predict(network, self._valid_inputs.numpy())
        return float(np.mean(predicted == self._valid_targets.argmax(1).numpy()))


def _tensors(embedded: LabeledEmbeddings, items: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Return embeddings (N, z) and one-hot vectors (N, classes)."""
    labels = torch.from_numpy(embedded.labels[items].astype(np.int64))
    targets = nn.functional.one_hot(labels, embedded.classes).to(torch.float32)
    return torch.from_numpy(np.ascontiguousarray(embedded.embeddings[items])), targets


@torch.no_grad()
def _outputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the outputs for all inputs at once, on the CPU."""
    device = next(network.parameters()).device
    outputs: Tensor = network(inputs.to(device)).cpu()
    return outputs


def predict(network: nn.Module, embeddings: Embeddings) -> Labels:
    """Return the class (N,) with the largest output; the first of several."""
    outputs = _outputs(network, torch.from_numpy(np.ascontiguousarray(embeddings))).numpy()
    classes: Labels = outputs.argmax(1).astype(np.int64)
    return classes


def best_classifier(accuracies: Sequence[float]) -> int:
    """Return the number of the best classifier by validation accuracy: the first of several.

    Args:
        accuracies: NaN for a classifier that collapsed.

    Raises:
        ValueError: all classifiers collapsed.
    """
    if np.all(np.isnan(accuracies)):
        raise ValueError("Expected at least one accuracy, got NaN for all classifiers.")
    return int(np.nanargmax(accuracies))
