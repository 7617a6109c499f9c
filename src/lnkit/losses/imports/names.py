"""Losses that other projects name in a word: LPIPS, DISTS, and the perceptual losses of 1d-tokenizer (942a96f)."""

from __future__ import annotations

import re

from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossInput, LossTerm
from lnkit.losses.imports.options import ImportedLoss

LPIPS = {"lpips": "alexnet", "lpips-alex": "alexnet", "lpips-vgg": "vgg16", "lpips-squeeze": "squeezenet1_1"}
TOKENIZER = re.compile(r"lpips-convnext_s-(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")
NAMES = (*LPIPS, "dists", "convnext_s", "lpips-convnext_s-A-B")


def lpips_term(backbone: str, weight: float = 1.0) -> LossTerm:
    """Return LPIPS (Zhang2018) version 0.1 with its learned weights, on alexnet, vgg16 or squeezenet1_1."""
    return LossTerm(backbone, {"lpips": 1.0}, "lin(weights=lpips)", weight, LossInput("lpips"))


def dists_term(weight: float = 1.0) -> LossTerm:
    """Return DISTS (Ding2020) with the learned weights of the package DISTS-pytorch."""
    return LossTerm("vgg16_l2pool", {"dists": 1.0}, "dists(weights=dists)", weight, LossInput("backbone"))


def convnext_term(weight: float = 1.0) -> LossTerm:
    """Return the mean squared difference of ConvNeXt-Small's logits at 224 pixels, as in 1d-tokenizer."""
    return LossTerm(
        "convnext_small", {"classifier": 1.0}, "squared", weight, LossInput(size=224, interpolation="bilinear")
    )


def import_name(name: str) -> ImportedLoss:
    """Return the loss of a name.

    Args:
        name: "lpips", "lpips-alex", "lpips-vgg", "lpips-squeeze", "dists" as in pyiqa; "convnext_s" and
            "lpips-convnext_s-1.0-0.1" as in 1d-tokenizer, whose value is (a LPIPS + b ConvNeXt) / (a + b).

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> print(import_name("lpips-vgg").loss)
        vgg16(normalization=lpips):lpips, lin(weights=lpips)
    """
    if name in LPIPS:
        return ImportedLoss(Loss((lpips_term(LPIPS[name]),)))
    if name == "dists":
        return ImportedLoss(Loss((dists_term(),)))
    if name == "convnext_s":
        return ImportedLoss(Loss((convnext_term(),)))
    if match := TOKENIZER.fullmatch(name):
        lpips, convnext = float(match[1]), float(match[2])
        shares = {part: part / (lpips + convnext) for part in (lpips, convnext) if part}
        terms = ([lpips_term("vgg16", shares[lpips])] if lpips else []) + (
            [convnext_term(shares[convnext])] if convnext else []
        )
        return ImportedLoss(Loss(tuple(terms)))
    raise UsageError(f"No loss of another project is called {name!r}; known are {', '.join(NAMES)}, and option files.")
