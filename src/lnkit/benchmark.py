"""What a running benchmark may use: its data folder, its protocol, the networks, and a place to keep finished parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lnkit.progress import Progress
from lnkit.specs import BackboneSpec, DatasetSpec, DistanceAt, DistanceConfig, ExtractionPoint, LossNetworkId

if TYPE_CHECKING:
    import numpy as np

    from lnkit.distances.comparer import ImageComparer
    from lnkit.networks.loss_network import LossNetwork
    from lnkit.training.perceptual_loss import DeepPerceptualLoss
    from lnkit.training.task import TrainingResult, TrainingSettings, TrainingTask


Arrays = Mapping[str, "np.ndarray"]


class PartStore(Protocol):
    """Keeps finished parts of a long run, so that the same command goes on where it stopped."""

    def get_or_compute(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
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
    store: PartStore
    # comparer(what to measure, number of items to come): a distance by each of the networks, or measures of your own
    comparer: Callable[[DistanceConfig | Sequence[DistanceAt], int], ImageComparer]
    backbone: BackboneSpec  # that all of them are cut from
    layers: Callable[[LossNetworkId], tuple[ExtractionPoint, ...]]  # the points of a network, joined ones taken apart
    loss_network: Callable[[], LossNetwork]  # gives the features of all layers at once; on ``device``
    feature_loss: Callable[[DistanceConfig], DeepPerceptualLoss]  # of the one loss network of a run that trains
    train: Callable[[TrainingTask, TrainingSettings], TrainingResult]  # goes on where it stopped; see lnkit.training
    folder: Path  # the run's own, for files on their way to the record; it lives until the run is finished
    device: str = "cpu"  # on which loss_network, feature_loss and trained networks are: "cuda:0"
    batch_size: int | None = None  # images at a time where that changes no score; None: whatever does best
    keep_images: bool = False  # the user wants every output image, not only an overview


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """One score of a benchmark. A name may hold a ``<placeholder>`` for what only the data know: ``2afc/<family>``."""

    name: str  # "2afc"
    description: str  # "agreement with human choices, mean of the families"
    unit: str = "fraction"  # "fraction", "dB", "percent"
    higher_is_better: bool = True
    lower: float = 0.0  # the score cannot lie below
    upper: float = 1.0  # nor above
    aggregation: str = ""  # "mean of families": how the items become one number; stands in the signature
    primary: bool = False  # shown first, and used to rank


@dataclass(frozen=True, slots=True)
class Score:
    """A measured value of one score."""

    value: float
    n: int = 0  # items it was computed from
    interval: tuple[float, float] | None = None  # 95 % bootstrap interval
    ceilings: Mapping[str, float] = field(default_factory=dict)  # {"human": .737, "best possible": .801}
    baselines: Mapping[str, float] = field(default_factory=dict)  # to be compared with: {"bicubic": 24.9}
    aggregation: str = ""  # "mean of 2 families", where the data decide; "" leaves ScoreSpec's


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a benchmark found out about one loss network."""

    scores: Mapping[str, Score]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)  # kept beside the record, named as in the data
    notes: tuple[str, ...] = ()  # sentences that whoever reads the scores must know
    files: Mapping[str, Path] = field(default_factory=dict)  # kept beside the record: "x4/log.csv" -> where it lies now
    collapsed: str = ""  # what happened to a training that collapsed, and when: "loss is not finite at iteration 1,200"


@dataclass(frozen=True, slots=True)
class BenchmarkData:
    """Data that are ready to be used, and what identifies them."""

    content: Any  # whatever the benchmark's run understands
    fingerprints: Mapping[str, str]  # dataset or part -> SHA-256 of its content
    notes: tuple[str, ...] = ()  # "partial: 1 of the 6 official families" (scores are not those of the official data)
    image_size: int = 64  # side in pixels of the images that will be compared


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """A task that turns loss networks into scores."""

    name: str  # "bapps"
    title: str  # "perceptual similarity"
    version: str  # raised whenever the same input may give another score
    citation: str
    protocols: Mapping[str, Any]  # variant -> frozen dataclass of hyperparameters; see lnkit.protocols
    scores: tuple[ScoreSpec, ...]
    open_data: Callable[[RunContext], BenchmarkData]
    run: Callable[[RunContext, BenchmarkData], Mapping[LossNetworkId, Outcome]]
    datasets: tuple[DatasetSpec, ...] = ()
    rescore: Callable[[Mapping[str, np.ndarray], Any, int], Outcome] | None = None  # (kept arrays, protocol, seed)
    trains: bool = (
        False  # True: one loss network a run, which it trains with; False: all points of a backbone in one run
    )
