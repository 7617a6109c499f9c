"""Protocols: the hyperparameters that a benchmark runs with.

A protocol is a benchmark's own frozen dataclass of plain values (str, int, float, bool). Three fields mean the same in
every benchmark: ``distance`` (replaced by the distance of a backbone that has its own), ``normalization`` and
``transform_input`` (how images are fed to the backbone). :class:`Comparing` is the base of protocols that measure
distances. :class:`Training` is the base of those that train; its ``loss_mode`` says in which mode the loss network is
meanwhile. A protocol may have a method ``signature() -> str``, which returns everything that changes a score in one
phrase.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.specs import EPSILONS, LOSS_MODES, NORMALIZATIONS, DistanceConfig

if TYPE_CHECKING:
    from lnkit.benchmark import BenchmarkSpec
    from lnkit.specs import BackboneSpec

__all__ = [
    "Comparing",
    "Training",
    "as_dict",
    "choose_protocol",
    "deviations",
    "expect_above",
    "expect_at_least",
    "expect_multiple",
    "expect_one_of",
    "expect_within",
    "phrase",
    "usual_variant",
]

SAMPLE_VARIANT = "sample"  # run by --sample, for benchmarks whose first variant would take too long

# Fields that mean the same in every benchmark, and their values.
SHARED = {"normalization": NORMALIZATIONS, "loss_mode": LOSS_MODES}

UNNORMALIZED = {"squared", "l1", "charbonnier", "gram", "dists"}  # distances of features as they are

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Comparing:
    """Base of protocols that measure distances between images: how two images are compared.

    Its fields are checked whenever a protocol is chosen. ``lnkit.distances`` lists the sources.
    """

    distance: str = "spatial"  # Pihlgren2023 Eq. 1, Kumar2022 Eq. 1, "baseline" in LPIPS; sums are joined with "+"
    channel_norm: bool = True  # unit length over channels; Pihlgren2023 Eq. 1
    epsilon: str = "lpips"  # y / (|y| + 1e-10); Zhang2018, Kumar2022. "reference" is y / max(|y|, 1e-12)
    lin_weights: str = ""  # for distance "lin": a file, or "lpips"
    normalization: str = "backbone"  # each backbone's own; ImageNet's for all 14 of Pihlgren2023, as in reference code
    transform_input: bool = True  # GoogLeNet and Inception v3 re-normalize as torchvision trained them

    def check_comparing(self) -> None:
        """Raise ValueError for values that no run could honor."""
        expect_one_of("epsilon", self.epsilon, EPSILONS)
        expect_one_of("normalization", self.normalization, NORMALIZATIONS)

    def distance_config(self) -> DistanceConfig:
        """Return the distance with its options."""
        return DistanceConfig(self.distance, self.channel_norm, self.epsilon, self.lin_weights)

    def comparing_phrase(self) -> str:
        """Return the fields above for a signature: ``spatial,norm:lpips|input:backbone``."""
        norm = f",norm:{self.epsilon}" if self.channel_norm else ",no-norm"
        norm = "" if _names(self.distance) <= UNNORMALIZED else norm
        lin = f",weights:{self.lin_weights}" if self.lin_weights else ""
        return f"{self.distance}{norm}{lin}{_input_phrase(self)}"


@dataclass(frozen=True, slots=True)
class Training:
    """Base of protocols that train a network with the feature loss of a loss network.

    Its fields are checked whenever a protocol is chosen. Repeat a field in the subclass to change its default.
    """

    distance: str = "squared"  # mean squared difference of features; Pihlgren2023 Eq. 3 and 5. Eq. 6 is a sum
    normalization: str = "backbone"  # each backbone's own; Pihlgren2023 names none. Reference code: "none"
    transform_input: bool = True  # GoogLeNet, Inception v3 re-normalize, as torchvision does. Reference code: skipped
    loss_mode: str = "eval"  # "train": batch statistics, dropout and stochastic depth in the loss network; ours
    batch_size: int = 1  # images in a step of the optimizer; each benchmark's own
    lr: float = 1e-3  # learning rate of Adam; reference code, Pihlgren2023 names no optimizer

    def check_training(self) -> None:
        """Raise ValueError for values that no run could honor."""
        expect_one_of("normalization", self.normalization, NORMALIZATIONS)
        expect_one_of("loss_mode", self.loss_mode, LOSS_MODES)
        expect_at_least("batch_size", self.batch_size, 1)
        expect_above("lr", self.lr, 0)

    def distance_config(self) -> DistanceConfig:
        """Return the distance of the feature loss."""
        return DistanceConfig(self.distance)

    def loss_phrase(self) -> str:
        """Return the feature loss for a signature: ``squared|input:backbone``."""
        mode = ",loss network in training mode" if self.loss_mode == "train" else ""
        return f"{self.distance}{_input_phrase(self)}{mode}"


def _names(distance: str) -> set[str]:
    """Return the names of distances that are joined with ``+``, without their options."""
    return {name.strip() for name in re.sub(r"\([^()]*\)", "", distance).split("+")}


def _input_phrase(protocol: Comparing | Training) -> str:
    skipped = "" if protocol.transform_input else ",no-transform_input"
    return f"|input:{protocol.normalization}{skipped}"


def usual_variant(benchmark: BenchmarkSpec, sample: bool) -> str:
    """Return the variant to run where none is named: on the sample ``"sample"`` if there is one, else the first."""
    return SAMPLE_VARIANT if sample and SAMPLE_VARIANT in benchmark.protocols else next(iter(benchmark.protocols))


def choose_protocol(
    benchmark: BenchmarkSpec, variant: str, overrides: Mapping[str, str], backbone: BackboneSpec
) -> Any:
    """Return the variant's protocol with the user's overrides applied.

    Args:
        benchmark: whose protocol it is.
        variant: name of one of its protocols.
        overrides: field -> value as text. ``distance`` beats the distance of the backbone.
        backbone: a backbone that has its own distance replaces the protocol's.

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
        chosen = dataclasses.replace(protocol, **changes)
        _check_shared(chosen)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return chosen


