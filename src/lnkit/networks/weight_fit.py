"""Choose the one reading of a file of weights that fits a network, and copy its tensors into the network."""

from __future__ import annotations

import copy
import logging
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lnkit.errors import UsageError, WeightsError
from lnkit.networks.weight_readings import LONGEST, ROOT, Reading, choices, clean, read_readings, shape_of
from lnkit.plugins.failures import sentence_of

logger = logging.getLogger("lnkit")

COUNTER = "num_batches_tracked"  # of batch norm; without effect in evaluation mode
SHOWN = 3  # names in an error message
TRIED = 3  # readings that the network's own loading is tried on

_ANOTHER = "Was it made for another backbone?"


@dataclass(frozen=True, slots=True)
class Fit:
    """What became of a file."""

    label: str  # of the reading; "" for the file as it is
    absent: tuple[str, ...]  # tensors of the head that were not in the file
    remarks: tuple[str, ...]  # sentences for the user


def load_file(module: nn.Module, path: Path, label: str, network: str) -> Fit:
    """Copy the tensors of a file into a network.

    Every tensor of the network must be there in the same shape, except counters of batch norm and the head, which is
    the last child with tensors (``fc``, ``classifier``): weights made for features only, or for other classes, have no
    head that fits, and no point before the head depends on it. Tensors that the network does not have, such as those of
    auxiliary heads, are logged and ignored. Older layouts are loaded if the network's own ``load_state_dict`` knows
    them.

    Args:
        module: The network.
        path: The file.
        label: Where in the file to look; "" anywhere.
        network: Name of the network, for messages.

    Raises:
        UsageError: Several state dicts in the file fit, and differ; or there is nothing under the label.
        WeightsError: The file is missing or damaged, or does not fit; the first tensors that differ are named.
    """
    own = _Own(module)
    parameters = {clean(name): shape_of(tensor) or () for name, tensor in module.named_parameters()}
    readings = read_readings(path, label, own.names.__contains__, parameters)
    fitting = [reading for reading in readings if own.fits(reading)] or _fitting_by_own_loading(own, readings)
    reading = _only(fitting, own, path, network)
    nearest = reading or max(readings, key=own.closeness)
    _require_values(own, nearest, path, network)
    if reading is None:
        raise WeightsError(_explain(own, nearest, path, network))
    others = [other for other in readings if other is not reading]
    return _load(own, reading, path, network, (*_partial(own, others, path), *_remarks(own, reading, path)))


class _Own:
    """The values of a network, by names without wrappers, as a file may have them."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.names = {clean(name): name for name in module.state_dict()}

    @cached_property
    def values(self) -> dict[str, Any]:
        """All values but counters."""
        state = self.module.state_dict()
        return {name: state[own] for name, own in self.names.items() if not name.endswith(COUNTER)}

    @cached_property
    def head(self) -> set[str]:
        """The names of the last child, if there are other children."""
        children = list(dict.fromkeys(name.split(".")[0] for name in self.values))
        return {name for name in self.values if name.split(".")[0] == children[-1]} if len(children) > 1 else set()

    def agrees(self, name: str, reading: Reading) -> bool:
        """Whether a reading has a value of the right shape for a name."""
        return name in reading.values and shape_of(self.values.get(name)) in (None, shape_of(reading.values[name]))

    def fits(self, reading: Reading) -> bool:
        """Whether a reading has all but the head."""
        required = [name for name in self.values if name not in self.head] or list(self.values)
        return all(self.agrees(name, reading) for name in required) and bool(required)

    def closeness(self, reading: Reading) -> tuple[int, int]:
        """How much of the network a reading has, and how much of it there is."""
        return sum(self.agrees(name, reading) for name in self.values), len(reading.values)

    def state(self, reading: Reading) -> OrderedDict[str, Any]:
        """Return what the network's ``load_state_dict`` takes: values by its own names, and versions of their layout.

        A head of other classes is left out. Without versions, as in safetensors, values that fit have today's layout.
        """
        differing = {name for name in self.head if name in reading.values and not self.agrees(name, reading)}
        state = OrderedDict(
            (self.names.get(name, name), value) for name, value in reading.values.items() if name not in differing
        )
        today = getattr(self.module.state_dict(), "_metadata", {}) if self.fits(reading) else {}
        versions = {clean(f"{path}.")[:-1]: version for path, version in reading.versions.items()}
        state._metadata = {  # type: ignore[attr-defined]  # as torch itself does
            path: dict(today.get(path, {})) | ({"version": versions[path]} if path in versions else {})
            for path in {*today, *versions}
        }
        return state

    def outline(self) -> nn.Module:
        """Return a copy of the network without values."""
        tensors = (*self.module.parameters(), *self.module.buffers())
        empty = {id(tensor): tensor.to("meta") for tensor in tensors}
        parameters = {id(p): nn.Parameter(empty[id(p)], p.requires_grad) for p in self.module.parameters()}
        return copy.deepcopy(self.module, empty | parameters)

    def loads(self, reading: Reading) -> bool:
        """Whether the network's own loading, which may know older layouts, finds all but the head."""
        try:
            with warnings.catch_warnings(action="ignore"):  # values are not copied into an outline
                missing = self.outline().load_state_dict(self.state(reading), strict=False).missing_keys
        except Exception:  # code of the network, on values that it may not expect
            return False
        return all(clean(name) in self.head or name.endswith(COUNTER) for name in missing)


