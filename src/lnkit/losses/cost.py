"""What a loss costs: multiply-adds and parameters of each network, up to the deepest point that it needs."""

from __future__ import annotations

from dataclasses import dataclass

from lnkit.losses.as_backbone import LossBackbone

STEP = 3  # passes of a training step: of the targets, of the outputs, and back to the outputs; weights have no gradient


@dataclass(frozen=True, slots=True)
class PartCost:
    """The cost of one network of a loss for one image."""

    backbone: str
    size: int  # side in pixels of the image that it gets
    macs: int | None  # multiply-adds; None where the image is too small
    parameters: int | None


def costs(loss: LossBackbone, size: int) -> list[PartCost]:
    """Return the cost of each network of a loss, in the order of its terms.

    Args:
        loss: the loss.
        size: side in pixels of the square image.
    """
    from lnkit.networks.inspection import inspect_points  # noqa: PLC0415 - torch

    found = []
    for part in loss.parts:
        side = part.input.size or size
        facts = inspect_points(part.spec, part.points, side, strides=False)
        fits = not any(fact.problem for fact in facts)
        macs, parameters = (max(f.macs for f in facts), max(f.parameters for f in facts)) if fits else (None, None)
        found.append(PartCost(part.spec.name, side, macs, parameters))
    return found
