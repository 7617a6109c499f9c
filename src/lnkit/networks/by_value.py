"""Describe objects by value: equal descriptions mean that the objects compute the same.

Own code is described by its instructions, constants, defaults, closures, and by the value of every name that it looks
up; installed code by its name and the version of its package; every other object by its class and what a copy of it
would hold. No memory address, hash seed or path of a file takes part, so the description is the same in every process.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import os
import sys
import time
import types
from collections.abc import Iterable, Mapping
from importlib.util import resolve_name
from typing import Any

import torch
from torch import Tensor, fx, nn

from lnkit.networks.installed_code import installed_version, is_own, stands_for
from lnkit.networks.names_in_code import ABSENT, Import, attribute_of, look_up, names_in
from lnkit.networks.tensor_values import TensorKey, tensor_bytes, tensor_key

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented), range)
_PLAIN_OF_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size)
_DESCRIPTORS = (
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.WrapperDescriptorType,
)
_BOUND = (types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType)

# Of a class: what says nothing about its instances, or is made from the rest.
_NOT_OF_CLASS = {
    *("__module__", "__doc__", "__dict__", "__weakref__", "__slotnames__", "__firstlineno__", "__static_attributes__"),
    *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__type_params__"),
    *("__abstractmethods__", "_abc_impl", "__orig_bases__", "__parameters__"),
    *("__dataclass_fields__", "__dataclass_params__"),
}
# Methods that have run when an instance exists; their effect is in its state. And those that only print.
_CONSTRUCTORS = {
    *("__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"),
    *("__repr__", "__str__", "extra_repr"),
}
_MAKERS = (copyreg.__newobj__, copyreg.__newobj_ex__, copyreg._reconstructor)  # type: ignore[attr-defined]

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_HOOK_FLAGS = ("_forward_pre_hooks_with_kwargs", "_forward_hooks_with_kwargs", "_forward_hooks_always_called")
_NOT_OF_MODULE = {
    *_HOOKS,
    *_HOOK_FLAGS,
    *("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"),
    "_compiled_call_impl",  # no copy has it
}

# What gives something else at another time or place, by id.
_CLOCKS = (time.time, time.time_ns, time.monotonic, time.perf_counter, time.process_time)
_OUTSIDE = {id(open): "opens files", id(os.open): "opens files", id(input): "asks for input"} | dict.fromkeys(
    map(id, _CLOCKS), "reads a clock"
)
_CHANCE = ("random", "numpy.random.mtrand")  # modules of the generators that everybody shares


class NotKnown(Exception):  # noqa: N818 - an answer, not an error
    """Something that cannot be described by value; the message says what and why."""


class Description:
    """The SHA-256 of objects that are added one after the other."""

    def __init__(self, known: Mapping[TensorKey, str] | None = None) -> None:
        """Begin an empty description.

        Args:
            known: names of tensors whose values need not be read, by :func:`tensor_key`.
        """
        self._known = known or {}
        self._digest = hashlib.sha256()
        self._numbers: dict[tuple[int, bool], int] = {}
        self._alive: list[object] = []  # an id is free again once its object is gone
        self._path: list[str] = []
        self.packages: set[str] = set()  # "torch 2.6.0": the installed ones that were met

    def hexdigest(self) -> str:
        """Return the hash of everything that was added."""
        return self._digest.hexdigest()

    def add(self, value: Any, step: str = "") -> None:
        """Add an object with all that it refers to.

        Args:
            value: the object.
            step: where it is, as seen from the object that holds it.

        Raises:
            NotKnown: a part of it cannot be described.
        """
        self._path.append(step)
        self._describe(value)
        self._path.pop()

    def _describe(self, value: Any) -> None:  # noqa: C901 - one line for each kind
        kind = type(value)
        if kind in _PLAIN or kind in _PLAIN_OF_TORCH:
            self._write(kind.__name__, repr(value))
        elif isinstance(value, types.CodeType):
            self._code(value)
        elif kind is tuple:
            self._items("tuple", value)
        elif isinstance(value, (set, frozenset)):
            self._set(value)
        elif isinstance(value, type):
            self._class(value)
        elif self._named(value) or self._again(value):
            pass
        elif isinstance(value, Tensor):
            self._tensor(value)
        elif isinstance(value, nn.Module):
            self._module(value)
        elif isinstance(value, types.ModuleType):
            self._namespace(value)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, _BOUND):
            self._method(value)
        elif kind is list:
            self._items("list", value)
        elif kind is dict:
            self._dict(value)
        elif isinstance(value, _DESCRIPTORS):
            self._write("descriptor", value.__objclass__.__qualname__, value.__name__)
        elif kind.__module__ == "torch._ops":
            self._operation(value)
        else:
            self._object(value)

    # The stream: each word is framed, so that no two sequences of words give the same bytes.

    def _write(self, *words: str) -> None:
        for word in words:
            data = word.encode("utf-8", "surrogatepass")
            self._digest.update(len(data).to_bytes(8, "big") + data)

    def _again(self, value: object, built: bool = True) -> bool:
        """Whether an object has been described before; then its number is enough, and circles end."""
        number = self._numbers.setdefault((id(value), built), len(self._numbers))
        if number < len(self._alive):
            self._write("again", str(number))
            return True
        self._alive.append(value)
        return False

    def _unknown(self, reason: str) -> NotKnown:
        path = ".".join(step for step in self._path if step)
        return NotKnown(f"{path or 'it'} {reason}")

    # Containers

    def _items(self, kind: str, values: Iterable[Any]) -> None:
        values = list(values)
        self._write(kind, str(len(values)))
        for position, value in enumerate(values):
            self.add(value, str(position))

    def _dict(self, values: Mapping[Any, Any]) -> None:
        """Add a dict in its own order, in which it may be iterated."""
        self._write("dict", str(len(values)))
        for key, value in values.items():
            self.add(key)
            self.add(value, str(key) if type(key) in (str, int) else "")

    def _attributes(self, values: Mapping[str, Any]) -> None:
        self._write("attributes", str(len(values)))
        for name in sorted(values):
            self._write(name)
            self.add(values[name], name)

    def _set(self, values: set[Any] | frozenset[Any]) -> None:
        """Add a set; the order in which it is iterated depends on the hash seed of the process."""
        self._class(type(values), built=False)
        digests = []
        for value in values:
            alone = Description(self._known)
            alone._path = [*self._path]
            alone.add(value)
            digests.append(alone.hexdigest())
            self.packages |= alone.packages
        self._write("set", str(len(values)), *sorted(digests))

    # Tensors

    def _tensor(self, tensor: Tensor) -> None:
        if name := self._known.get(tensor_key(tensor)):
            self._write("weight", name)
            return
        self._write("tensor", str(tensor.dtype), str(tuple(tensor.shape)))
        if type(tensor) not in (Tensor, nn.Parameter):
            self._class(type(tensor), built=False)
            self._attributes(vars(tensor))
        try:
            self._digest.update(tensor_bytes(tensor))
        except (RuntimeError, NotImplementedError, TypeError) as error:  # sparse, quantized, on the meta device
            raise self._unknown("is a tensor whose values cannot be read") from error

    # Code

    def _named(self, value: Any) -> bool:
        """Describe an installed object by its name, if it is what its name stands for."""
        if says := _OUTSIDE.get(id(value)):
            raise self._unknown(says)
        name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__qualname__", None)
        module = name if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
        if not isinstance(module, str) or not isinstance(name, str):
            return False
        package = installed_version(module)
        if package is None or not stands_for(module, name, value):
            return False
        self.packages.add(package)
        self._write("installed", module, name)
        return True

    def _class(self, cls: type, built: bool = True) -> None:
        """Add a class; its constructors only if it was not met as the class of an instance."""
        if self._again(cls, built):
            return
        if self._named(cls):
            self._replaced(cls)
            return
        self._write("class", cls.__qualname__, str(len(cls.__bases__)))
        for base in cls.__bases__:
            self._class(base, built)
        self._class(type(cls), built)
        left_out = _NOT_OF_CLASS if built else _NOT_OF_CLASS | _CONSTRUCTORS
        self._attributes({name: value for name, value in vars(cls).items() if name not in left_out})

    def _replaced(self, cls: type) -> None:
        """Add own functions that stand where the methods of an installed class, or what they use, were."""
        for base in cls.__mro__:
            for name, method in sorted(vars(base).items()):
                if not isinstance(method, types.FunctionType):
                    continue
                used = [look_up(method, chain) for chain in names_in(method.__code__).chains]
                for place, value in ((name, method), *used):
                    if isinstance(value, types.FunctionType) and is_own(value):
                        self._write("replaced", base.__qualname__, place)
                        self.add(value, place)

    def _function(self, function: types.FunctionType) -> None:
        self._write("function", function.__qualname__)
        self.add(function.__code__)
        self.add(function.__defaults__, "__defaults__")
        self.add(function.__kwdefaults__, "__kwdefaults__")
        self._attributes(vars(function))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._write("closure", name)
            try:
                content = cell.cell_contents
            except ValueError:  # not assigned yet
                self._write("empty")
            else:
                self.add(content, name)
        module = function.__globals__.get("__name__")
        if module in sys.modules and (package := installed_version(module)):
            self.packages.add(package)
            return
        used = names_in(function.__code__)
        for chain in used.chains:
            self._looked_up(function, *look_up(function, chain))
        for found in used.imports:
            self._import(function, found)

    def _code(self, code: types.CodeType) -> None:
        self._write("code", code.co_code.hex(), code.co_exceptiontable.hex(), str(code.co_flags))
        self._write(str(code.co_argcount), str(code.co_posonlyargcount), str(code.co_kwonlyargcount))
        for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
            self._write("names", str(len(names)), *names)
        self._items("constants", code.co_consts)

    def _looked_up(self, function: types.FunctionType, name: str, value: Any) -> None:
        self._write("name", name)
        if value is ABSENT:
            self._write("absent")
        elif value is os.environ or value is os.getenv:
            self._environment(function)
        elif isinstance(value, _BOUND) and type(value.__self__).__module__ in _CHANCE:
            raise self._unknown(f"draws random numbers with {name}")
        else:
            self.add(value, name)

    def _environment(self, function: types.FunctionType) -> None:
        """Add the environment variables that a function names."""
        words = names_in(function.__code__).words
        if not words:
            raise self._unknown("reads environment variables that it does not name")
        for word in words:
            self._write("variable", word, repr(os.environ.get(word)))

    def _import(self, function: types.FunctionType, found: Import) -> None:
        name = resolve_name(found.module, function.__globals__.get("__package__") or "")
        module = sys.modules.get(name)
        if module is None:
            package = installed_version(name)
            if package is None:
                raise self._unknown(f"imports {name} only while it runs")
            self.packages.add(package)
            self._write("import", name, *found.names)
        elif not found.names:
            self._looked_up(function, name, module)
        for attribute in found.names if module else ():
            value = attribute_of(module, attribute)
            value = sys.modules.get(f"{name}.{attribute}", ABSENT) if value is ABSENT else value
            self._looked_up(function, f"{name}.{attribute}", value)

    def _namespace(self, module: types.ModuleType) -> None:
        """Add an own module as a whole, where it is unknown which of its names are used."""
        self._attributes({name: value for name, value in vars(module).items() if not name.startswith("__")})

    def _method(self, method: Any) -> None:
        owner = getattr(method, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            package = installed_version(method.__module__ or "")
            if package is None:
                raise self._unknown("is compiled code of your own")
            self.packages.add(package)
            self._write("compiled", method.__module__, method.__qualname__)
            return
        self._write("method", method.__name__)
        if isinstance(method, types.MethodType):
            self.add(method.__func__)
        self.add(owner)

    def _operation(self, operation: Any) -> None:
        """Add an operation of torch's dispatcher, such as ``torch.ops.aten.relu``."""
        name = str(operation)
        if name.partition(".")[0] not in ("aten", "prim", "prims", "torchvision", "quantized"):
            raise self._unknown(f"is the registered operation {name}, whose code cannot be read")
        self._write("operation", name)

    # Objects

    def _module(self, module: nn.Module) -> None:
        self._class(type(module), built=False)
        slots = copyreg._slotnames(type(module))  # type: ignore[attr-defined]
        state = dict(vars(module)) | {name: getattr(module, name, None) for name in slots}
        traced = ("_graph",) if isinstance(module, fx.GraphModule) else ()  # its code is a method of its class
        hooks = {name: _hooks(state, name) for name in _HOOKS}
        self._attributes({name: held for name, held in hooks.items() if held})
        for name in ("_parameters", "_buffers", "_modules"):
            self._dict(state.pop(name, {}))
        self._attributes({name: state[name] for name in state if name not in _NOT_OF_MODULE and name not in traced})

    def _object(self, value: Any) -> None:
        """Add an object by its class and what a copy of it is made from."""
        kind = type(value)
        if value is os.environ:
            raise self._unknown("holds all environment variables")
        if isinstance(value, property):
            self._items("property", (value.fget, value.fset, value.fdel))
        elif isinstance(value, (classmethod, staticmethod)):
            self._items(kind.__name__, (value.__func__,))
        elif isinstance(value, functools.cached_property):
            self._items("cached_property", (value.func,))
        elif isinstance(value, functools._lru_cache_wrapper):
            self._items("lru_cache", (value.__wrapped__, value.cache_parameters()))
        else:
            self._reduced(value)

    def _reduced(self, value: Any) -> None:
        try:
            reducer = copyreg.dispatch_table.get(type(value))
            reduced = reducer(value) if reducer else value.__reduce_ex__(4)
            if isinstance(reduced, str):  # a global of this name
                self._write("global", reduced)
                self._class(type(value))
                return
            make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
            items, pairs = list(items or ()), list(pairs or ())
        except Exception as error:  # code of the object's class: it may raise anything
            raise self._unknown(f"is of type {type(value).__name__}, whose content cannot be read") from error
        self._write("object")
        if make in _MAKERS:
            self._class(arguments[0], built=False)
            arguments = arguments[1:]
        else:
            self.add(make)
        self._items("arguments", arguments)
        self._state(state)
        self._items("items", items)
        self._items("pairs", pairs)

    def _state(self, state: Any) -> None:
        if type(state) is dict and all(type(name) is str for name in state):
            self._attributes(state)
        elif type(state) is tuple and len(state) == 2 and all(type(part) in (dict, type(None)) for part in state):
            for part in state:  # of a class with __slots__
                self._attributes(part or {})
        else:
            self.add(state)


def _hooks(state: Mapping[str, Any], name: str) -> list[tuple[Any, ...]]:
    """Return hooks with their flags; their keys are numbers that count all hooks of the process."""
    flags = [state.get(flag, {}) for flag in _HOOK_FLAGS]
    return [(hook, *(key in flag for flag in flags)) for key, hook in state.get(name, {}).items()]
