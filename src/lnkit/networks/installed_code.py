"""Tell installed code, which the version of a package identifies, from the user's own code, which has none."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path
from pkgutil import resolve_name
from types import FunctionType, ModuleType

_OWN = ("__main__", "__mp_main__")
_STANDARD_LIBRARY = tuple({Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})


def installed_version(module: str) -> str | None:
    """Return the package of an imported module with its version, such as ``torch 2.6.0``; None for own code.

    A package is installed if a distribution lists its files. One in editable mode is own code: it changes without a new
    version. So is a file that was put beside installed ones.
    """
    package = module.partition(".")[0]
    if package in _OWN:
        return None
    return _version(package, _file(sys.modules.get(module)) or _file(sys.modules.get(package)))


def stands_for(module: str, name: str, value: object) -> bool:
    """Whether an installed name leads to ``value``, and no own function wears the name as functools.wraps gives it."""
    if isinstance(value, ModuleType):
        return sys.modules.get(module) is value
    if isinstance(value, FunctionType) and is_own(value):
        return False
    try:
        return resolve_name(f"{module}:{name}") is value
    except (ImportError, AttributeError, ValueError):  # made inside a function
        return False


def is_own(function: FunctionType) -> bool:
    """Whether the globals of a function are those of an imported own module."""
    module = function.__globals__.get("__name__")
    return module in sys.modules and installed_version(module) is None


def _file(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return Path(file) if isinstance(file, str) else None


@cache
def _version(package: str, file: Path | None) -> str | None:
    if package in sys.stdlib_module_names and (file is None or any(map(file.is_relative_to, _STANDARD_LIBRARY))):
        return f"python {sys.version.split()[0]}"
    if package == "lnkit":  # has a version even where it runs from a checkout
        return f"lnkit {distribution('lnkit').version}"
    owners = map(distribution, sorted(set(_distributions().get(package, ()))))
    versions = [owner.version for owner in owners if _holds(owner, file)]
    return " ".join((package, *versions)) if versions else None


def _holds(found: Distribution, file: Path | None) -> bool:
    """Whether a distribution was installed file by file, and ``file`` lies where it was installed."""
    folder = Path(str(found.locate_file("")))
    return file is None or (file.is_relative_to(folder) and bool(found.read_text("RECORD")))


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()  # cached: reads the metadata of every installed package
