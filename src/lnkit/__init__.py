"""lnkit: evaluate pretrained networks that compare images, as a perceptual metric or as a loss.

The names here are what plugins and scripts use. Each is imported when it is first touched, so that ``import lnkit``
costs nothing: some need torch, and even defining the specs would take a fifth of the time of `lnkit --help`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports
from lnkit._version import __version__ as __version__

if TYPE_CHECKING:
    from lnkit.benchmark import (
        BenchmarkData as BenchmarkData,
        BenchmarkSpec as BenchmarkSpec,
        Outcome as Outcome,
        Score as Score,
        ScoreSpec as ScoreSpec,
    )
    from lnkit.errors import (
        DataError as DataError,
        ImageError as ImageError,
        LnkitError as LnkitError,
        PluginError as PluginError,
        UnknownNameError as UnknownNameError,
        UsageError as UsageError,
        WeightsError as WeightsError,
    )
    from lnkit.evaluation.python_api import evaluate as evaluate
    from lnkit.evaluation.request import RunRequest as RunRequest
    from lnkit.evaluation.runner import FinishedRun as FinishedRun
    from lnkit.hookspecs import INTERFACE as INTERFACE, hookimpl as hookimpl
    from lnkit.losses.load import load_loss as load_loss
    from lnkit.networks.load import load_backbone as load_backbone, load_loss_network as load_loss_network
    from lnkit.networks.loss_network import LossNetwork as LossNetwork
    from lnkit.specs import (
        BackboneSource as BackboneSource,
        BackboneSpec as BackboneSpec,
        DatasetSpec as DatasetSpec,
        DistanceAt as DistanceAt,
        DistanceConfig as DistanceConfig,
        DistanceSpec as DistanceSpec,
        ExecutorSpec as ExecutorSpec,
        ExtractionPoint as ExtractionPoint,
        HubFile as HubFile,
        LossNetworkId as LossNetworkId,
        RemoteFile as RemoteFile,
        SuiteSpec as SuiteSpec,
    )
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
        "lnkit.evaluation.python_api": ("evaluate",),
        "lnkit.evaluation.request": ("RunRequest",),
        "lnkit.evaluation.runner": ("FinishedRun",),
        "lnkit.hookspecs": (
            "INTERFACE",
            "hookimpl",
        ),
        "lnkit.losses.load": ("load_loss",),
        "lnkit.networks.load": (
            "load_backbone",
            "load_loss_network",
        ),
        "lnkit.networks.loss_network": ("LossNetwork",),
        "lnkit.specs": (
            "BackboneSource",
            "BackboneSpec",
            "DatasetSpec",
            "DistanceConfig",
            "DistanceSpec",
            "ExecutorSpec",
            "ExtractionPoint",
            "HubFile",
            "LossNetworkId",
            "DistanceAt",
            "RemoteFile",
            "SuiteSpec",
        ),
        "lnkit.training.perceptual_loss": ("DeepPerceptualLoss",),
    },
)
