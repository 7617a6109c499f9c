"""Learning from judgments as a task of lnkit's training loop."""

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
from lnkit.datasets.two_afc_layout import COLUMNS
from lnkit.training.task import Batch, TrainingTask, Validation, batches_per_epoch
from lnkit_calibration.model import Calibrated
from lnkit_calibration.ranking import ranking_loss
from lnkit_calibration.triplets import Triplets

SCORING_BATCH = 100  # triplets at a time; changes no decision worth mentioning


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast it learns. Values: protocols of LPIPS (Zhang et al. 2018, section 4.1, and their code)."""

    lr: float = 1e-3  # of Adam
    betas: tuple[float, float] = (0.5, 0.999)
    batch_size: int = 50
    epochs: int = 5  # with the full learning rate
    decay_epochs: int = 5  # in which it falls

    def factor(self, iteration: int, per_epoch: int) -> float:
        """The learning rate of an iteration as a part of ``lr``.

        It falls after each epoch beyond the first ones, as in the code of LPIPS: the first of the decaying epochs still
        has all of it.
        """
        epoch = iteration // per_epoch
        return 1.0 if epoch <= self.epochs else max(1 - (epoch - self.epochs) / self.decay_epochs, 0.0)


class CalibrationTask(TrainingTask):
    """Learns the weights of `lin`, with or without the backbone."""

    def __init__(
        self,
        make_network: Callable[[], lnkit.LossNetwork],
        trains_backbone: bool,
        schedule: Schedule,
        training: Triplets,
        held: Triplets,
        device: torch.device,
    ) -> None:
        self.make_network, self.trains_backbone, self.schedule = make_network, trains_backbone, schedule
        self.training, self.held, self.device = training, held, device
        self.items = len(training)

    def build(self) -> nn.Module:
        return Calibrated(self.make_network(), self.trains_backbone)

    def optimizer(self, network: nn.Module) -> Optimizer:
        learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
        return torch.optim.Adam(learned, self.schedule.lr, self.schedule.betas)

    def scheduler(self, optimizer: Optimizer) -> LRScheduler:
        per_epoch = batches_per_epoch(self.items, self.schedule.batch_size)
        return LambdaLR(optimizer, partial(self.schedule.factor, per_epoch=per_epoch))

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        images, judged = self.training.batch(items)
        return {name: _channels_first(pixels) for name, pixels in images.items()} | {"judge": torch.from_numpy(judged)}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        assert isinstance(network, Calibrated)
        if self.iteration:
            network.keep_positive()  # what the step before this one did
        logits = network(*(batch[column].float() / 255 for column in COLUMNS))
        return {"loss": ranking_loss(logits, batch["judge"])}

    def validate(self, network: nn.Module) -> Validation:
        """The last network is the one that counts, as in LPIPS: each is worth more than the one before."""
        assert isinstance(network, Calibrated)
        network.keep_positive()
        agreement = score(network, self.held, self.device) if len(self.held) else float("nan")
        others = {"2afc": agreement} if len(self.held) else {}
        return Validation(float(self.iteration), others)


@torch.no_grad()
def score(network: Calibrated, triplets: Triplets, device: torch.device) -> float:
    """Mean agreement with people over triplets, one half where both patches are as far (2AFC)."""
    agreed = []
    for start in range(0, len(triplets), SCORING_BATCH):
        images, judged = triplets.batch(np.arange(start, min(start + SCORING_BATCH, len(triplets))))
        d0, d1 = network.distances(*(_channels_first(images[column]).to(device).float() / 255 for column in COLUMNS))
        nearer = torch.where(d1 < d0, 1.0, torch.where(d1 > d0, 0.0, 0.5)).cpu().double().numpy()
        agreed.append(judged * nearer + (1 - judged) * (1 - nearer))
    return float(np.concatenate(agreed).mean())


def _channels_first(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)
