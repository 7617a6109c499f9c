"""Losses: weighted sums of distances at points of one or more backbones, as text, as TOML or built in Python.

Every name is imported when it is first used, so that ``import lnkit.losses`` does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.losses.definition import Loss as Loss, LossInput as LossInput, LossTerm as LossTerm
    from lnkit.losses.expression import parse_loss as parse_loss
    from lnkit.losses.load import load_loss as load_loss
    from lnkit.losses.toml import loss_to_toml as loss_to_toml, read_loss as read_loss

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.losses.definition": ("Loss", "LossInput", "LossTerm"),
        "lnkit.losses.expression": ("parse_loss",),
        "lnkit.losses.load": ("load_loss",),
        "lnkit.losses.toml": ("loss_to_toml", "read_loss"),
    },
)
