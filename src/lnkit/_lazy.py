"""Names that a package exports without importing their modules, so that no command waits for what it does not use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_exports(package: str, names: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """Make the ``__getattr__`` (PEP 562) and the ``__all__`` of ``package``.

    Args:
        package: its ``__name__``.
        names: module -> the names that it exports there. Each is imported when it is first used.
    """
    homes = {name: module for module, exported in names.items() for name in exported}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - only when a name is used

        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, sorted(homes)
