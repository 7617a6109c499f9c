"""Validate the specs that plugins register, by tables of rules for their fields.

Thousands of backbones and points are validated whenever lnkit starts. Therefore a rule is a single call, and a message
is composed only if the rule is broken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar, get_args

from lnkit.benchmark import BenchmarkSpec, ReaderCheck, ScoreSpec
from lnkit.data.fetch.safe_paths import clash, is_inside
from lnkit.errors import PluginError
from lnkit.plugins import rules
from lnkit.plugins.rules import POINT_NAME, SCORE_NAME, Rule, check_name
from lnkit.specs import (
    HUB_NAMES,
    INTERPOLATIONS,
    BackboneSource,
    BackboneSpec,
    DatasetSpec,
    DistanceSpec,
    ExecutorSpec,
    ExtractionPoint,
    HubFile,
    Layout,
    RemoteFile,
    SuiteSpec,
)

Spec = TypeVar("Spec")

LAYOUTS = get_args(Layout)
TEXT = (rules.is_text, "a text on one line, without control characters")
FILLED = (rules.is_filled, "a text that is not empty, on one line, without control characters")
SIGNED = (rules.is_signable, "a text on one line without |, since it stands in signatures")
REFERENCE = (rules.is_reference, "callable, or 'module:function'")
TRIPLE = (rules.is_triple, "a tuple of three numbers")
SIZE = (rules.is_size, "a whole number above 0")


def _are_paths(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(name, str) and is_inside(name) for name in value)


def _are_contents(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(place, str) and is_inside(place) and rules.is_size(count) for place, count in value.items()
    )


def _are_folders(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and rules.is_tuple_of(str)(folders) and all(map(rules.is_filled, folders))
        for name, folders in value.items()
    )


BACKBONE = (
    Rule("family", *FILLED),
    Rule("load", *REFERENCE),
    Rule("weights", *SIGNED),
    Rule("citation", *TEXT),
    Rule("mean", *TRIPLE),
    Rule("std", *TRIPLE),
    Rule("std", lambda std: min(std) > 0, "three numbers above 0"),
    Rule("min_size", *SIZE),
    Rule("requires", rules.is_tuple_of(str), "a tuple of requirements"),
    Rule("distance", *TEXT),
    Rule("transform_input", rules.is_flag, "True or False"),
    Rule(
        "remote",
        rules.or_none(lambda remote: isinstance(remote, (RemoteFile, HubFile))),
        "a RemoteFile, a HubFile or None",
    ),
    Rule("weights_file", *TEXT),
    Rule("input_size", rules.or_none(rules.is_height_and_width), "a tuple of height and width in pixels, or None"),
    Rule("interpolation", INTERPOLATIONS.__contains__, f"one of {', '.join(INTERPOLATIONS)}"),
    Rule("eval_size", rules.or_none(rules.is_size), "a whole number above 0, or None"),
    Rule("size_note", *SIGNED),
    Rule("tags", rules.are_tags, "a tuple of names, each of letters, digits and any of . _ - @"),
    Rule("classes", *TEXT),
    Rule("trained_on", *TEXT),
    Rule("imagenet_top1", rules.or_none(rules.is_percentage), "a percentage, or None"),
    Rule("layer_names", rules.are_layer_names, "a mapping from names to dotted module paths"),
    Rule("with_tag", rules.or_none(callable), "a function from a tag to a spec, or None"),
)
POINT = (
    Rule("node", rules.are_nodes, "a dotted module path, or different ones joined with +"),
    Rule("description", *TEXT),
    Rule("citation", *TEXT),
    Rule("layout", LAYOUTS.__contains__, f"one of {', '.join(LAYOUTS)}"),
    Rule("prefix_tokens", rules.is_count, "a number of tokens"),
)
SOURCE = (
    Rule("describe", *REFERENCE),
    Rule("description", *TEXT),
)
DISTANCE = (
    Rule("load", *REFERENCE),
    Rule("description", *TEXT),
    Rule("citation", *TEXT),
    Rule("per_point", rules.is_flag, "True or False"),
)
EXECUTOR = (
    Rule("title", *FILLED),
    Rule("start", *REFERENCE),
    Rule("requires", rules.is_tuple_of(str), "a tuple of requirements"),
)
SUITE = (
    Rule("title", *FILLED),
    Rule("benchmarks", rules.is_tuple_of(str), "a tuple of names of benchmarks"),
    Rule("benchmarks", bool, "a tuple of names of benchmarks, at least one"),
    Rule("benchmarks", rules.differ, "different from each other"),
    Rule("score", *FILLED),
    Rule("folders", _are_folders, "a mapping from benchmarks to tuples of names of folders"),
    Rule("citation", *TEXT),
)
BENCHMARK = (
    Rule("title", *FILLED),
    Rule("version", *FILLED),
    Rule("citation", *TEXT),
    Rule("protocols", rules.are_protocols, "a mapping from variant to an instance of a frozen dataclass"),
    Rule("scores", rules.is_tuple_of(ScoreSpec), "a tuple of ScoreSpec"),
    Rule("scores", bool, "a tuple of ScoreSpec, at least one"),
    Rule("scores", lambda scores: rules.differ([score.name for score in scores]), "different from each other by name"),
    Rule("open_data", *REFERENCE),
    Rule("run", *REFERENCE),
    Rule("datasets", rules.is_tuple_of(DatasetSpec), "a tuple of DatasetSpec"),
    Rule("rescore", rules.or_none(rules.is_reference), "callable, 'module:function', or None"),
    Rule("checks", rules.is_tuple_of(ReaderCheck), "a tuple of ReaderCheck"),
)
CHECK = (
    Rule("part", *FILLED),
    Rule("expected", lambda value: rules.is_bound(value) and -1 <= value <= 1, "a correlation"),
    Rule("digits", *SIZE),
    Rule("images", *SIZE),
    Rule("read", *REFERENCE),
    Rule("source", *TEXT),
)
SCORE = (
    Rule("description", *TEXT),
    Rule("unit", *TEXT),
    Rule("lower", rules.is_bound, "a number, which may be infinite"),
    Rule("upper", rules.is_bound, "a number, which may be infinite"),
    Rule("aggregation", *SIGNED),
)
DATASET = (
    Rule("title", *FILLED),
    Rule("files", rules.is_tuple_of(RemoteFile), "a tuple of RemoteFile"),
    Rule("license", *TEXT),
    Rule("homepage", *TEXT),
    Rule("layout", *TEXT),
    Rule("list_files", rules.or_none(rules.is_reference), "a function from fetch to the files, its place, or None"),
    Rule("size", rules.is_count, "a number of bytes"),
    Rule("contents", _are_contents, "a mapping from places in the dataset's folder to numbers of files above 0"),
)
FILE = (
    Rule("url", *FILLED),
    Rule("url", re.compile(r"(https?|file)://\S+").fullmatch, "an http, https or file address"),
    Rule("size", rules.is_count, "a number of bytes"),
    Rule("sha256", *TEXT),
    Rule("sha256", re.compile(r"([0-9a-f]{64})?").fullmatch, "64 hexadecimal digits, or empty"),
    Rule("exact", rules.is_flag, "True or False"),
    Rule("md5", *TEXT),
    Rule("md5", re.compile(r"([0-9a-f]{32})?").fullmatch, "32 hexadecimal digits, or empty"),
    Rule("path", lambda path: path == "" or is_inside(path), "a path that stays in the dataset's folder, or empty"),
)
HUB_FILE = (
    Rule("repository", re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*").fullmatch, "the name of a repository: owner/name"),
    Rule("size", rules.is_count, "a number of bytes"),
    Rule("names", lambda names: names is HUB_NAMES or _are_paths(names), "a tuple of names of files in the repository"),
)


def check_backbone(spec: object) -> BackboneSpec:
    """Return the spec, or raise PluginError if a field is invalid."""
    spec = _require_type(BackboneSpec, spec)
    check_name("backbone", spec.name)
    _check("backbone", spec, BACKBONE)
    if spec.remote:
        _check("weights file", spec.remote, HUB_FILE if isinstance(spec.remote, HubFile) else FILE, owner=spec.name)
    if spec.tags and not spec.with_tag:
        raise _error("backbone", spec, "with_tag", "a function, since there are tags", spec.with_tag)
    return spec


def check_point(backbone: str, point: object) -> ExtractionPoint:
    """Return the point, or raise PluginError if a field is invalid."""
    point = _require_type(ExtractionPoint, point)
    check_name("extraction point", point.name, POINT_NAME)
    _check("extraction point", point, POINT, owner=backbone)
    return point


def check_source(spec: object) -> BackboneSource:
    """Return the spec, or raise PluginError if a field is invalid."""
    spec = _require_type(BackboneSource, spec)
    check_name("source of backbones", spec.name, rules.POINT_NAME)
    _check("source of backbones", spec, SOURCE)
    return spec


def check_distance(spec: object) -> DistanceSpec:
    """Return the spec, or raise PluginError if a field is invalid."""
    spec = _require_type(DistanceSpec, spec)
    check_name("distance", spec.name)
    _check("distance", spec, DISTANCE)
    return spec


def check_executor(spec: object) -> ExecutorSpec:
    """Return the spec, or raise PluginError if a field is invalid."""
    spec = _require_type(ExecutorSpec, spec)
    check_name("executor", spec.name)
    _check("executor", spec, EXECUTOR)
    return spec


def check_suite(spec: object) -> SuiteSpec:
    """Return the spec, or raise PluginError if a field is invalid."""
    spec = _require_type(SuiteSpec, spec)
    check_name("suite", spec.name)
    if "/" in spec.name:
        raise _error("suite", spec, "name", "without a slash, which stands before the name of a benchmark", spec.name)
    _check("suite", spec, SUITE)
    for name in spec.benchmarks:
        check_name("benchmark", name)
    if stray := [name for name in spec.folders if name not in spec.benchmarks]:
        raise _error("suite", spec, "folders", "folders of its benchmarks only", stray[0])
    return spec


def check_benchmark(spec: object) -> BenchmarkSpec:
    """Return the spec, or raise PluginError if a field is invalid."""
    spec = _require_type(BenchmarkSpec, spec)
    check_name("benchmark", spec.name)
    _check("benchmark", spec, BENCHMARK)
    for variant in spec.protocols:
        check_name("protocol variant", variant)
    for score in spec.scores:
        _check_score(spec.name, score)
    for dataset in spec.datasets:
        _check_dataset(dataset)
    for check in spec.checks:
        _check("check", check, CHECK, owner=spec.name)
    return spec


def _check_score(benchmark: str, score: ScoreSpec) -> None:
    check_name("score", score.name, SCORE_NAME)
    _check("score", score, SCORE, owner=benchmark)
    if score.lower > score.upper:
        bounds = (score.lower, score.upper)
        raise _error("score", score, "the bounds", "lower before upper", bounds, owner=benchmark)


def _check_dataset(dataset: DatasetSpec) -> None:
    check_name("dataset", dataset.name)
    _check("dataset", dataset, DATASET)
    for file in dataset.files:
        _check("file", file, FILE, owner=dataset.name)
    archives = [file.url.rpartition("/")[2] for file in dataset.files if not file.path]
    single = [file.path for file in dataset.files if file.path]
    if clashing := clash(archives) or clash(single):
        raise _error("dataset", dataset, "files", "at different places, none of them within another", clashing)


def _require_type(kind: type[Spec], spec: object) -> Spec:
    if not isinstance(spec, kind):
        raise PluginError(f"register expected a {kind.__name__}, got {type(spec).__name__}: {spec!r:.80}.")
    return spec


def _check(kind: str, item: object, table: tuple[Rule, ...], owner: str = "") -> None:
    for field, holds, expected in table:
        if not holds(value := getattr(item, field)):
            raise _error(kind, item, field, expected, value, owner)


def _error(kind: str, item: object, field: str, expected: str, value: object, owner: str = "") -> PluginError:
    name = f" {item.name!r}" if hasattr(item, "name") else ""
    of = f" of {owner!r}" if owner else ""
    return PluginError(f"The {kind}{name}{of}: {field} must be {expected}, got {value!r:.80}.")
