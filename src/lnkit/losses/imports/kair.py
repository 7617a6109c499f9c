"""The feature loss in the JSON option files of KAIR (fc1732f): ``train.F_lossfn_type`` and its neighbours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossInput, LossTerm
from lnkit.losses.imports.basicsr import RANGE
from lnkit.losses.imports.options import ImportedLoss, Options

FIRST_FIELD = "F_lossfn_type"
LAYERS, WEIGHTS = [2, 7, 16, 25, 34], [0.1, 0.1, 1.0, 1.0, 1.0]  # of vgg19.features, before their ReLUs

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*')


def without_comments(text: str) -> str:
    """Return JSON without its ``//`` comments; those inside texts, as in addresses, stay.

    Example:
        >>> without_comments('{"a": "http://b"} // c')
        '{"a": "http://b"} '
    """
    return _COMMENT.sub(lambda match: match[1] or "", text)


def import_kair(train: Mapping[str, Any], where: str) -> ImportedLoss:
    """Read the feature loss.

    Args:
        train: the mapping below ``train``.
        where: names it in errors.

    Raises:
        UsageError: a field has a value that cannot be honoured.

    Example:
        >>> print(import_kair({"F_lossfn_type": "l1"}, "here").loss)
        vgg19:features.2*0.1+features.7*0.1+features.16+features.25+features.34, l1
        >>> print(import_kair({"F_lossfn_type": "l2", "F_feature_layer": 34, "F_weights": 9}, "here").loss)
        vgg19:features.34, squared
    """
    options = Options(where, train)
    layers, weights = train.get("F_feature_layer", LAYERS), train.get("F_weights", WEIGHTS)
    if isinstance(layers, int):
        layers, weights = [layers], [1.0]  # F_weights is ignored for one layer
    if not isinstance(layers, list) or not isinstance(weights, list) or len(layers) != len(weights):
        raise UsageError(f"{where}: expected F_feature_layer and F_weights as lists of one length, or one layer.")
    given = LossInput("" if options.flag("F_use_input_norm", True) else "none")
    named = Options(where, {f"features.{layer}": weight for layer, weight in zip(layers, weights, strict=True)})
    points = {node: named.number(node, 1.0) for node in named.fields}
    criterion = "l1" if train.get(FIRST_FIELD, "l1") == "l1" else "squared"  # anything else is the squared one there
    notes = (RANGE.replace("range_norm", "F_use_range_norm"),) if options.flag("F_use_range_norm", False) else ()
    loss = Loss((LossTerm("vgg19", points, criterion, options.number("F_lossfn_weight", 1.0), given),))
    return ImportedLoss(loss, notes)
