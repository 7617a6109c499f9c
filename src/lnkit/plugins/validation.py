"""Checks what plugins hand over, on the line where they do, and says what was expected and what came."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, TypeVar, get_args

from lnkit.errors import PluginError
from lnkit.specs import (
    BackboneSpec,
    BenchmarkSpec,
    DatasetSpec,
    DistanceSpec,
    ExtractionPoint,
    Layout,
    RemoteFile,
    ScoreSpec,
)

Spec = TypeVar("Spec")

RESERVED = frozenset({"all", "random", "pretrained", "none"})  # words with a meaning of their own on the command line
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9][A-Za-z0-9._@-]*)*")
POINT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
SCORE_NAME = re.compile(r"([A-Za-z0-9._/@-]|<\w+>)+")
NODE = re.compile(r"\w+(\.\w+)*")


def check_backbone(given: object) -> BackboneSpec:
    """Return the spec, or raise PluginError."""
    spec = _expect(BackboneSpec, given)
    what = _named("backbone", spec.name)
    _require_texts(what, spec, filled=("family",), others=("weights", "citation", "distance"))
    _require_callables(what, spec, ("load",))
    for field in ("mean", "std"):
        _require_triple(what, field, getattr(spec, field))
    _require(min(spec.std) > 0, what, "std", "three numbers above 0", spec.std)
    _require(_is_count(spec.min_size) and spec.min_size > 0, what, "min_size", "a number of pixels", spec.min_size)
    _require(_is_tuple_of(str, spec.requires), what, "requires", "a tuple of requirements", spec.requires)
    is_remote = spec.remote is None or isinstance(spec.remote, RemoteFile)
    _require(is_remote, what, "remote", "a RemoteFile or None", spec.remote)
    return spec


def check_point(backbone: str, given: object) -> ExtractionPoint:
    """Return the point, or raise PluginError."""
    point = _expect(ExtractionPoint, given)
    what = f"{_named('extraction point', point.name, POINT_NAME)} of {backbone!r}"
    _require_texts(what, point, filled=("node",), others=("description", "citation"))
    are_paths = all(map(NODE.fullmatch, point.nodes)) and len(set(point.nodes)) == len(point.nodes)
    _require(are_paths, what, "node", "a dotted module path, or different ones joined with +", point.node)
    layouts = get_args(Layout)
    _require(point.layout in layouts, what, "layout", f"one of {', '.join(layouts)}", point.layout)
    _require(_is_count(point.prefix_tokens), what, "prefix_tokens", "a number of tokens", point.prefix_tokens)
    return point


def check_distance(given: object) -> DistanceSpec:
    """Return the spec, or raise PluginError."""
    spec = _expect(DistanceSpec, given)
    what = _named("distance", spec.name)
    _require_texts(what, spec, others=("description", "citation"))
    _require_callables(what, spec, ("load",))
    return spec


def check_benchmark(given: object) -> BenchmarkSpec:
    """Return the spec, or raise PluginError."""
    spec = _expect(BenchmarkSpec, given)
    what = _named("benchmark", spec.name)
    _require_texts(what, spec, filled=("title", "version"), others=("citation",))
    _require_callables(what, spec, ("open_data", "run", *(("rescore",) if spec.rescore is not None else ())))
    _require(_is_tuple_of(DatasetSpec, spec.datasets), what, "datasets", "a tuple of DatasetSpec", spec.datasets)
    _check_protocols(what, spec.protocols)
    _check_scores(what, spec.scores)
    return spec


def check_name(kind: str, name: object, pattern: re.Pattern[str] = NAME) -> None:
    """Raise PluginError unless ``name`` can be typed, filed and shown."""
    if not isinstance(name, str) or not pattern.fullmatch(name) or ".." in name:
        others = "_ -" if pattern is POINT_NAME else ". _ - @, in parts joined by /"
        raise PluginError(
            f"{name!r:.80} is no name for this {kind}: use letters and digits (one comes first) and any of {others}."
        )
    if name in RESERVED:
        raise PluginError(f"{name!r} is no name for this {kind}: it has a meaning of its own on the command line.")


def _check_protocols(what: str, protocols: Mapping[str, Any]) -> None:
    is_mapping = isinstance(protocols, Mapping) and bool(protocols)
    _require(is_mapping, what, "protocols", "a mapping from variant to a frozen dataclass", protocols)
    for variant, protocol in protocols.items():
        check_name("protocol variant", variant)
        parameters = getattr(protocol, "__dataclass_params__", None)
        is_frozen = not isinstance(protocol, type) and parameters is not None and parameters.frozen
        _require(is_frozen, what, f"protocol {variant!r}", "an instance of a frozen dataclass", protocol)


def _check_scores(what: str, scores: tuple[ScoreSpec, ...]) -> None:
    is_filled = _is_tuple_of(ScoreSpec, scores) and bool(scores)
    _require(is_filled, what, "scores", "a tuple of ScoreSpec, at least one", scores)
    for score in scores:
        check_name("score", score.name, SCORE_NAME)
        bounds = (score.lower, score.upper)
        _require(score.lower <= score.upper, what, f"the bounds of {score.name}", "lower before upper", bounds)
    names = [score.name for score in scores]
    _require(len(set(names)) == len(names), what, "the names of scores", "different from each other", names)


def _expect(kind: type[Spec], given: object) -> Spec:
    if not isinstance(given, kind):
        raise PluginError(f"register takes a {kind.__name__} here, and {type(given).__name__} came: {given!r:.80}.")
    return given


def _named(kind: str, name: object, pattern: re.Pattern[str] = NAME) -> str:
    """Return "backbone 'tiny'" for sentences, once the name is right."""
    check_name(kind, name, pattern)
    return f"{kind} {name!r}"


def _require(condition: bool, what: str, field: str, expected: str, came: object) -> None:
    if not condition:
        raise PluginError(f"The {what}: {field} must be {expected}, and {came!r:.80} came.")


def _require_texts(what: str, spec: object, *, filled: Iterable[str] = (), others: Iterable[str] = ()) -> None:
    for field in (*filled, *others):
        value = getattr(spec, field)
        is_right = isinstance(value, str) and (bool(value) or field not in filled)
        _require(is_right, what, field, "a text that is not empty" if field in filled else "a text", value)


def _require_callables(what: str, spec: object, fields: Iterable[str]) -> None:
    for field in fields:
        value = getattr(spec, field)
        _require(callable(value), what, field, "callable", value)


def _require_triple(what: str, field: str, value: tuple[float, ...]) -> None:
    is_triple = _is_tuple_of((int, float), value) and len(value) == 3 and all(map(isfinite, value))
    _require(is_triple, what, field, "a tuple of three numbers", value)


def _is_tuple_of(kind: type | tuple[type, ...], value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, kind) for one in value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
