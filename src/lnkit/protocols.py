"""Protocols: which hyperparameters a benchmark ran with, and where they differ from the variant it names.

A protocol is a benchmark's own frozen dataclass of plain values (str, int, float, bool). Three field names mean the
same in every benchmark, and lnkit acts on them: ``distance`` (overridden by a backbone that brings its own),
``normalization`` and ``transform_input`` (how the backbone is fed). A method ``signature() -> str``, where there is
one, says the protocol in one short phrase.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.specs import EPSILONS, NORMALIZATIONS, DistanceConfig

if TYPE_CHECKING:
    from lnkit.benchmark import BenchmarkSpec
    from lnkit.specs import BackboneSpec

SAMPLE_VARIANT = "sample"  # of a benchmark that would take too long otherwise: what --sample runs

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Comparing:
    """How two images are compared: what the protocol of a benchmark that measures distances begins with.

    Inherit from it, and call :meth:`check_comparing` in ``__post_init__``. P, K and R are the sources that
    ``lnkit.distances`` names.
    """

    distance: str = "spatial"  # P Eq. 1, K Eq. 1; LPIPS calls it "baseline". Any will do; sums are joined with "+"
    channel_norm: bool = True  # unit length over channels; P Eq. 1
    epsilon: str = "lpips"  # y / (|y| + 1e-10); LPIPS and K. "reference" is y / max(|y|, 1e-12)
    lin_weights: str = ""  # for distance "lin": a file, or "lpips"
    normalization: str = "backbone"  # of the input: each backbone's own; for P's 14 ImageNet mean and std, R's default
    transform_input: bool = True  # GoogLeNet and Inception v3 re-normalize as torchvision trained them

    def check_comparing(self) -> None:
        """Refuse values that no run could honor; raises ValueError."""
        expect_one_of("epsilon", self.epsilon, EPSILONS)
        expect_one_of("normalization", self.normalization, NORMALIZATIONS)

    def distance_config(self) -> DistanceConfig:
        """The distance with its options, as a comparer takes it."""
        return DistanceConfig(self.distance, self.channel_norm, self.epsilon, self.lin_weights)

    def comparing_phrase(self) -> str:
        """Everything above that changes a distance, for a signature: ``spatial,norm:lpips|input:backbone``."""
        norm = f",norm:{self.epsilon}" if self.channel_norm else ",no-norm"
        norm = "" if self.distance == "squared" else norm  # which never normalizes
        lin = f",weights:{self.lin_weights}" if self.lin_weights else ""
        skipped = "" if self.transform_input else ",no-transform_input"
        return f"{self.distance}{norm}{lin}|input:{self.normalization}{skipped}"


def usual_variant(benchmark: BenchmarkSpec, sample: bool) -> str:
    """The variant to run where none is named: on the sample the one made for it, if there is; else the first."""
    return SAMPLE_VARIANT if sample and SAMPLE_VARIANT in benchmark.protocols else next(iter(benchmark.protocols))


def choose_protocol(
    benchmark: BenchmarkSpec, variant: str, overrides: Mapping[str, str], backbone: BackboneSpec
) -> Any:
    """Return the variant's protocol with the user's overrides applied.

    A backbone that brings its own distance gets it, unless the user asked for another.

    Raises:
        UsageError: the variant or a field is unknown, or a value does not read as the field's type.
    """
    if variant not in benchmark.protocols:
        hint = did_you_mean(near_names(variant, benchmark.protocols))
        names = ", ".join(benchmark.protocols)
        raise UsageError(f"Benchmark {benchmark.name!r} has no protocol {variant!r}; it has: {names}.{hint}")
    protocol = benchmark.protocols[variant]
    changes = {name: _read_value(benchmark, protocol, name, text) for name, text in overrides.items()}
    if backbone.distance and "distance" not in changes and hasattr(protocol, "distance"):
        changes["distance"] = backbone.distance
    try:
        return dataclasses.replace(protocol, **changes)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _read_value(benchmark: BenchmarkSpec, protocol: Any, name: str, text: str) -> Any:
    types = get_type_hints(type(protocol))
    if name not in types:
        hint = did_you_mean(near_names(name, types))
        raise UsageError(f"The protocol of {benchmark.name!r} has no field {name!r}; it has: {', '.join(types)}.{hint}")
    try:
        return _TRUTH[text.lower()] if types[name] is bool else types[name](text)
    except (KeyError, ValueError) as error:
        wanted = "true or false" if types[name] is bool else f"a value of type {types[name].__name__}"
        raise UsageError(f"The protocol field {name!r} takes {wanted}, and {text!r} came.") from error


def deviations(benchmark: BenchmarkSpec, variant: str, protocol: Any) -> tuple[str, ...]:
    """Say, one phrase each, where ``protocol`` differs from the variant that it is called by."""
    standard = benchmark.protocols[variant]
    pairs = [(f.name, getattr(protocol, f.name), getattr(standard, f.name)) for f in dataclasses.fields(standard)]
    return tuple(f"{name} is {came!r} instead of {usual!r}" for name, came, usual in pairs if came != usual)


def expect_one_of(field: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError, as a protocol's ``__post_init__`` does for a value that no run could honor."""
    if value not in allowed:
        raise ValueError(f"The protocol field {field!r} takes one of {', '.join(allowed)}, and {value!r} came.")


def expect_at_least(field: str, value: float, least: float) -> None:
    """The same for numbers that must not be smaller than ``least``."""
    if not value >= least:
        raise ValueError(f"The protocol field {field!r} must be {least:g} or more, and {value} came.")


def as_dict(protocol: Any) -> dict[str, Any]:
    """The protocol's fields by name, as they go into the record."""
    return dataclasses.asdict(protocol)


def phrase(protocol: Any) -> str:
    """The protocol in one short phrase for a signature."""
    if hasattr(protocol, "signature"):
        return str(protocol.signature())
    return ",".join(f"{name}={value}" for name, value in as_dict(protocol).items())
