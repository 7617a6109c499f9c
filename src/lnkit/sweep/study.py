"""A study: which backbones, points and losses to run on which benchmarks; from a TOML file or from Python.

.. code-block:: toml

    backbones = ["@pihlgren2023", "timm/vit_*", "@list.txt"]   # names, patterns, sets, lists in files
    points = "all"                  # as `lnkit eval --point NAME` takes them
    losses = ["vgg16:early+late, l1"]
    weights = "pretrained"          # or "random", or a table { squeezenet1_1 = "file.safetensors" }
    results = "results"             # paths are relative to this file

    [[bench]]
    name = "bapps"

    [[bench]]
    name = "superres"
    protocol = "quick"
    set = { distance = "l1" }       # fields of the protocol
    seeds = [0, 1, 2]
    data = "data/superres"          # or sample = true
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lnkit._text_paths import text_paths
from lnkit.data.stored_files import read_text
from lnkit.errors import LnkitError, UsageError, did_you_mean, near_names
from lnkit.evaluation.seeds import seed_list

PRECISIONS = ("fp32", "bf16", "fp16")


@text_paths
@dataclass(frozen=True, slots=True)
class StudyBenchmark:
    """A benchmark of a study, with what only concerns it."""

    name: str  # "bapps"
    variant: str = ""  # "": the benchmark's first, or the one for its sample
    overrides: Mapping[str, str] = field(default_factory=dict)  # protocol field -> value as text
    seeds: tuple[int, ...] = ()  # of trainings; (): the one seed of the study
    data: Path | None = None  # None: the cache
    sample: bool = False


@text_paths
@dataclass(frozen=True, slots=True)
class Study:
    """Loss networks and losses to run on benchmarks.

    Example:
        >>> study = Study(backbones=("pixel",), bench=(StudyBenchmark("bapps", sample=True),))
        >>> study.points
        'all'
    """

    bench: tuple[StudyBenchmark, ...]
    backbones: tuple[str, ...] = ()  # as for select_backbones: names, patterns, "@pihlgren2023", "@FILE"
    losses: tuple[str, ...] = ()  # as for `lnkit eval --loss`
    points: str = "all"  # of the backbones
    weights: str | Mapping[str, str] = "pretrained"  # "random"; or backbone -> file or "random", for these alone
    results: Path | None = None  # None: LNKIT_RESULTS, or ./results
    seed: int = 0
    precision: str = "fp32"
    engine: str = "auto"
    batch_size: int | None = None
    allow_varying: bool = False
    where: str = "the study"  # names its source in errors
    text: str = ""  # of its file, for the numbers of lines in errors

    def fault(self, sentence: str, word: str = "") -> UsageError:
        """Return an error that names the line of the file on which a key or a value stands."""
        return UsageError(f"{_place(self.where, self.text, word)}: {sentence}")


@text_paths
def read_study(path: Path) -> Study:
    """Read a study from a TOML file; its paths are relative to the folder of the file.

    Raises:
        DataError: The file is missing or cannot be read.
        UsageError: It is no TOML, or not a study; the sentence names the line.
    """
    return study_from_toml(read_text(path), str(path), path.parent)


@text_paths
def study_from_toml(text: str, where: str = "the study", folder: Path = Path()) -> Study:
    r"""Read a study from the text of a TOML file.

    Args:
        text: The TOML.
        where: Names its source in errors.
        folder: That paths are relative to.

    Raises:
        UsageError: It is no TOML, or not a study; the sentence names the line.

    Example:
        >>> study_from_toml("backbones = 'pixel'\nbench = 'bapps'").bench[0].name
        'bapps'
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"Expected TOML in {where}, got something else ({error or 'nested too deeply'}).") from error
    reader = _Reader(content, where, text, folder)
    return reader.study()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the fields of a study, and names the line of what is wrong."""

    content: Mapping[str, Any]
    where: str
    text: str
    folder: Path

    def study(self) -> Study:
        known = [f.name for f in fields(Study) if f.name not in ("where", "text")]
        self.refuse_unknown(self.content, known, "A study")
        benches = self.content.get("bench")
        given = benches if isinstance(benches, list) else [benches] if benches else []
        if not given:
            raise self.fault('Expected one or more benchmarks, such as bench = ["bapps"], got none', "bench")
        study = Study(
            bench=tuple(self.bench(table) for table in given),
            backbones=self.words("backbones", files=True),
            losses=self.words("losses"),
            points=",".join(self.words("points")) or "all",
            weights=self.weights(),
            results=self.path(self.content, "results"),
            where=self.where,
            text=self.text,
            **{name: self.plain(self.content, name, kind) for name, kind in PLAIN.items() if name in self.content},
        )
        if not study.backbones and not study.losses:
            raise self.fault('Expected backbones, such as backbones = ["@pihlgren2023"], or losses, got neither')
        if study.precision not in PRECISIONS:
            raise self.fault(f"Expected {', '.join(PRECISIONS)} as precision, got {study.precision!r}", "precision")
        return study

    def bench(self, table: object) -> StudyBenchmark:
        """Read a benchmark from its name or its table."""
        if isinstance(table, str):
            return StudyBenchmark(table)
        if not isinstance(table, dict) or not isinstance(table.get("name"), str):
            raise self.fault(f"Expected a benchmark as its name or as a table with a name, got {table!r:.80}", "bench")
        self.refuse_unknown(table, BENCH_FIELDS, "A benchmark")
        changes = table.get("set", {})
        if not isinstance(changes, dict):
            raise self.fault(
                f"Expected fields of the protocol as a table, set = {{ distance = 'l1' }}, got {changes!r:.80}", "set"
            )
        data, sample = self.path(table, "data"), bool(self.plain(table, "sample", bool) or False)
        if data and sample:
            raise self.fault(
                "sample = true uses data of its own, and data names other data: give one of the two", "data"
            )
        return StudyBenchmark(
            table["name"],
            self.plain(table, "protocol", str) or "",
            {name: _as_text(value) for name, value in changes.items()},
            self.seeds(table),
            data,
            sample,
        )

    def seeds(self, table: Mapping[str, Any]) -> tuple[int, ...]:
        """Read seeds as a number or a list."""
        if "seeds" not in table:
            return ()
        try:
            seeds = table["seeds"]
            if isinstance(seeds, list) and len(seeds) == 1 and type(seeds[0]) is int:
                return (seeds[0],)
            return seed_list(seeds)
        except (UsageError, TypeError) as error:
            raise self.fault(str(error).rstrip("."), "seeds") from error

    def weights(self) -> str | Mapping[str, str]:
        """Read weights for all backbones, or those of some."""
        given = self.content.get("weights", "pretrained")
        if isinstance(given, str):
            if given not in ("pretrained", "random"):
                raise self.fault(
                    f"Expected pretrained, random, or a table of files by backbone, got {given!r}", "weights"
                )
            return given
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise self.fault(f"Expected weights as text or as a table of text, got {given!r:.80}", "weights")
        return {
            name: value if value in ("pretrained", "random") else str(self.folder / Path(value).expanduser())
            for name, value in given.items()
        }

    def words(self, name: str, *, files: bool = False) -> tuple[str, ...]:
        """Read one text or a list of texts; with ``files``, ``@FILE`` is relative to the folder."""
        given = self.content.get(name, ())
        words = (given,) if isinstance(given, str) else given
        if not isinstance(words, Sequence) or not all(isinstance(word, str) and word.strip() for word in words):
            raise self.fault(f"Expected {name} as text or as a list of texts, got {given!r:.80}", name)
        return tuple(self._beside(word) if files else word for word in words)

    def _beside(self, word: str) -> str:
        path = self.folder / word.removeprefix("@")
        return f"@{path}" if word.startswith("@") and path.is_file() else word

    def path(self, table: Mapping[str, Any], name: str) -> Path | None:
        """Read a path relative to the folder."""
        text = self.plain(table, name, str)
        return None if text is None else self.folder / Path(str(text)).expanduser()

    def plain(self, table: Mapping[str, Any], name: str, kind: type) -> Any:
        """Read a value of one kind; None if it is not there."""
        value = table.get(name)
        if value is not None and type(value) is not kind:
            raise self.fault(f"Expected {KINDS[kind]} as {name}, got {value!r:.80}", name)
        return value

    def refuse_unknown(self, table: Mapping[str, Any], known: Sequence[str], owner: str) -> None:
        for name in table:
            if name not in known:
                hint = did_you_mean(near_names(name, known))
                raise self.fault(f"{owner} has no field {name!r}.{hint} It has: {', '.join(known)}", name)

    def fault(self, sentence: str, word: str = "") -> LnkitError:
        return UsageError(f"{_place(self.where, self.text, word)}: {sentence}.")


KINDS: Mapping[type, str] = {str: "text", int: "a whole number", bool: "true or false"}
PLAIN: Mapping[str, type] = {"seed": int, "precision": str, "engine": str, "batch_size": int, "allow_varying": bool}
BENCH_FIELDS = ("name", "protocol", "set", "seeds", "data", "sample")


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _place(where: str, text: str, word: str) -> str:
    """Return where a key or a quoted value stands: ``study.toml, line 3``."""
    key = re.compile(rf"""(^|[{{,\s.\[])["']?{re.escape(word)}["']?\s*(=|\]\])""")
    value = re.compile(rf"""["']{re.escape(word)}["']""")
    for pattern in (key, value) if word else ():
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                return f"{where}, line {number}"
    return where


def with_results(study: Study, results: Path | None) -> Study:
    """Return the study with another results folder, if one is given."""
    return replace(study, results=results) if results else study
