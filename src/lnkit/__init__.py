"""lnkit: evaluate pretrained networks that compare images, as a perceptual metric or as a loss.

The names here are what plugins and scripts use. Each is imported when it is first touched, so that ``import lnkit``
costs nothing: some need torch, and even defining the specs would take a fifth of the time of `lnkit --help`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lnkit.errors import DataError, ImageError, LnkitError, PluginError, UnknownNameError, UsageError, WeightsError

if TYPE_CHECKING:
    from lnkit.evaluating import evaluate
    from lnkit.hookspecs import INTERFACE, hookimpl
    from lnkit.loss import DeepPerceptualLoss
    from lnkit.networks.loading import load_loss_network
    from lnkit.networks.lossnet import LossNetwork
    from lnkit.networks.whole import load_backbone
    from lnkit.requests import RunRequest
    from lnkit.runner import FinishedRun
    from lnkit.specs import (
        BackboneSpec,
        BenchmarkData,
        BenchmarkSpec,
        DatasetSpec,
        DistanceConfig,
        DistanceSpec,
        ExtractionPoint,
        LossNetworkId,
        Measure,
        Outcome,
        RemoteFile,
        Score,
        ScoreSpec,
    )

__version__ = "0.1.0"

_HOMES = {  # of the names that are not specs
    "INTERFACE": "lnkit.hookspecs",
    "hookimpl": "lnkit.hookspecs",
    "load_backbone": "lnkit.networks.whole",
    "load_loss_network": "lnkit.networks.loading",
    "LossNetwork": "lnkit.networks.lossnet",
    "DeepPerceptualLoss": "lnkit.loss",
    "FinishedRun": "lnkit.runner",
    "RunRequest": "lnkit.requests",
    "evaluate": "lnkit.evaluating",
}

__all__ = [
    "INTERFACE",
    "BackboneSpec",
    "BenchmarkData",
    "BenchmarkSpec",
    "DataError",
    "DatasetSpec",
    "DeepPerceptualLoss",
    "DistanceConfig",
    "DistanceSpec",
    "ExtractionPoint",
    "FinishedRun",
    "ImageError",
    "LnkitError",
    "LossNetwork",
    "LossNetworkId",
    "Measure",
    "Outcome",
    "PluginError",
    "RemoteFile",
    "RunRequest",
    "Score",
    "ScoreSpec",
    "UnknownNameError",
    "UsageError",
    "WeightsError",
    "evaluate",
    "hookimpl",
    "load_backbone",
    "load_loss_network",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lnkit' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only when a lazy name is touched

    value = globals()[name] = getattr(import_module(_HOMES.get(name, "lnkit.specs")), name)
    return value
