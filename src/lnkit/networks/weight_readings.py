"""What a file of weights may mean: its state dicts, wherever they are nested and whatever stands before their names.

Training scripts save more than a network: raw and averaged weights, a teacher and a student, two encoders. A reading is
one of those, and its label says where it stands in the file: "state_dict_ema.module" for the tensors under the key
"state_dict_ema" whose names begin with "module.". ``FILE::LABEL`` chooses it.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from lnkit._text_paths import text_paths
from lnkit.data.home import expand_home
from lnkit.errors import UsageError, WeightsError
from lnkit.networks.weight_files import read_content
from lnkit.plugins.rules import printable

SEPARATOR = "::"  # between a file and a label; no name of a file has it by chance, and no shell changes it
ROOT = "."  # as a label that the user gives: the tensors at the top, under their own names
DEEPEST = 16  # keys above a tensor, and dots in its name; no checkpoint has as many
MOST = 20_000  # mappings and lists that are looked through
SHOWN, LONGEST = 8, 200  # labels in an error message, and characters of one
PREFIXES = 64  # of one state dict that are tried

# Names that torch itself puts between those of modules: torch.compile, FSDP, activation checkpointing.
_WRAPPERS = re.compile(r"\.(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.)")


@dataclass(frozen=True, slots=True)
class Reading:
    """Values by the names that a network may have."""

    label: str  # "" for the file as it is
    values: Mapping[str, Any]
    versions: Mapping[str, Any] = field(default_factory=dict)  # path of a module -> version of its layout

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in self.values.items() if isinstance(value, Tensor)}


def split_label(text: str | Path) -> tuple[Path, str]:
    """Split ``FILE::LABEL``; a file of that very name comes first.

    Returns:
        The file, and the label; "" if there is none.
    """
    path = expand_home(text)
    file, _, label = str(path).rpartition(SEPARATOR)
    return (Path(file), label or ROOT) if file and not _exists(path) else (path, "")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a folder above it may not be read; the name holds a NUL
        return False


def read_readings(
    path: Path, label: str, known: Callable[[str], bool], parameters: Mapping[str, Sequence[int]] | None = None
) -> list[Reading]:
    """Read a file, and return its possible meanings.

    Args:
        path: The file.
        label: Where to look in it: "" anywhere.
        known: Whether a name is one of those that are looked for; it decides what prefixes are taken off.
        parameters: Shapes of the parameters of the network by name, in its order, for lists of tensors without names.

    Raises:
        UsageError: There is nothing under the label.
        WeightsError: The file is missing or damaged, or holds no tensors.
    """
    nested = list(_nested(read_content(path), parameters or {}))
    found = [reading for where, mapping in nested for reading in _without_prefixes(where, mapping, known)]
    if not found:
        raise WeightsError(f"Expected the state dict of a network in {path}, got no named tensors.")
    wanted = "" if label == ROOT else label
    chosen = [reading for reading in found if not label or _is_under(reading.label, wanted)]
    if not chosen:
        raise UsageError(f"{path.name} holds no weights under {label!r}. {choices(path, found)}")
    return chosen


@text_paths
def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the one state dict of a file, under its own names, without running code in the file.

    Args:
        path: A safetensors file, or a state dict saved by ``torch.save``, at the top or under keys.

    Returns:
        Tensors on the CPU, by name.

    Raises:
        UsageError: The file holds several state dicts.
        WeightsError: The file is missing or damaged, or holds no tensors.
    """
    readings = read_readings(path, "", lambda _: False)
    if len(readings) > 1:
        labels = ", ".join(reading.label or ROOT for reading in readings[:SHOWN])
        raise UsageError(f"Expected one state dict in {path}, got several: {printable(labels)[:LONGEST]}.")
    return readings[0].tensors


