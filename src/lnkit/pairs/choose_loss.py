"""The loss that a command compares images by: named, written out, in a file, or a backbone with its points."""

from __future__ import annotations

from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossInput, LossTerm
from lnkit.losses.given import given_loss

DEFAULT = "lpips"  # with AlexNet and learned weights: the default of the package lpips and of pyiqa
DISTANCE = "spatial"  # where a term names none: that of LPIPS without learned weights


def choose_loss(
    text: str | None, backbone: str | None, points: str | None, distance: str | None, normalization: str | None
) -> Loss:
    """Return the loss of a command's options.

    Args:
        text: the loss in one line, a TOML file, or a name such as "lpips-vgg"; None for the default.
        backbone: a backbone instead, at ``points`` joined with "+".
        points: of the backbone; by default "late".
        distance: of terms that name none; by default "spatial".
        normalization: of the backbone.

    Raises:
        DataError: the file cannot be read.
        UsageError: options contradict each other, or the text is no loss.
    """
    if backbone is None:
        if points or normalization:
            raise UsageError("--point and --normalization belong to --backbone; a loss states its own.")
        return given_loss(text or DEFAULT).with_distance(distance or DISTANCE)
    if text:
        raise UsageError("--loss and --backbone both name what compares the images: give one of the two.")
    names = (points or "late").split("+")
    if len(set(names)) < len(names):
        raise UsageError(f"The points {points!r} name one twice.")
    given = LossInput(normalization or "")
    return Loss((LossTerm(backbone, dict.fromkeys(names, 1.0), distance or DISTANCE, input=given),))
