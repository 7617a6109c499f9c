"""Which names compiled code looks up while it runs: globals, attributes of modules, and imports."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

ABSENT = object()

_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_BETWEEN = ("EXTENDED_ARG", "PUSH_NULL", "NOP")  # may stand between a name and its attribute


@dataclass(frozen=True, slots=True)
class Import:
    """An ``import`` inside a function."""

    module: str  # with a dot for each level if it is relative
    names: tuple[str, ...]  # of ``from module import names``


@dataclass(frozen=True, slots=True)
class NamesInCode:
    """What code looks up outside itself, nested functions included, in a fixed order."""

    chains: tuple[tuple[str, ...], ...]  # ("torch", "nn", "functional", "relu"): a global and attributes after it
    imports: tuple[Import, ...]
    words: tuple[str, ...]  # constants that could be names


@cache
def names_in(code: CodeType) -> NamesInCode:
    """Read the instructions of ``code`` and of the functions that are defined in it."""
    codes = list(_with_nested(code))
    chains = dict.fromkeys(chain for part in codes for chain in _chains(part))
    imports = dict.fromkeys(found for part in codes for found in _imports(part))
    constants = [constant for part in codes for constant in part.co_consts]
    words = {constant for constant in constants if isinstance(constant, str) and constant.isidentifier()}
    return NamesInCode(tuple(chains), tuple(imports), tuple(sorted(words)))


def _with_nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_nested(constant)


def _chains(code: CodeType) -> Iterator[tuple[str, ...]]:
    chain: tuple[str, ...] = ()
    for instruction in dis.get_instructions(code):
        if chain and instruction.opname in _ATTRIBUTES:
            chain = (*chain, instruction.argval)
        elif instruction.opname not in _BETWEEN:
            if chain:
                yield chain
            chain = (instruction.argval,) if instruction.opname in _GLOBALS else ()


def _imports(code: CodeType) -> Iterator[Import]:
    instructions = [found for found in dis.get_instructions(code) if found.opname not in _BETWEEN]
    for position, instruction in enumerate(instructions):
        if instruction.opname == "IMPORT_NAME":  # the two before it load the level and the names
            level, names = (before.argval for before in instructions[position - 2 : position])
            yield Import("." * level + instruction.argval, tuple(names or ()))


def look_up(function: FunctionType, chain: tuple[str, ...]) -> tuple[str, Any]:
    """Return what a name in a function stands for now, and the part of the chain that was followed.

    Attributes are followed as long as they are those of modules: ``math.sqrt``. A name that nothing has is ABSENT.
    """
    name, *rest = chain
    value = function.__globals__.get(name, getattr(function, "__builtins__", {}).get(name, ABSENT))
    while isinstance(value, ModuleType) and rest:
        name = f"{name}.{rest[0]}"
        value = attribute_of(value, rest.pop(0))
    return name, value


def attribute_of(module: Any, name: str) -> Any:
    """Return an attribute of a module, or ABSENT; a module may import it only now, and fail."""
    try:
        return getattr(module, name)
    except (AttributeError, ImportError):
        return ABSENT
