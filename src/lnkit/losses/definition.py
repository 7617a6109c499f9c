"""A loss: a weighted sum of terms, each a distance at weighted points of one backbone. Imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

from lnkit.distances.expression import parse_distance
from lnkit.errors import UsageError
from lnkit.protocols import expect_one_of
from lnkit.specs import INTERPOLATIONS, NORMALIZATIONS, Interpolation

BACKBONE = re.compile(r"[\w.@/:-]+")  # "vgg16", "timm/vit_tiny_patch16_224", "mynets:build"
POINT = re.compile(r"[\w.@\[\]-]+")  # "late", "features.29", "blocks.0@cls"


@dataclass(frozen=True, slots=True)
class LossInput:
    """How a backbone gets the images, where that is not its own way."""

    normalization: str = ""  # as for lnkit.load_loss_network; "": that of where the loss is used, or the backbone's
    size: int = 0  # side in pixels that images are resized to; 0: the backbone's own rule
    interpolation: Interpolation = "bicubic"  # of that resizing, which is antialiased

    def __post_init__(self) -> None:
        """Raise UsageError for values that do not exist."""
        try:
            expect_one_of("normalization", self.normalization or NORMALIZATIONS[0], NORMALIZATIONS)
            expect_one_of("interpolation", self.interpolation, INTERPOLATIONS)
        except ValueError as error:
            raise UsageError(str(error).replace("Protocol field", "In a loss,")) from error
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 0:
            raise UsageError(f"In a loss, 'size': expected a number of pixels, got {self.size!r}.")

    def __str__(self) -> str:
        shown = {"normalization": self.normalization} if self.normalization else {}
        shown |= {"size": str(self.size), "interpolation": self.interpolation} if self.size else {}
        return f"({', '.join(f'{name}={value}' for name, value in shown.items())})" if shown else ""


@dataclass(frozen=True, slots=True)
class LossTerm:
    """A distance between features of one backbone, summed over points with their weights.

    Example:
        >>> print(LossTerm("vgg19", {"conv1_2": 0.1, "conv5_4": 1.0}, "l1", weight=0.5))
        0.5*vgg19:conv1_2*0.1+conv5_4, l1
    """

    backbone: str  # "vgg19"
    points: Mapping[str, float]  # name of a point -> its weight, in order
    distance: str = ""  # "l1", "charbonnier(eps=1e-3)", "spatial+gram"; "": that of where the loss is used
    weight: float = 1.0  # of the whole term
    input: LossInput = LossInput()

    def __post_init__(self) -> None:
        """Raise UsageError for names or weights that no loss can have."""
        if not BACKBONE.fullmatch(self.backbone):
            raise UsageError(f"Expected the name of a backbone in a term of a loss, got {self.backbone!r}.")
        if not self.points:
            raise UsageError(f"Expected one or more points of {self.backbone}, got none: write {self.backbone}:late.")
        for point, weight in self.points.items():
            if not POINT.fullmatch(point):
                raise UsageError(f"Expected the name of a point of {self.backbone}, got {point!r}.")
            _require_weight(f"{self.backbone}:{point}", weight)
        _require_weight(f"the term of {self.backbone}", self.weight)
        if self.distance:  # however it is written, the same distance has the same text
            object.__setattr__(self, "distance", "+".join(map(str, parse_distance(self.distance))))

    def __str__(self) -> str:
        weighted = (point if weight == 1 else f"{point}*{_number(weight)}" for point, weight in self.points.items())
        factor = f"{_number(self.weight)}*" if self.weight != 1 else ""
        return f"{factor}{self.backbone}{self.input}:{'+'.join(weighted)}{', ' if self.distance else ''}{self.distance}"


@dataclass(frozen=True, slots=True)
class Loss:
    """A weighted sum of terms. Its text stands in records and signatures, and :func:`parse_loss` reads it back.

    Example:
        >>> loss = Loss((LossTerm("vgg16", {"late": 1.0}, "l1"), LossTerm("pixel", {"image": 1.0}, "squared", 0.1)))
        >>> print(loss)
        vgg16:late, l1 + 0.1*pixel:image, squared
        >>> loss.backbones
        ('vgg16', 'pixel')
    """

    terms: tuple[LossTerm, ...]

    def __post_init__(self) -> None:
        """Raise UsageError if there are no terms."""
        if not self.terms:
            raise UsageError("Expected one or more terms of a loss, got none: write for example 'vgg16:late, l1'.")

    def __str__(self) -> str:
        return " + ".join(map(str, self.terms))

    @property
    def backbones(self) -> tuple[str, ...]:
        """The backbones, each once, in the order of the terms."""
        return tuple(dict.fromkeys(term.backbone for term in self.terms))

    def with_distance(self, distance: str) -> Loss:
        """Return the loss in which terms without a distance have this one."""
        return Loss(tuple(term if term.distance else replace(term, distance=distance) for term in self.terms))


def _number(weight: float) -> str:
    """Return the shortest text that reads as the same number: ``1``, ``0.1``, ``0.9090909090909091``."""
    short = f"{weight:.15g}"
    return short if float(short) == weight else repr(float(weight))


def _require_weight(of: str, weight: float) -> None:
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not isfinite(weight) or weight <= 0:
        raise UsageError(f"Expected a finite weight above 0 for {of}, got {weight!r}. Leave out what is not to count.")
