"""lnkit's services for a running benchmark: networks cut from one loaded backbone, comparers, and training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from lnkit.errors import PluginError, UsageError
from lnkit.evaluation.request import ResolvedRequest
from lnkit.progress import Progress
from lnkit.results.records import RunKey
from lnkit.specs import DistanceAt, DistanceConfig, DistanceSpec, ExtractionPoint, LossMode, LossNetworkId

if TYPE_CHECKING:
    from pathlib import Path

    from lnkit.distances.comparer import ImageComparer
    from lnkit.networks.classifier import Classifier
    from lnkit.networks.loss_network import LossNetwork
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.specs import Distance
    from lnkit.training.perceptual_loss import DeepPerceptualLoss
    from lnkit.training.trainer import Trainer
    from lnkit.training_task import TrainingResult, TrainingSettings, TrainingTask

EAGER = "eager"  # the engine that computes a network as it is


class Services:
    """Implements :class:`lnkit.benchmark.RunServices` for one group of loss networks."""

    def __init__(
        self,
        resolved: ResolvedRequest,
        group: Sequence[LossNetworkId],
        loaded: LoadedBackbone,
        key: RunKey,
        folder: Path,
        device: str,
        progress: Progress,
    ) -> None:
        """Prepare services.

        Args:
            resolved: the request of the run.
            group: loss networks that run together; one for a benchmark that trains.
            loaded: the backbone of all of them.
            key: everything that the scores of the first depend on; checkpoints of another key are refused.
            folder: of the run's unfinished work.
            device: an available device, as torch names it.
            progress: receives the progress of trainings.
        """
        self._resolved, self._request = resolved, resolved.request
        self._loaded, self._key, self._folder = loaded, key, folder
        self._device, self._progress = device, progress
        self._layers = [resolved.layers[network] for network in group]
        self._comparers: list[ImageComparer] = []
        self._cut_on = ""  # the device of the network that a benchmark computes features with
        self.checked: LossNetwork | None = None  # cut before the run, at all of its layers

    def comparer(self, distances: DistanceConfig | Sequence[DistanceAt], expected_items: int) -> ImageComparer:
        """Make a comparer for one distance of every loss network, or for any distances; see RunServices."""
        from lnkit.distances.comparer import ImageComparer  # noqa: PLC0415 - torch

        if isinstance(distances, DistanceConfig):
            distances = [DistanceAt(tuple(point.name for point in points), distances) for points in self._layers]
        comparer = ImageComparer(
            self.checked or self._cut(self._all_layers()),
            [distance.layers for distance in distances],
            [distance.distance for distance in distances],
            device=self._device,
            precision=self._request.precision,
            engine=self._request.engine,
            batch_size=self._request.batch_size,
            expected_items=expected_items,
            lookup=self._distance,
        )
        self._comparers.append(comparer)
        return comparer

    def loss_network(self) -> LossNetwork:
        """Cut the backbone at all layers of the run."""
        self._cut_on = self._device
        return self._cut(self._all_layers()).to(self._device)

    def feature_distances(self, distances: Sequence[DistanceAt]) -> list[tuple[Distance, ...]]:
        """Make distances between features; see RunServices."""
        from lnkit.distances.factory import shared_distances  # noqa: PLC0415 - torch

        request = self._request
        if request.precision != "fp32" or request.engine not in ("auto", EAGER):
            raise UsageError(
                f"{request.bench} compares features of images that are not 8-bit, which takes fp32 and the engine "
                f"{EAGER}, got {request.precision} and {request.engine}: leave out --precision and --engine."
            )
        layers, configs = [at.layers for at in distances], [at.distance for at in distances]
        return shared_distances(layers, configs, self._distance, self._resolved.backbone.name)

    def classifier(self) -> Classifier | None:
        """Load the backbone with its head, if the classes of its outputs are known."""
        from lnkit.networks.classifier import Classifier  # noqa: PLC0415 - torch

        spec = self._resolved.backbone
        known = spec.classes and self._request.weights == "pretrained"
        return Classifier(self._loaded.module, spec).to(self._device) if known else None

    def feature_loss(self, distance: DistanceConfig) -> DeepPerceptualLoss:
        """Make the loss of the run's loss network."""
        return self._trainer.feature_loss(distance)

    def train(self, task: TrainingTask, settings: TrainingSettings) -> TrainingResult:
        """Train a network, or finish its interrupted training."""
        return self._trainer.train(task, settings)

    @property
    def device_and_engine(self) -> tuple[str, str]:
        """What computed last; ("none", "none") where every part had been stored by an earlier run."""
        last = self._comparers[-1] if self._comparers else vars(self).get("_trainer")
        features = (self._cut_on, EAGER) if self._cut_on else ("none", "none")
        return (str(last.device), last.engine) if last else features

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the training loop, which belong into the record."""
        return self._trainer.notes if "_trainer" in vars(self) else ()

    @cached_property
    def _trainer(self) -> Trainer:
        from lnkit.training.trainer import Trainer  # noqa: PLC0415 - torch

        if not self._resolved.benchmark.trains:
            raise PluginError(
                f"Benchmark {self._request.bench!r} asked to train, but is declared as one that only measures: "
                "its BenchmarkSpec needs trains=True."
            )
        return Trainer(
            lambda: self._cut(self._layers[0], getattr(self._resolved.protocol, "loss_mode", "eval")),
            lookup=self._distance,
            device=self._device,
            precision=self._request.precision,
            folder=self._folder,
            facts=dataclasses.asdict(self._key),
            progress=self._progress,
        )

    def _all_layers(self) -> tuple[ExtractionPoint, ...]:
        """The layers of all loss networks, each once."""
        return tuple({point.name: point for points in self._layers for point in points}.values())

    def _cut(self, points: Sequence[ExtractionPoint], mode: LossMode = "eval") -> LossNetwork:
        return cut_network(self._resolved, self._loaded, points, mode)

    def _distance(self, name: str) -> DistanceSpec:
        if name not in self._resolved.distances:
            raise PluginError(f"Benchmark {self._request.bench!r} asked for {name!r}, which is no registered distance.")
        return self._resolved.distances[name]


def cut_network(
    resolved: ResolvedRequest, loaded: LoadedBackbone, points: Sequence[ExtractionPoint], mode: LossMode = "eval"
) -> LossNetwork:
    """Cut the backbone of a request at some points, fed as the protocol says."""
    from lnkit.networks.load import make_loss_network  # noqa: PLC0415 - torch

    return make_loss_network(
        loaded,
        resolved.backbone,
        points,
        resolved.normalization,
        getattr(resolved.protocol, "transform_input", True),
        mode,
        check=not resolved.suppliers["backbone"].tested,
    )
