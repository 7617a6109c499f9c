"""The training loop of all benchmarks that train: tasks, settings, results, and the perceptual loss.

Every name is imported when it is first used, so that ``import lnkit.training`` does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.training.collapse import Variation as Variation
    from lnkit.training.device_setup import DeviceSetup as DeviceSetup, deterministic as deterministic
    from lnkit.training.image_geometry import random_shift as random_shift
    from lnkit.training.images import (
        as_tensor as as_tensor,
        evenly_spread as evenly_spread,
        in_unit_range as in_unit_range,
        slices as slices,
        to_pixels as to_pixels,
    )
    from lnkit.training.loader import EpochSampler as EpochSampler
    from lnkit.training.loop import train as train
    from lnkit.training.outcome_builder import OutcomeBuilder as OutcomeBuilder
    from lnkit.training.perceptual_loss import DeepPerceptualLoss as DeepPerceptualLoss
    from lnkit.training.target_cache import TargetCache as TargetCache, cache_targets as cache_targets
    from lnkit.training.tiles import TiledLoss as TiledLoss
    from lnkit.training.volumes import VolumeLoss as VolumeLoss
    from lnkit.training_task import (
        Batch as Batch,
        FeatureLoss as FeatureLoss,
        TrainingResult as TrainingResult,
        TrainingSettings as TrainingSettings,
        TrainingTask as TrainingTask,
        Validation as Validation,
        batches_per_epoch as batches_per_epoch,
    )

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.training.outcome_builder": ("OutcomeBuilder",),
        "lnkit.training.images": ("as_tensor", "evenly_spread", "in_unit_range", "slices", "to_pixels"),
        "lnkit.training.collapse": ("Variation",),
        "lnkit.training.image_geometry": ("random_shift",),
        "lnkit.training.device_setup": ("DeviceSetup", "deterministic"),
        "lnkit.training.loader": ("EpochSampler",),
        "lnkit.training.loop": ("train",),
        "lnkit.training.perceptual_loss": ("DeepPerceptualLoss",),
        "lnkit.training.target_cache": ("TargetCache", "cache_targets"),
        "lnkit.training.tiles": ("TiledLoss",),
        "lnkit.training.volumes": ("VolumeLoss",),
        "lnkit.training_task": (
            "Batch",
            "FeatureLoss",
            "TrainingResult",
            "TrainingSettings",
            "TrainingTask",
            "Validation",
            "batches_per_epoch",
        ),
    },
)
