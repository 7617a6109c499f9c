"""What identifies a network that no plugin's version stands for: the code and the settings that it computes with.

Weights are hashed elsewhere. Where something cannot be identified, the fingerprint is a new one each time: a run of
unknown code is never taken for a run that was finished before.
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
_OF_EVERY_MODULE = frozenset(vars(nn.Module())) - {"training"}  # tensors, submodules and hooks: looked at on their own


class _Unknown(Exception):  # noqa: N818 - a signal, not an error
    pass


def fingerprint(module: nn.Module) -> str:
    """Eight hexadecimal digits that change with the code or the settings of ``module``; ``unknown-...`` if they may."""
    try:
        text = "\n".join((*_settings(module), *sorted(_sources(module))))
    except _Unknown:
        return f"{UNKNOWN}{uuid.uuid4().hex[:8]}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _settings(module: nn.Module) -> Iterator[str]:
    """Yield a line for each attribute that a submodule has beside its tensors."""
    for path, part in module.named_modules():
        if any(vars(part)[hooks] for hooks in ("_forward_hooks", "_forward_pre_hooks")):
            raise _Unknown
        yield f"{path}: {type(part).__module__}.{type(part).__qualname__}"
        own = {name: value for name, value in vars(part).items() if name not in _OF_EVERY_MODULE and name != "training"}
        yield from (f"{path}.{name} = {_describe(own[name])}" for name in sorted(own))


def _describe(value: Any) -> str:
    """Write a setting so that two equal ones read alike; raises _Unknown where that cannot be done."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(repr(value.detach().cpu().tolist()).encode()).hexdigest()
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(_describe, value))})"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}({', '.join(sorted(map(_describe, value)))})"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{_describe(key)}: {_describe(one)}' for key, one in value.items())})"
    return _describe_code(value)


def _describe_code(value: Any) -> str:
    if isinstance(value, partial):
        return f"partial({_describe(value.func)}, {_describe(value.args)}, {_describe(value.keywords)})"
    if isinstance(value, nn.Module):  # kept outside of PyTorch's registry, in a list say
        return f"{type(value).__module__}.{type(value).__qualname__}({', '.join(_settings(value))})"
    if isinstance(value, MethodType):
        return f"method {value.__func__.__qualname__}"
    if isinstance(value, FunctionType):
        return _describe_function(value)
    if isinstance(value, (type, BuiltinFunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    raise _Unknown


def _describe_function(function: FunctionType) -> str:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    code = hashlib.sha256(function.__code__.co_code + repr(function.__code__.co_consts[1:]).encode()).hexdigest()
    return f"function {function.__qualname__} {code} {_describe(cells)} {_describe(function.__defaults__)}"


def _sources(module: nn.Module) -> set[str]:
    """One line for each file of own code and each installed package that the classes in ``module`` come from.

    Own code is followed into whatever other own code its modules have imported.
    """
    names = {cls.__module__ for part in module.modules() for cls in type(part).__mro__}
    lines: set[str] = set()
    seen: set[str] = set()
    while names:
        seen |= names
        files = {name: _own_file(name) for name in names}
        lines |= {_source_line(name, file) for name, file in files.items()}
        names = {found for name, file in files.items() if file for found in _used_by(name)} - seen
    return lines


def _own_file(name: str) -> Path | None:
    """The source file of a module of the user's own; None for what is installed."""
    module = sys.modules.get(name)
    if module is None or name.partition(".")[0] in ("lnkit", *sys.builtin_module_names):
        return None  # lnkit has a version, even where it is installed from a checkout
    try:
        file = inspect.getsourcefile(module)
    except TypeError:  # no file: built in, or typed in
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
    return packages_distributions()  # reads what every installed package says of itself


def _used_by(name: str) -> set[str]:
    """Name the modules that a module refers to, itself or by something it took from them."""
    found = set()
    with warnings.catch_warnings(action="ignore"):  # some names of libraries warn when they are merely looked at
        for value in list(vars(sys.modules[name]).values()):
            found.add(value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None))
    return {one for one in found if isinstance(one, str)}
