"""Dataclasses read from JSON: every field is checked by its annotation, so that no reader meets another type."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping
from functools import cache
from math import isfinite
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

LONGEST_NAME = 1000  # characters; names stand in tables and in the names of files

Name = Annotated[str, "a name"]  # text for tables: not empty, on one line, without control characters


def read_form(form: Any, value: Any, where: str) -> Any:
    """Return ``value``, as JSON gave it, in the form of an annotation.

    Args:
        form: A dataclass, or any annotation that its fields may have: ``str``, :data:`Name`, ``int``, ``float``,
            ``bool``, ``None``, unions, ``tuple``, ``Mapping`` and ``Any``.
        value: The value.
        where: Its name, for errors.

    Returns:
        A dataclass, without the fields of ``value`` that it does not have; tuples for lists, and floats where the
        annotation has them.

    Raises:
        ValueError: It has another form.
    """
    if dataclasses.is_dataclass(form):
        return _read_dataclass(form, value, where)
    if form is Any:
        return _require(_is_json(value), value, where, "finite numbers")
    if form == Name:
        return _require(isinstance(value, str) and _is_name(value), value, where, "a name")
    origin, inner = get_origin(form), get_args(form)
    if origin in (Union, types.UnionType):
        (other,) = (option for option in inner if option is not type(None))
        return None if value is None else read_form(other, value, where)
    if origin is tuple:
        return _read_tuple(inner, value, where)
    if origin is not None:  # Mapping
        _require(isinstance(value, dict), value, where, "an object")
        _require(all(map(_is_name, value)), list(value), where, "names as keys")
        checked = {key: read_form(inner[1], item, f"{where}.{key[:50]}") for key, item in value.items()}
        return {key: item if type(item) is int else checked[key] for key, item in value.items()}  # counts stay whole
    return _read_plain(form, value, where)


def _read_dataclass(form: Any, value: Any, where: str) -> Any:
    _require(isinstance(value, dict), value, where, "an object")
    fields = {field.name: field for field in dataclasses.fields(form)}
    for name, field in fields.items():
        if name not in value and field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where} has no field {name!r}")
    hints = _hints(form)
    return form(**{name: read_form(hints[name], value[name], f"{where}.{name}") for name in fields if name in value})


def _read_tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    _require(isinstance(value, list), value, where, "a list")
    if inner[-1] is Ellipsis:
        return tuple(read_form(inner[0], item, where) for item in value)
    _require(len(value) == len(inner), value, where, f"{len(inner)} values")
    return tuple(read_form(form, item, where) for form, item in zip(inner, value, strict=True))


def _read_plain(form: Any, value: Any, where: str) -> Any:
    if form is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        _require(number and abs(value) < 1e308 and isfinite(value), value, where, "a finite number")
        return float(value)
    if form is int:
        number = isinstance(value, int) and not isinstance(value, bool)
        return _require(number and abs(value) < 2**63, value, where, "a whole number")
    return _require(isinstance(value, form), value, where, {str: "text", bool: "true or false"}[form])


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and text.isprintable()


def _require(right: bool, value: Any, where: str, expected: str) -> Any:
    if not right:
        got = repr(value) if not isinstance(value, int) or abs(value) < 2**63 else "a number of too many digits"
        raise ValueError(f"expected {expected} as {where}, got {got[:60]}{'...' if len(got) > 60 else ''}")
    return value


@cache
def _hints(form: type) -> Mapping[str, Any]:
    return get_type_hints(form, include_extras=True)
