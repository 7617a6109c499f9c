"""What a running benchmark may use: its data folder, its protocol, the networks, and a place to keep finished parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lnkit.progress import Progress
from lnkit.specs import BackboneSpec, DistanceConfig, ExtractionPoint, LossNetworkId, Measure

if TYPE_CHECKING:
    import numpy as np

    from lnkit.comparing.comparer import ImageComparer
    from lnkit.loss import DeepPerceptualLoss
    from lnkit.networks.lossnet import LossNetwork
    from lnkit.training.task import Trained, TrainingSettings, TrainingTask

Arrays = Mapping[str, "np.ndarray"]


class PartStore(Protocol):
    """Keeps finished parts of a long run, so that the same command goes on where it stopped."""

    def keep(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Return the part stored under ``key``, computing and storing it (atomically) if there is none yet."""
        ...


@dataclass(frozen=True)
class RunContext:
    """Handed to a benchmark by the runner; the same for ``open_data`` and ``run``."""

    protocol: Any  # the benchmark's own frozen dataclass, overrides applied
    networks: tuple[LossNetworkId, ...]  # what to score; all of one backbone
    data: Path | None  # the user's --data folder; None: the benchmark's own folder in the cache
    cache: Path  # where packed arrays and the like are kept
    sample: bool  # use the small embedded sample instead of the data
    seed: int  # of everything that is drawn
    progress: Progress
    parts: PartStore
    # comparer(what to measure, number of items to come): a distance by each of the networks, or measures of your own
    comparer: Callable[[DistanceConfig | Sequence[Measure], int], ImageComparer]
    backbone: BackboneSpec  # that all of them are cut from
    layers: Callable[[LossNetworkId], tuple[ExtractionPoint, ...]]  # the points of a network, joined ones taken apart
    loss_network: Callable[[], LossNetwork]  # gives the features of all layers at once; on ``device``
    feature_loss: Callable[[DistanceConfig], DeepPerceptualLoss]  # of the one loss network of a run that trains
    train: Callable[[TrainingTask, TrainingSettings], Trained]  # goes on where it stopped; see lnkit.training
    folder: Path  # the run's own, for files on their way to the record; it lives until the run is finished
    device: str = "cpu"  # on which loss_network, feature_loss and trained networks are: "cuda:0"
    batch_size: int | None = None  # images at a time where that changes no score; None: whatever does best
    keep_images: bool = False  # the user wants every output image, not only an overview
