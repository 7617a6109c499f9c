"""Text in place of a path, in every public function and dataclass that takes a Path."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Target = TypeVar("Target", bound=Callable[..., Any])

_PATH = re.compile(r"Path( \| None)?")
_MAPPING = re.compile(r"(Mapping|dict)\[str, Path\]( \| None)?")


def text_paths(target: Target) -> Target:
    """Let a function, or the constructor of a class, take text wherever an annotation says Path.

    Args:
        target: the function or class; its annotations are ``Path``, ``Path | None`` or ``Mapping[str, Path]``.
    """
    if isinstance(target, type):
        target.__init__ = _converting(target.__init__)  # type: ignore[misc]
        return target
    return _converting(target)  # type: ignore[return-value]


def as_path(value: Any) -> Any:
    """Make a Path of text or of another path; None and everything else stay as they are."""
    if isinstance(value, Path) or not isinstance(value, (str, os.PathLike)):
        return value
    return Path(value)


def _converting(function: Callable[..., Any]) -> Callable[..., Any]:
    converters: dict[str, Callable[[Any], Any]] = {}
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if _PATH.fullmatch(str(parameter.annotation)):
            converters[name] = as_path
        elif _MAPPING.fullmatch(str(parameter.annotation)):
            converters[name] = _paths_of
    positions = {position: converters[name] for position, name in enumerate(parameters) if name in converters}

    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        converted = [positions.get(place, _same)(value) for place, value in enumerate(arguments)]
        return function(*converted, **{name: converters.get(name, _same)(value) for name, value in named.items()})

    return wrapper


def _paths_of(values: Mapping[str, Any] | None) -> Any:
    return {name: as_path(value) for name, value in values.items()} if isinstance(values, Mapping) else values


def _same(value: Any) -> Any:
    return value