def _check_shared(protocol: Any) -> None:
    """Raise ValueError for a value of a shared field that no run could honor, whatever class the protocol is of.

    A subclass may have a ``__post_init__`` of its own that does not call its base's.
    """
    for field, allowed in SHARED.items():
        if hasattr(protocol, field):
            expect_one_of(field, getattr(protocol, field), allowed)
    if isinstance(protocol, Comparing):
        protocol.check_comparing()
    if isinstance(protocol, Training):
        protocol.check_training()


def _read_value(benchmark: BenchmarkSpec, protocol: Any, name: str, text: str) -> Any:
    hints = get_type_hints(type(protocol))
    types = {field.name: hints[field.name] for field in dataclasses.fields(protocol)}  # not what the class has itself
    if name not in types:
        hint = did_you_mean(near_names(name, types))
        raise UsageError(f"The protocol of {benchmark.name!r} has no field {name!r}; it has: {', '.join(types)}.{hint}")
    try:
        return _BOOLEANS[text.lower()] if types[name] is bool else types[name](text)
    except (KeyError, ValueError) as error:
        expected = "true or false" if types[name] is bool else f"a value of type {types[name].__name__}"
        raise UsageError(f"Protocol field {name!r}: expected {expected}, got {text!r}.") from error


def deviations(benchmark: BenchmarkSpec, variant: str, protocol: Any) -> tuple[str, ...]:
    """Return one phrase for each field in which ``protocol`` differs from the variant of that name."""
    standard = benchmark.protocols[variant]
    values = [(f.name, getattr(protocol, f.name), getattr(standard, f.name)) for f in dataclasses.fields(standard)]
    return tuple(f"{name} is {value!r} instead of {usual!r}" for name, value, usual in values if value != usual)


def expect_one_of(field: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError unless the value of a protocol's field is one of those allowed; for ``__post_init__``."""
    if value not in allowed:
        raise ValueError(f"Protocol field {field!r}: expected one of {', '.join(allowed)}, got {value!r}.")


def expect_at_least(field: str, value: float, least: float) -> None:
    """Raise ValueError if the value of a protocol's field is below ``least``."""
    if not value >= least:
        raise ValueError(f"Protocol field {field!r}: expected {least:g} or more, got {value}.")


def expect_above(field: str, value: float, bound: float) -> None:
    """Raise ValueError unless the value of a protocol's field is above ``bound``."""
    if not value > bound:
        raise ValueError(f"Protocol field {field!r}: expected a value above {bound:g}, got {value}.")


def expect_within(field: str, value: float, least: float, most: float) -> None:
    """Raise ValueError unless the value of a protocol's field lies in [``least``, ``most``]."""
    if not least <= value <= most:
        raise ValueError(f"Protocol field {field!r}: expected {least:g} to {most:g}, got {value}.")


def expect_multiple(field: str, value: int, step: int, least: int) -> None:
    """Raise ValueError unless the value of a protocol's field is a multiple of ``step`` from ``least``."""
    if value < least or value % step:
        raise ValueError(f"Protocol field {field!r}: expected a multiple of {step} from {least}, got {value}.")


def as_dict(protocol: Any) -> dict[str, Any]:
    """Return the protocol's fields by name, as the record stores them."""
    return dataclasses.asdict(protocol)


def phrase(protocol: Any) -> str:
    """Return the protocol in one short phrase for a signature."""
    if hasattr(protocol, "signature"):
        return str(protocol.signature())
    return ",".join(f"{name}={value}" for name, value in as_dict(protocol).items())