def _fitting_by_own_loading(own: _Own, readings: list[Reading]) -> list[Reading]:
    nearest = sorted(readings, key=own.closeness, reverse=True)[:TRIED]
    return [reading for reading in nearest if own.closeness(reading)[0] and own.loads(reading)]


def _only(fitting: list[Reading], own: _Own, path: Path, network: str) -> Reading | None:
    """Return the only reading that fits; several that are equal are one."""
    differing = [reading for reading in fitting[1:] if not _equal(fitting[0], reading, own)]
    if differing:
        raise UsageError(
            f"{path.name} holds several sets of weights that fit {network}, and they differ. "
            f"{choices(path, [fitting[0], *differing])}"
        )
    return fitting[0] if fitting else None


def _equal(a: Reading, b: Reading, own: _Own) -> bool:
    names = own.values if own.fits(a) else {*a.values, *b.values}
    return all(same_values(a.values.get(name), b.values.get(name)) for name in names)


def same_values(a: Any, b: Any) -> bool:
    """Whether two values of a file are the same object, or tensors of one type that are equal."""
    if a is b:
        return True
    usual = isinstance(a, Tensor) and isinstance(b, Tensor) and not (_oddity(a) or _oddity(b))
    return usual and a.dtype == b.dtype and torch.equal(a, b)


def _oddity(tensor: Tensor) -> str:
    """Return what makes a tensor other than numbers in memory, as the end of a sentence; "" if nothing does."""
    if type(tensor) not in (Tensor, nn.Parameter):
        return f"is a {type(tensor).__name__}"
    if tensor.is_nested or tensor.layout != torch.strided:
        return "is nested" if tensor.is_nested else "is sparse"
    if tensor.is_quantized or (tensor.dtype.is_floating_point and tensor.dtype.itemsize == 1):
        return f"is quantized ({tensor.dtype})"
    return "has no values" if tensor.device.type == "meta" else ""


def _kind(dtype: torch.dtype) -> str:
    return "complex" if dtype.is_complex else "floating-point" if dtype.is_floating_point else "integer"


def _require_values(own: _Own, reading: Reading, path: Path, network: str) -> None:
    """Refuse values that would not be those of the file once they are in the network."""
    for name, value in reading.tensors.items():
        mine = own.values.get(name)
        if isinstance(mine, Tensor) and (fault := _oddity(value) or _fault_of_kind(value, mine.dtype)):
            raise WeightsError(
                f"{path} cannot be loaded into {network}: {name!r} {fault}. Convert it to the type that the network "
                "has, and save the state_dict() again."
            )


def _fault_of_kind(value: Tensor, dtype: torch.dtype) -> str:
    if _kind(value.dtype) != _kind(dtype):
        return f"has {_kind(value.dtype)} values ({value.dtype}), and the network {_kind(dtype)} ones ({dtype})"
    return "has integers too large for the network" if _kind(dtype) == "integer" and _rounds(value, dtype) else ""


