"""Fingerprints of the user's own networks: the code and the settings that no version of a plugin identifies.

Weights are hashed separately. If something cannot be identified, the fingerprint is different each time, so that a run
of unknown code is never mistaken for a finished one.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import sysconfig
import uuid
import warnings
from collections.abc import Iterator, Mapping
from functools import cache, partial
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import nn

UNKNOWN = "unknown-"

_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size, range, slice)
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))  # tensors, submodules, hooks: handled separately; or the mode


class _Unknown(Exception):  # noqa: N818 - a signal, not an error
    pass


def fingerprint(module: nn.Module) -> str:
    """Return eight hexadecimal digits that identify the code and the settings of ``module``, or ``unknown-...``."""
    try:
        text = "\n".join((*_settings(module), *sorted(_sources(module))))
    except _Unknown:
        return f"{UNKNOWN}{uuid.uuid4().hex[:8]}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _settings(module: nn.Module) -> Iterator[str]:
    """Yield a line for each attribute of a submodule that is not a tensor."""
    for path, part in module.named_modules():
        if any(vars(part)[hooks] for hooks in ("_forward_hooks", "_forward_pre_hooks")):
            raise _Unknown
        yield f"{path}: {type(part).__module__}.{type(part).__qualname__}"
        own = {name: value for name, value in vars(part).items() if name not in _OF_EVERY_MODULE}
        yield from (f"{path}.{name} = {_describe(own[name])}" for name in sorted(own))


def _describe(value: Any) -> str:
    """Write a setting so that equal settings give equal text; raise _Unknown if that is impossible."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(repr(value.detach().cpu().tolist()).encode()).hexdigest()
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(_describe, value))})"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}({', '.join(sorted(map(_describe, value)))})"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{_describe(key)}: {_describe(entry)}' for key, entry in value.items())})"
    return _describe_code(value)


def _describe_code(value: Any) -> str:
    if isinstance(value, partial):
        return f"partial({_describe(value.func)}, {_describe(value.args)}, {_describe(value.keywords)})"
    if isinstance(value, nn.Module):  # not registered as a submodule: in a list, for example
        return f"{type(value).__module__}.{type(value).__qualname__}({', '.join(_settings(value))})"
    if isinstance(value, MethodType):
        return f"method {value.__func__.__qualname__}"
    if isinstance(value, FunctionType):
        code = hashlib.sha256(value.__code__.co_code + repr(value.__code__.co_consts[1:]).encode()).hexdigest()
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return f"function {value.__qualname__} {code} {_describe(cells)} {_describe(value.__defaults__)}"
    if isinstance(value, (type, BuiltinFunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    raise _Unknown


def _sources(module: nn.Module) -> set[str]:
    """Return one line for each own file and each installed package that the classes in ``module`` come from.

    Imports of own code by own code are followed.
    """
    names = {cls.__module__ for part in module.modules() for cls in type(part).__mro__}
    lines: set[str] = set()
    seen: set[str] = set()
    while names:
        seen |= names
        files = {name: _own_file(name) for name in names}
        lines |= {_source_line(name, file) for name, file in files.items()}
        names = {used for name, file in files.items() if file for used in _used_by(name)} - seen
    return lines


def _own_file(name: str) -> Path | None:
    """Return the source file of a module that is the user's own; None for installed code."""
    module = sys.modules.get(name)
    if module is None or name.partition(".")[0] in ("lnkit", *sys.builtin_module_names):
        return None  # lnkit has a version, even where it is installed from a checkout
    try:
        file = inspect.getsourcefile(module)
    except TypeError:  # no file: built in, or typed at a prompt
        file = None
    if file is None:
        if name == "__main__":
            raise _Unknown
        return None
    return None if file.startswith(_INSTALLED) else Path(file)


def _source_line(name: str, file: Path | None) -> str:
    if file is not None:
        return f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}"
    package = name.partition(".")[0]
    return f"{package} {_version(package)}"


@cache
def _version(package: str) -> str:
    if package in sys.stdlib_module_names:
        return sys.version.split()[0]
    distributions = _distributions().get(package)
    return version(distributions[0]) if distributions else "unknown"


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()  # cached: reads the metadata of every installed package


def _used_by(name: str) -> set[str]:
    """Return the names of the modules that a module imports, or imports something from."""
    with warnings.catch_warnings(action="ignore"):  # some names of libraries warn when they are accessed
        values = list(vars(sys.modules[name]).values())
        names = {
            value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) for value in values
        }
    return {name for name in names if isinstance(name, str)}
