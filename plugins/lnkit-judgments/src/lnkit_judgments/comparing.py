"""How two images are compared: the fields that all protocols here begin with."""

from __future__ import annotations

from dataclasses import dataclass

from lnkit import DistanceConfig

NORMALIZATIONS = ("backbone", "imagenet", "lpips", "none")
EPSILONS = ("lpips", "reference", "torchmetrics")
FILTERS = ("bilinear", "bicubic", "lanczos", "box", "nearest")


@dataclass(frozen=True, slots=True)
class Comparing:
    """The distance and what the backbone is fed; lnkit's usual values, since these data prescribe no distance."""

    distance: str = "spatial"  # any that is installed; sums are joined with "+"
    channel_norm: bool = True  # unit length over channels first, as LPIPS does
    epsilon: str = "lpips"  # guard against a zero norm: y / (|y| + 1e-10)
    lin_weights: str = ""  # for distance "lin": a file, or "lpips"
    normalization: str = "backbone"  # of the input; each backbone's own
    transform_input: bool = True  # GoogLeNet and Inception v3 re-normalize as torchvision trained them

    def distance_config(self) -> DistanceConfig:
        return DistanceConfig(self.distance, self.channel_norm, self.epsilon, self.lin_weights)

    def comparing_phrase(self) -> str:
        """The fields above in a signature: everything about them that changes a distance."""
        norm = f",norm:{self.epsilon}" if self.channel_norm else ",no-norm"
        norm = "" if self.distance == "squared" else norm  # which never normalizes
        lin = f",weights:{self.lin_weights}" if self.lin_weights else ""
        skipped = "" if self.transform_input else ",no-transform_input"
        return f"{self.distance}{norm}{lin}|input:{self.normalization}{skipped}"


def check_comparing(protocol: Comparing) -> None:
    """Raise ValueError, as a sentence, for a value that no run could honor."""
    expect("normalization", protocol.normalization, NORMALIZATIONS)
    expect("epsilon", protocol.epsilon, EPSILONS)


def expect(field: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise ValueError(f"The protocol field {field!r} takes one of {', '.join(allowed)}, and {value!r} came.")


def expect_at_least(least: int, **fields: int) -> None:
    """Raise ValueError for a field below ``least``."""
    for field, value in fields.items():
        if value < least:
            raise ValueError(f"The protocol field {field!r} takes {least} or more, and {value} came.")