def _rounds(value: Tensor, dtype: torch.dtype) -> bool:
    """Whether values change when they are converted."""
    if value.dtype == dtype:
        return False
    if not dtype.is_floating_point:
        return not torch.equal(value.to(dtype).to(value.dtype), value)
    if torch.promote_types(value.dtype, dtype) == dtype:
        return False
    return not torch.equal(value.to(dtype).to(value.dtype).nan_to_num(), value.nan_to_num())


def _load(own: _Own, reading: Reading, path: Path, network: str, remarks: tuple[str, ...]) -> Fit:
    by_name = own.fits(reading)
    try:
        with warnings.catch_warnings(record=True, action="always") as raised:
            missing = own.module.load_state_dict(own.state(reading), strict=False)
    except Exception as error:  # code of the network
        raise WeightsError(
            f"{path} does not fit {network}: its load_state_dict raised {sentence_of(error).rstrip('.')}. {_ANOTHER}"
        ) from error
    absent = tuple(
        name
        for name in own.module.state_dict()
        if not name.endswith(COUNTER)
        and (not own.agrees(clean(name), reading) if by_name else name in missing.missing_keys)
    )
    _log_differences(absent, set(reading.tensors) - set(own.names), network, path)
    return Fit(reading.label, absent, (*remarks, *(f"Loading {path.name}: {warning.message}" for warning in raised)))


def _partial(own: _Own, readings: list[Reading], path: Path) -> Iterable[str]:
    """Say what else in the file looks like weights of the network, such as averages of its parameters only."""
    for other in readings:
        if 2 * own.closeness(other)[0] >= len(own.values) and not own.fits(other):
            yield f"The tensors under {other.label or ROOT!r} in {path.name} do not fit and are not used."


def _remarks(own: _Own, reading: Reading, path: Path) -> Iterable[str]:
    mine = {name: value for name, value in reading.tensors.items() if isinstance(own.values.get(name), Tensor)}
    usual = {name: value for name, value in mine.items() if value.is_floating_point() and value.numel()}
    rounded = [name for name, value in usual.items() if _rounds(value, own.values[name].dtype)]
    if rounded:
        yield f"Values in {path.name} are rounded to the precision of the network: {_some(rounded)}."
    infinite = [name for name, value in usual.items() if not _is_finite(value)]
    if infinite:
        yield f"Some values in {path.name} are not finite numbers: {_some(infinite)}."


def _is_finite(value: Tensor) -> bool:
    real = torch.view_as_real(value) if value.is_complex() else value
    return all(bool(extreme.isfinite()) for extreme in torch.aminmax(real.detach()))  # without a copy


def _explain(own: _Own, reading: Reading, path: Path, network: str) -> str:
    """Say why the reading that comes closest does not fit."""
    missing = [name for name in own.values if not own.agrees(name, reading)]
    if len(missing) == len(own.values):
        return (
            f"Expected the tensors of {network}, such as {_some(own.values)}, got {_some(reading.values)} in {path}. "
            f"{_ANOTHER}"
        )
    missing = [name for name in missing if name not in own.head]
    differing = [name for name in missing if name in reading.values]
    if differing:
        name, (theirs, ours) = differing[0], (shape_of(values[differing[0]]) for values in (reading.values, own.values))
        return (
            f"{path} does not fit {network}: the shape of {_some(differing)} differs; "
            f"{name!r} is {theirs} in the file and {ours} in the network. {_ANOTHER}"
        )
    return f"{path} lacks {len(missing)} of the {len(own.values)} tensors of {network}: {_some(missing)}. {_ANOTHER}"


def _log_differences(absent: tuple[str, ...], unexpected: set[str], network: str, path: Path) -> None:
    if unexpected:
        logger.info("%s holds tensors that %s does not have, ignored: %s", path, network, _some(sorted(unexpected)))
    if absent:
        logger.info("%s has no head that fits %s; these tensors stay random: %s", path, network, _some(absent))


def _some(names: Iterable[str]) -> str:
    """Format names as ``'a', 'b', 'c' and 49 more``."""
    every = list(names)
    shown = ", ".join(repr(name[:LONGEST]) for name in every[:SHOWN])
    return f"{shown} and {len(every) - SHOWN} more" if len(every) > SHOWN else shown
