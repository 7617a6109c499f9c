"""What a benchmark declares, what it is given to run, and what it returns.

A plugin registers a :class:`BenchmarkSpec`. lnkit calls its ``open_data`` with the :class:`RunFacts` of a run, and its
``run`` with a :class:`RunContext`: the same facts, and the services that load networks, compare images and train.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lnkit._text_paths import text_paths
from lnkit.progress import Progress
from lnkit.specs import BackboneSpec, DatasetSpec, DistanceAt, DistanceConfig, ExtractionPoint, LossNetworkId

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from lnkit.specs import Distance
    from lnkit.training_task import FeatureLoss, TrainingResult, TrainingSettings, TrainingTask

__all__ = [
    "ArrayStore",
    "Arrays",
    "BenchmarkData",
    "BenchmarkSpec",
    "FeatureNetwork",
    "ImageComparer",
    "Outcome",
    "ReaderCheck",
    "RunContext",
    "RunFacts",
    "RunServices",
    "Score",
    "ScoreSpec",
]

Arrays = Mapping[str, "np.ndarray[Any, Any]"]


class ImageComparer(Protocol):
    """Measures distances between many images; see :class:`lnkit.distances.ImageComparer`."""

    def compare(
        self,
        reference: np.ndarray[Any, Any],
        *others: np.ndarray[Any, Any],
        advance: Callable[[int], None] | None = None,
    ) -> np.ndarray[Any, Any]:
        """Return distances (N, number of others, number of distances) of 8-bit RGB images (N, H, W, 3)."""
        ...

    def matrix(
        self,
        images: np.ndarray[Any, Any],
        *,
        advance: Callable[[int], None] | None = None,
        store: ArrayStore | None = None,
        pairs: np.ndarray[Any, Any] | None = None,
    ) -> np.ndarray[Any, Any]:
        """Return the distances (N, N, number of distances) of all images (N, H, W, 3) of a set, or of ``pairs``."""
        ...


class FeatureNetwork(Protocol):
    """A loss network: the features of images at all of its points; see :class:`lnkit.LossNetwork`."""

    @property
    def points(self) -> Sequence[ExtractionPoint]:
        """The points of one node each."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it is, and images have to be."""
        ...

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Return {point name: features (N, C, H', W')} of images (N, 3, H, W) in [0, 1]."""
        ...


class ArrayStore(Protocol):
    """Finished parts of a long run, so that the same command goes on where it stopped."""

    def get_or_compute(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Return the part stored under ``key``; compute it and store it atomically if there is none."""
        ...


class RunServices(Protocol):
    """What lnkit does for a running benchmark."""

    def comparer(self, distances: DistanceConfig | Sequence[DistanceAt], expected_items: int) -> ImageComparer:
        """Make a comparer.

        Args:
            distances: one distance, measured by each loss network of the run; or any distances at any layers.
            expected_items: about how many items will be compared; few are not worth building a fast engine for.
        """
        ...

    def loss_network(self) -> FeatureNetwork:
        """Cut the backbone at the layers of all loss networks of the run; on ``context.device``."""
        ...

    def feature_distances(self, distances: Sequence[DistanceAt]) -> list[tuple[Distance, ...]]:
        """Make distances between features, for images that are not 8-bit.

        Returns:
            For each of ``distances`` one function of two tensors (N, C, H, W) for each of its layers. Loss networks
            with the same layer and the same distance share the function.

        Raises:
            UsageError: the user asked for another precision than fp32, or for another engine than eager.
        """
        ...

    def classifier(self) -> Callable[[Tensor], Tensor] | None:
        """Load the whole backbone, head included; on ``context.device``.

        Returns:
            A function from images (N, 3, H, W) in [0, 1] to logits (N, classes); or None where the classes of its head
            are unknown, because its spec does not state them or its weights are not its own pretrained ones.
        """
        ...

    def feature_loss(self, distance: DistanceConfig) -> FeatureLoss:
        """Make the loss of the run's loss network. Only for benchmarks that train."""
        ...

    def train(self, task: TrainingTask, settings: TrainingSettings) -> TrainingResult:
        """Train a network, from where an interrupted run stopped. Only for benchmarks that train."""
        ...


@text_paths
@dataclass(frozen=True)
class RunFacts:
    """What is run, on what and how; plain values, known before anything is loaded."""

    protocol: Any  # the benchmark's own frozen dataclass, overrides applied
    backbone: BackboneSpec  # of all loss networks
    networks: tuple[LossNetworkId, ...]  # the loss networks to score
    layers: Mapping[LossNetworkId, tuple[ExtractionPoint, ...]]  # points of one node each; a named set has several
    data: Path | None  # the user's --data folder; None: the dataset in the cache
    cache: Path  # folder for packed arrays and the like
    sample: bool  # use the small embedded sample instead of the data
    seed: int  # of everything that is drawn
    progress: Progress
    device: str = "cpu"  # of loss_network, feature_loss and trained networks: "cuda:0"
    batch_size: int | None = None  # images at a time where that changes no score; None: lnkit chooses
    keep_images: bool = False  # the user wants every output image, not only an overview


