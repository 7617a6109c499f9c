"""Losses and their weights as people give them to commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lnkit.errors import UsageError
from lnkit.losses.as_backbone import Weights
from lnkit.losses.definition import BACKBONE, Loss
from lnkit.losses.expression import parse_loss
from lnkit.losses.imports.names import import_name
from lnkit.losses.toml import read_loss

_NAMED = re.compile(rf"({BACKBONE.pattern})=(.+)")


def given_loss(text: str) -> Loss:
    """Return the loss of a text, of a name such as "lpips-vgg", or of the TOML file that it names.

    Raises:
        DataError: the file is missing or cannot be read.
        UsageError: it is no loss.
    """
    if text.endswith(".toml") or (":" not in text and Path(text).is_file()):
        return read_loss(Path(text))
    if ":" not in text and (text == "dists" or text.startswith(("lpips", "convnext_s"))):
        return import_name(text).loss
    return parse_loss(text)


def given_weights(values: Sequence[str]) -> Weights:
    """Return weights for :meth:`.LossBackbone.load`: one file or word for all, or those of each backbone by name.

    Args:
        values: none, one, or several of the form ``BACKBONE=FILE``.

    Raises:
        UsageError: several values, and one of them names no backbone.
    """
    named = [_NAMED.fullmatch(value) for value in values]
    if len(values) == 1 and (named[0] is None or Path(values[0]).is_file()):
        return values[0]
    by_name: dict[str, str | Path] = {}
    for value, match in zip(values, named, strict=True):
        if match is None:
            raise UsageError(f"Of several --weights, each names its backbone: expected BACKBONE=FILE, got {value!r}.")
        if match[1] in by_name:
            raise UsageError(f"--weights names {match[1]} twice: give one file for it.")
        by_name[match[1]] = match[2]
    return by_name or "pretrained"
