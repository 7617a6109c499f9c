"""What the readers of option files share: the result, checks of fields, and VGG by the names of BasicSR."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lnkit.errors import UsageError
from lnkit.losses.definition import Loss

VGG = tuple(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn"))  # as in torchvision


@dataclass(frozen=True, slots=True)
class ImportedLoss:
    """A loss of another project, and how its use there differs from that of lnkit."""

    loss: Loss
    notes: tuple[str, ...] = ()  # sentences


@dataclass(frozen=True, slots=True)
class Options:
    """The fields of one loss in an option file; each is read with the default of its project."""

    where: str  # for messages: "train.perceptual_opt of options.yml"
    fields: Mapping[str, Any]

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Raise UsageError for a field that the project does not have at this commit."""
        if unknown := [name for name in self.fields if name not in known]:
            raise UsageError(f"{self.where}: the field {unknown[0]!r} is unknown; known are: {', '.join(known)}.")

    def number(self, name: str, default: float) -> float:
        """Return a number."""
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError(f"{self.where}: expected a number as {name}, got {value!r}.")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self.fields.get(name, default)
        if not isinstance(value, bool):
            raise UsageError(f"{self.where}: expected true or false as {name}, got {value!r}.")
        return value

    def one_of(self, name: str, default: str, allowed: Mapping[str, str] | Collection[str]) -> str:
        """Return a word, or what a mapping translates it to."""
        value = self.fields.get(name, default)
        if not isinstance(value, str) or value not in allowed:
            raise UsageError(f"{self.where}: expected {name} to be one of {', '.join(allowed)}, got {value!r}.")
        return allowed[value] if isinstance(allowed, Mapping) else value

    def weights(self, name: str, default: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return a mapping from layers to weights."""
        value = self.fields.get(name) or default
        if not isinstance(value, Mapping) or not value:
            raise UsageError(f"{self.where}: expected a mapping from layers to weights as {name}, got {value!r}.")
        return {str(layer): Options(f"{self.where}, {name}", value).number(layer, 0.0) for layer in value}


def scaled(weights: Mapping[str, float], factor: float) -> dict[str, float]:
    """Return the weights times a factor, without the layers whose weight is 0."""
    return {layer: weight * factor for layer, weight in weights.items() if weight}
