"""``train.perceptual_opt`` of BasicSR (8d56e3a) and of the projects that use its files, such as Real-ESRGAN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossInput, LossTerm
from lnkit.losses.imports.options import VGG, ImportedLoss, Options

FIELDS = (
    *("type", "layer_weights", "vgg_type", "use_input_norm", "range_norm"),
    *("perceptual_weight", "style_weight", "criterion"),
)
CRITERIA = {"l1": "l1", "l2": "squared", "fro": "fro"}
FRO = (
    "the criterion 'fro' is the root of a sum over the whole batch, so it grows with the batch and has no value for "
    "one image: use l1 or l2"
)
RANGE = "It expects images in [-1, 1] (range_norm); lnkit takes images in [0, 1]: convert them with (x + 1) / 2."


def import_basicsr(fields: Mapping[str, Any], where: str) -> ImportedLoss:
    """Read the options of ``PerceptualLoss``.

    Args:
        fields: the mapping below ``perceptual_opt``.
        where: names it in errors.

    Raises:
        UsageError: a field is unknown, has a value that BasicSR would refuse, or cannot be honoured.

    Example:
        >>> found = import_basicsr({"layer_weights": {"conv1_2": 0.1, "conv5_4": 1}, "style_weight": 10}, "here")
        >>> print(found.loss)
        vgg19:conv1_2*0.1+conv5_4, l1 + 10*vgg19:conv1_2*0.1+conv5_4, gram(criterion=l1)
    """
    options = Options(where, fields)
    options.refuse_unknown(FIELDS)
    options.one_of("type", "PerceptualLoss", ["PerceptualLoss"])
    criterion = options.one_of("criterion", "l1", CRITERIA)
    if criterion == "fro":
        raise UsageError(f"{where}: {FRO}.")
    layers = {layer: weight for layer, weight in options.weights("layer_weights").items() if weight}
    backbone = options.one_of("vgg_type", "vgg19", VGG)
    given = LossInput("" if options.flag("use_input_norm", True) else "none")
    factors = {  # a weight of 0 or less switches the part off
        criterion: options.number("perceptual_weight", 1.0),
        f"gram(criterion={criterion})": options.number("style_weight", 0.0),
    }
    terms = [LossTerm(backbone, layers, name, factor, given) for name, factor in factors.items() if factor > 0]
    if not terms:
        raise UsageError(f"{where}: perceptual_weight and style_weight are 0, so there is no loss.")
    return ImportedLoss(Loss(tuple(terms)), (RANGE,) if options.flag("range_norm", False) else ())
