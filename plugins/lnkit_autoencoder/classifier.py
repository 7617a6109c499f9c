"""Seven small classifiers on frozen embeddings, of which the best by validation is tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lnkit.training.task import Batch, TrainingTask, Validation, batches_per_epoch
from lnkit_autoencoder.images import Labels, hold_out
from lnkit_autoencoder.network import classifier
from lnkit_autoencoder.protocol import AutoencoderProtocol

Embeddings = NDArray[np.float32]  # (N, z)

SPLIT = 2  # stream of random numbers for what is held out of the classifiers' images


@dataclass(frozen=True)
class Embedded:
    """Embeddings with their classes, some of them held out."""

    embeddings: Embeddings
    labels: Labels
    classes: int
    training: NDArray[np.int64]
    validation: NDArray[np.int64]

    @classmethod
    def drawn(cls, embeddings: Embeddings, labels: Labels, classes: int, share: float, seed: int) -> Embedded:
        """Hold out a share; all seven classifiers get the same."""
        return cls(embeddings, labels, classes, *hold_out(len(labels), share, (seed, SPLIT)))


class ClassifierTask(TrainingTask):
    """Learn to tell classes from embeddings: mean squared difference from one-hot vectors (R)."""

    def __init__(self, embedded: Embedded, hidden: Sequence[int], protocol: AutoencoderProtocol) -> None:
        self.protocol, self.hidden, self.classes = protocol, tuple(hidden), embedded.classes
        self.items = len(embedded.training)
        self._inputs, self._wanted = _tensors(embedded, embedded.training)
        self._valid_inputs, self._valid_wanted = _tensors(embedded, embedded.validation)

    @property
    def batches(self) -> int:
        """In an epoch."""
        return batches_per_epoch(self.items, self.protocol.mlp_batch_size)

    def build(self) -> nn.Module:
        return classifier(self._inputs.shape[1], self.hidden, self.classes)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=self.protocol.mlp_lr)

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        index = torch.from_numpy(items)
        return {"embedding": self._inputs[index], "wanted": self._wanted[index]}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        return {"loss": nn.functional.mse_loss(network(batch["embedding"]), batch["wanted"])}

    def validate(self, network: nn.Module) -> Validation:
        outputs = _outputs(network, self._valid_inputs)
        loss = float(nn.functional.mse_loss(outputs, self._valid_wanted))
        correct = outputs.argmax(1) == self._valid_wanted.argmax(1)
        accuracy = float(correct.to(torch.float64).mean())
        if self.protocol.mlp_keeps == "accuracy":
            return Validation(accuracy, {"validation_loss": loss})
        return Validation(loss, {"accuracy": accuracy})

    def validation_accuracy(self, network: nn.Module) -> float:
        """Share of the held-out items whose class is found."""
        found = predict(network, self._valid_inputs.numpy())
        return float(np.mean(found == self._valid_wanted.argmax(1).numpy()))


def _tensors(embedded: Embedded, items: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Embeddings (N, z) and one-hot vectors (N, classes)."""
    labels = torch.from_numpy(embedded.labels[items].astype(np.int64))
    wanted = nn.functional.one_hot(labels, embedded.classes).to(torch.float32)
    return torch.from_numpy(np.ascontiguousarray(embedded.embeddings[items])), wanted


@torch.no_grad()
def _outputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """Of all inputs at once, on the CPU: they are few numbers each."""
    device = next(network.parameters()).device
    outputs: Tensor = network(inputs.to(device)).cpu()
    return outputs


def predict(network: nn.Module, embeddings: Embeddings) -> Labels:
    """The class (N,) with the largest output; the first of several."""
    outputs = _outputs(network, torch.from_numpy(np.ascontiguousarray(embeddings))).numpy()
    found: Labels = outputs.argmax(1).astype(np.int64)
    return found


def winner(accuracies: Sequence[float]) -> int:
    """The number of the best by validation accuracy: the first of those that agree; NaN for one that collapsed.

    Raises ValueError if all have.
    """
    if np.all(np.isnan(accuracies)):
        raise ValueError("No classifier is left.")
    return int(np.nanargmax(accuracies))
