"""The services of the runner for a benchmark that trains: a feature loss of its loss network, and the training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from lnkit.errors import PluginError
from lnkit.networks.device import open_device, place
from lnkit.networks.loss_network import LossNetwork
from lnkit.progress import Progress
from lnkit.specs import DistanceConfig, DistanceSpec
from lnkit.training.device_setup import DeviceSetup
from lnkit.training.loop import train
from lnkit.training.outcome import FACTS, restore_outcome
from lnkit.training.perceptual_loss import DeepPerceptualLoss
from lnkit.training_task import TrainingResult, TrainingSettings, TrainingTask


class Trainer:
    """Trains networks of one run, all on the same device and with the same loss network."""

    engine = "eager"

    def __init__(
        self,
        loss_network: Callable[[], LossNetwork],
        *,
        lookup: Callable[[str], DistanceSpec] | None = None,
        device: str,
        precision: str,
        folder: Path,
        facts: Mapping[str, Any],
        progress: Progress,
    ) -> None:
        """Prepare to train.

        Args:
            loss_network: Makes the loss network of the run.
            lookup: Finds the spec of a distance by name; by default those of all plugins.
            device: "cpu", "cuda", "cuda:1", "mps" or "auto".
            precision: "fp32", "bf16" or "fp16".
            folder: Folder of the unfinished files of the run.
            facts: Everything that the scores of the run depend on; a checkpoint with other facts is refused.
            progress: Shows every step.

        Raises:
            UsageError: The device or the precision is unknown or cannot be used here.
        """
        self.device = open_device(device)
        self._loss_network, self._lookup = loss_network, lookup
        self._setup = DeviceSetup(self.device, precision)
        self._folder, self._facts, self._progress = folder, facts, progress
        self.notes: tuple[str, ...] = ()

    def feature_loss(self, distance: DistanceConfig) -> DeepPerceptualLoss:
        """Return a loss with the loss network of the run, on the device, in the memory layout of trained networks."""
        return place(DeepPerceptualLoss(self._loss_network(), distance=distance, lookup=self._lookup), self.device)

    def train(self, task: TrainingTask, settings: TrainingSettings) -> TrainingResult:
        """Train ``task``, or resume its training; see :func:`lnkit.training.loop.train`."""
        if PurePosixPath(settings.name).name != settings.name:
            raise PluginError(f"Expected the name of a folder as the name of a training, got {settings.name!r}.")
        result = train(task, settings, self._folder / settings.name, self._setup, self._progress, self._facts)
        self.notes += result.notes
        return result


def restore_trainings(record: Path, names: Sequence[str], folder: Path) -> None:
    """Copy the finished trainings of a record into ``folder``, where :func:`lnkit.training.loop.train` reads them.

    Args:
        record: Folder of the record.
        names: Names of the files beside the record.
        folder: Folder of the unfinished files of the run.
    """
    for name in names:
        file = PurePosixPath(name)
        if file.name == FACTS and len(file.parts) == 2:
            restore_outcome(record / file.parent, folder / file.parent)