def choices(path: Path, readings: Sequence[Reading]) -> str:
    """Return the sentence that lists readings to choose from."""
    labels = list(dict.fromkeys(f"{printable(path.name)}{SEPARATOR}{reading.label or ROOT}" for reading in readings))
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return f"Choose with {' or '.join(label[:LONGEST] for label in labels[:SHOWN])}{more}."


def _nested(content: Any, parameters: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping with named tensors and the keys that lead to it, the outermost first."""
    waiting: deque[tuple[tuple[str, ...], tuple[int, ...], Any]] = deque([((), (), content)])
    for _ in range(MOST):
        if not waiting:
            return
        keys, above, value = waiting.popleft()
        if id(value) in above or len(keys) > DEEPEST:  # a mapping may hold itself
            continue
        mapping = value if isinstance(value, Mapping) else _named(value, parameters)
        if any(isinstance(entry, Tensor) and isinstance(name, str) for name, entry in mapping.items()):
            yield ".".join(keys), mapping
        entries = mapping.items() if isinstance(value, Mapping) else enumerate(value)
        waiting.extend(
            ((*keys, str(key)), (*above, id(value)), entry)
            for key, entry in entries
            if isinstance(entry, (Mapping, list, tuple)) and isinstance(key, (str, int))
        )


def _named(values: Sequence[Any], parameters: Mapping[str, Sequence[int]]) -> Mapping[str, Any]:
    """Name the tensors of a list if they are a network's parameters in order, as averages of weights are saved."""
    if len(values) != len(parameters) or not all(isinstance(value, Tensor) for value in values):
        return {}
    named = dict(zip(parameters, values, strict=True))
    return named if all(shape_of(named[name]) == tuple(shape) for name, shape in parameters.items()) else {}


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a tensor; None for other values, and for tensors that have none."""
    if not isinstance(value, Tensor):
        return None
    try:
        return tuple(map(int, value.shape))
    except (RuntimeError, ValueError):  # nested, or not initialized
        return None


def clean(name: str) -> str:
    """Return the name of a tensor without the wrappers of torch between those of its modules."""
    return _WRAPPERS.sub("", name) if "._" in name else name


def _without_prefixes(label: str, mapping: Mapping[Any, Any], known: Callable[[str], bool]) -> Iterator[Reading]:
    """Yield the mapping as it is, then without each prefix that leads to known names, the most frequent first."""
    values = {name: value for name, value in mapping.items() if isinstance(name, str)}
    versions = _versions(mapping)
    counts = Counter(prefix for name in values for prefix in _prefixes(name, known))
    for prefix in ("", *(prefix for prefix, _ in counts.most_common(PREFIXES) if prefix)):
        cut = len(prefix)
        yield Reading(
            printable(".".join(filter(None, (label, prefix.removesuffix("."))))),
            _cleaned({name[cut:]: value for name, value in values.items() if name.startswith(prefix)}),
            {
                clean(f"{path}."[cut:])[:-1]: version
                for path, version in versions.items()
                if f"{path}.".startswith(prefix)
            },
        )


def _cleaned(values: dict[str, Any]) -> dict[str, Any]:
    cleaned = {clean(name): value for name, value in values.items()}
    return cleaned if len(cleaned) == len(values) else values  # two names must not become one


def _prefixes(name: str, known: Callable[[str], bool]) -> Iterator[str]:
    start = 0
    for _ in range(DEEPEST):
        if known(clean(name[start:])):
            yield name[:start]
        start = name.find(".", start) + 1
        if not start:
            return


def _versions(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the versions that torch saves with a state dict, and nothing else of what stands there."""
    metadata = getattr(mapping, "_metadata", None)
    if not isinstance(metadata, Mapping):
        return {}
    return {
        path: entry["version"]
        for path, entry in metadata.items()
        if isinstance(path, str) and isinstance(entry, Mapping) and isinstance(entry.get("version"), int)
    }


def _is_under(label: str, wanted: str) -> bool:
    return label == wanted or (bool(wanted) and label.startswith(f"{wanted}."))
