"""Calibration as a task of lnkit's training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

import lnkit
from lnkit.stats import two_afc_agreement
from lnkit.training import Batch, TrainingTask, Validation, as_tensor, batches_per_epoch, in_unit_range, slices
from lnkit_calibration.model import CalibrationModel, ranking_loss
from lnkit_calibration.triplets import Triplets

SCORING_BATCH = 100  # triplets at a time; the size only changes rounding


@dataclass(frozen=True, slots=True)
class Schedule:
    """Length and learning rate of a calibration; the defaults are those of Zhang2018."""

    lr: float = 1e-4  # of Adam; Zhang2018, appendix B
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam; the code of Zhang2018
    batch_size: int = 50  # triplets; Zhang2018, appendix B
    epochs: int = 5  # with the full learning rate; Zhang2018, appendix B
    decay_epochs: int = 5  # over which it falls linearly; Zhang2018, appendix B

    def factor(self, iteration: int, per_epoch: int) -> float:
        """Return the learning rate of an iteration, counted from 0, relative to ``lr``.

        As in the code of Zhang2018, the rate falls after each epoch beyond the first ``epochs``, so that the first of
        the decay epochs still has the full rate.
        """
        epoch = iteration // per_epoch
        return 1.0 if epoch <= self.epochs else max(1 - (epoch - self.epochs) / self.decay_epochs, 0.0)


class CalibrationTask(TrainingTask):
    """Trains the weights of `lin`, with or without the backbone."""

    def __init__(
        self,
        make_network: Callable[[], lnkit.LossNetwork],
        trains_backbone: bool,
        schedule: Schedule,
        training: Triplets,
        validation: Triplets,
        device: torch.device,
    ) -> None:
        """Set up the task.

        Args:
            make_network: builds the loss network with its initial weights.
            trains_backbone: whether the loss network is trained too.
            schedule: length and learning rate.
            training: triplets to train on.
            validation: held-out triplets, scored after every epoch for the log; there may be none.
            device: device of the training.
        """
        self.make_network, self.trains_backbone, self.schedule = make_network, trains_backbone, schedule
        self.training, self.validation, self.device = training, validation, device
        self.items = len(training)

    def build(self) -> nn.Module:
        return CalibrationModel(self.make_network(), self.trains_backbone)

    def optimizer(self, network: nn.Module) -> Optimizer:
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        return torch.optim.Adam(trained, self.schedule.lr, self.schedule.betas)

    def scheduler(self, optimizer: Optimizer) -> LRScheduler:
        per_epoch = batches_per_epoch(self.items, self.schedule.batch_size)
        return LambdaLR(optimizer, partial(self.schedule.factor, per_epoch=per_epoch))

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        images, judgments = self.training.batch(items)
        tensors = {column: as_tensor(pixels) for column, pixels in images.items()}
        return tensors | {"judge": torch.from_numpy(judgments)}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        assert isinstance(network, CalibrationModel)
        if self.iteration:
            network.clamp_weights()  # after the optimizer step of the iteration before
        logits = network(*(in_unit_range(batch[column]) for column in ("ref", "p0", "p1")))
        return {"loss": ranking_loss(logits, batch["judge"])}

    def validate(self, network: nn.Module) -> Validation:
        """Value a network by its iteration, so that the last one is kept, as in the code of Zhang2018."""
        assert isinstance(network, CalibrationModel)
        network.clamp_weights()
        others = {"2afc": score(network, self.validation, self.device)} if len(self.validation) else {}
        return Validation(float(self.iteration), others)


@torch.no_grad()
def score(network: CalibrationModel, triplets: Triplets, device: torch.device) -> float:
    """Return the 2AFC score in [0, 1]: mean agreement with people, one half where both patches are equally far."""
    scores = []
    every = np.arange(len(triplets))
    for part in slices(len(triplets), SCORING_BATCH):
        images, judgments = triplets.batch(every[part])
        d0, d1 = network.distances(*(in_unit_range(as_tensor(pixels).to(device)) for pixels in images.values()))
        scores.append(two_afc_agreement(judgments, d0.cpu().numpy(), d1.cpu().numpy()).astype(np.float64))
    return float(np.concatenate(scores).mean())