@text_paths
@dataclass(frozen=True)
class RunContext(RunFacts):
    """The facts of a run, with its store, its folder and lnkit's services."""

    store: ArrayStore = field(kw_only=True)
    folder: Path = field(kw_only=True)  # for files on their way to the record; removed when the run is finished
    services: RunServices = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """One score of a benchmark. A name may hold a ``<placeholder>`` for what only the data know: ``2afc/<family>``."""

    name: str  # "2afc"
    description: str  # "agreement with human choices, mean of the families"
    unit: str = "fraction"  # "fraction", "dB", "percent"
    higher_is_better: bool = True
    lower: float = 0.0  # the score cannot lie below
    upper: float = 1.0  # nor above
    aggregation: str = ""  # how items become one number: "mean of families"; part of the signature
    primary: bool = False  # shown first, and used to rank


@dataclass(frozen=True, slots=True)
class Score:
    """A measured value of one score."""

    value: float
    n: int = 0  # items it was computed from
    interval: tuple[float, float] | None = None  # 95 %; see lnkit.stats.Estimate
    ceilings: Mapping[str, float] = field(default_factory=dict)  # {"human": .737, "best possible": .801}
    baselines: Mapping[str, float] = field(default_factory=dict)  # for comparison: {"bicubic": 24.9}
    aggregation: str = ""  # "mean of 2 families", where the data decide; "": that of the ScoreSpec
    cases: int = 0  # independent groups among the items, such as reference images; 0: every item is one


@text_paths
@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a benchmark for one loss network."""

    scores: Mapping[str, Score]
    arrays: Arrays = field(default_factory=dict)  # stored beside the record, named as in the data
    notes: tuple[str, ...] = ()  # sentences that a reader of the scores must know
    # Moved beside the record: "x4/log.csv" -> where it is now. `lnkit report` shows .png and .svg in "report/".
    files: Mapping[str, Path] = field(default_factory=dict)
    collapsed: str = ""  # how a training collapsed, and when: "loss is not finite at iteration 1,200"


@dataclass(frozen=True, slots=True)
class BenchmarkData:
    """Opened data, and what identifies them."""

    content: Any  # anything that the benchmark's ``run`` understands
    fingerprints: Mapping[str, str]  # dataset or part -> SHA-256 of its content
    notes: tuple[str, ...] = ()  # "partial: 1 of the 6 official families"
    image_size: int = 64  # side in pixels of the images that will be compared


@dataclass(frozen=True, slots=True)
class ReaderCheck:
    """A published number that only comes out if a dataset of mean opinions was read rightly.

    It is Spearman's rank correlation of the mean squared difference over all RGB values, at native size and with the
    sign turned so that agreement is positive, with the opinions: wrong pairs, labels or decoding change it.
    """

    part: str  # "all images", "the validation part"
    expected: float  # 0.686911
    digits: int  # that are published
    images: int  # distorted images of the part; with another number the value says nothing
    read: Callable[[Path], Any] | str  # read(folder) -> lnkit.datasets.opinions.OpinionSet; or "module:function"
    source: str  # "result files of JLD (arXiv 2610.05967)"


Open = Callable[[RunFacts], BenchmarkData]
Run = Callable[[RunContext, BenchmarkData], Mapping[LossNetworkId, Outcome]]
Rescore = Callable[[Arrays, Any, int], Outcome]  # (stored arrays, protocol, seed)


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """A task that turns loss networks into scores.

    The functions may be named as ``"module:function"``; they are imported when they are called.
    """

    name: str  # "bapps"
    title: str  # "perceptual similarity"
    version: str  # raised whenever the same input may give another score
    citation: str
    protocols: Mapping[str, Any]  # variant -> frozen dataclass of hyperparameters; see lnkit.protocols
    scores: tuple[ScoreSpec, ...]
    open_data: Open | str
    run: Run | str
    datasets: tuple[DatasetSpec, ...] = ()
    rescore: Rescore | str | None = None  # scores of stored arrays, for intervals and new scores without a network
    trains: bool = False  # True: trains with one loss network a run; False: measures all loss networks in one run
    checks: tuple[ReaderCheck, ...] = ()  # of `lnkit data verify`: published values of the data
