"""lnkit: evaluate pretrained networks that compare images, as a perceptual metric or as a loss.

The names here are what plugins and scripts use. Each is imported when it is first touched, so that ``import lnkit``
costs nothing: some need torch, and even defining the specs would take a fifth of the time of `lnkit --help`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports
from lnkit._version import __version__ as __version__

if TYPE_CHECKING:
    from lnkit.benchmark import BenchmarkData as BenchmarkData
    from lnkit.benchmark import BenchmarkSpec as BenchmarkSpec
    from lnkit.benchmark import Outcome as Outcome
    from lnkit.benchmark import Score as Score
    from lnkit.benchmark import ScoreSpec as ScoreSpec
    from lnkit.errors import DataError as DataError
    from lnkit.errors import ImageError as ImageError
    from lnkit.errors import LnkitError as LnkitError
    from lnkit.errors import PluginError as PluginError
    from lnkit.errors import UnknownNameError as UnknownNameError
    from lnkit.errors import UsageError as UsageError
    from lnkit.errors import WeightsError as WeightsError
    from lnkit.evaluation.evaluate import evaluate as evaluate
    from lnkit.evaluation.request import RunRequest as RunRequest
    from lnkit.evaluation.runner import FinishedRun as FinishedRun
    from lnkit.hookspecs import INTERFACE as INTERFACE
    from lnkit.hookspecs import hookimpl as hookimpl
    from lnkit.networks.load import load_backbone as load_backbone
    from lnkit.networks.load import load_loss_network as load_loss_network
    from lnkit.networks.loss_network import LossNetwork as LossNetwork
    from lnkit.specs import BackboneSpec as BackboneSpec
    from lnkit.specs import DatasetSpec as DatasetSpec
    from lnkit.specs import DistanceAt as DistanceAt
    from lnkit.specs import DistanceConfig as DistanceConfig
    from lnkit.specs import DistanceSpec as DistanceSpec
    from lnkit.specs import ExtractionPoint as ExtractionPoint
    from lnkit.specs import LossNetworkId as LossNetworkId
    from lnkit.specs import RemoteFile as RemoteFile
    from lnkit.training.perceptual_loss import DeepPerceptualLoss as DeepPerceptualLoss

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.benchmark": (
            "BenchmarkData",
            "BenchmarkSpec",
            "Outcome",
            "Score",
            "ScoreSpec",
        ),
        "lnkit.errors": (
            "DataError",
            "ImageError",
            "LnkitError",
            "PluginError",
            "UnknownNameError",
            "UsageError",
            "WeightsError",
        ),
        "lnkit.evaluation.evaluate": ("evaluate",),
        "lnkit.evaluation.request": ("RunRequest",),
        "lnkit.evaluation.runner": ("FinishedRun",),
        "lnkit.hookspecs": (
            "INTERFACE",
            "hookimpl",
        ),
        "lnkit.networks.load": (
            "load_backbone",
            "load_loss_network",
        ),
        "lnkit.networks.loss_network": ("LossNetwork",),
        "lnkit.specs": (
            "BackboneSpec",
            "DatasetSpec",
            "DistanceConfig",
            "DistanceSpec",
            "ExtractionPoint",
            "LossNetworkId",
            "DistanceAt",
            "RemoteFile",
        ),
        "lnkit.training.perceptual_loss": ("DeepPerceptualLoss",),
    },
)
