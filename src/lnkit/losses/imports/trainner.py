"""``perceptualloss`` among the ``train.losses`` of traiNNer-redux (6862931)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossTerm
from lnkit.losses.imports.options import ImportedLoss, Options

TYPES = ("perceptualloss", "perceptualfp16loss")
FIELDS = (
    *("type", "loss_weight", "layer_weights", "w_lambda", "alpha", "criterion"),
    *("num_proj_fd", "phase_weight_fd", "stride_fd", "clip_min", "antialiased", "verbose_logging"),
)
LAYERS = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
CRITERIA = {"charbonnier": "charbonnier", "l1": "l1"}
OTHER_CRITERIA = ("pd", "fd", "pd+l1", "fd+l1")
BORDER = (
    "Values differ at the border of the image: the first convolution pads by repeating pixels there, and with zeros in "
    "torchvision's network."
)


def import_trainner(fields: Mapping[str, Any], where: str) -> ImportedLoss:
    """Read the options of one ``perceptualloss``.

    Args:
        fields: one item of the list ``losses``.
        where: names it in errors.

    Raises:
        UsageError: a field is unknown, has a value that traiNNer-redux would refuse, or cannot be honoured.

    Example:
        >>> print(import_trainner({"type": "perceptualloss", "loss_weight": 0.01}, "here").loss)
        0.01*vgg19:conv1_2*0.1+conv2_2*0.1+conv3_4+conv4_4+conv5_4, charbonnier
    """
    options = Options(where, fields)
    options.refuse_unknown(FIELDS)
    if fields.get("criterion") in OTHER_CRITERIA:
        raise UsageError(
            f"{where}: the criterion {fields['criterion']!r} compares distributions along the image or with random "
            "filters, which lnkit has not; l1 and charbonnier can be imported."
        )
    criterion = options.one_of("criterion", "charbonnier", CRITERIA)
    if options.flag("antialiased", False):
        raise UsageError(f"{where}: antialiased takes another VGG-19, whose pools blur; lnkit does not have it.")
    if any(fields.get("alpha") or ()):
        raise UsageError(f"{where}: alpha mixes in a second criterion, which lnkit has not; leave it out.")
    if options.number("clip_min", 0.0) > 0:
        raise UsageError(f"{where}: clip_min keeps the loss above a value, which lnkit does not; leave it out.")
    layers = options.weights("layer_weights", LAYERS)
    if fields.get("alpha") is None and (others := [layer for layer in layers if not layer.startswith("conv")]):
        raise UsageError(
            f"{where}: without alpha, the layer {others[0]!r} is compared by a second criterion, which lnkit has not; "
            "give an alpha of 0 for each layer to compare all by the first."
        )
    if "loss_weight" not in fields:
        raise UsageError(f"{where}: expected a loss_weight, which traiNNer-redux requires.")
    term = LossTerm("vgg19", layers, criterion, options.number("loss_weight", 1.0))
    return ImportedLoss(Loss((term,)), (BORDER,))
