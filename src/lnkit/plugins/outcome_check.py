"""Check what a benchmark returns, as soon as it does: the data it opened, and its outcomes.

Numbers of NumPy and torch become Python's own; everything else that is no plain value of the expected kind is refused.
"""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from lnkit.benchmark import BenchmarkData, BenchmarkSpec, Outcome, Score, ScoreSpec
from lnkit.data.fetch.safe_paths import clash, is_inside
from lnkit.errors import PluginError
from lnkit.plugins.rules import is_filled, is_signable, is_text, printable
from lnkit.specs import LossNetworkId

ROUNDING = 1e-6  # by which an interval may miss its score, relative to its ends


class ReturnCheck:
    """Checks of what one benchmark returns."""

    def __init__(self, title: str, spec: BenchmarkSpec) -> None:
        """Prepare.

        Args:
            title: of the benchmark, for messages: "Benchmark 'mine' of lnkit-mine 1.0".
            spec: that declares its scores.
        """
        self.title, self.spec = title, spec

    def data(self, opened: object) -> BenchmarkData:
        """Return what ``open_data`` returned, or raise PluginError."""
        if not isinstance(opened, BenchmarkData):
            self._refuse("from open_data", "an lnkit.BenchmarkData", opened)
        fingerprints = self._mapping("fingerprints", opened.fingerprints)
        for name, digest in fingerprints.items():
            if not (is_filled(name) and is_filled(digest)):
                self._refuse("fingerprints", "a mapping from text to text, such as a SHA-256", {name: digest})
        return replace(
            opened,
            fingerprints=fingerprints,
            notes=self._notes(opened.notes),
            image_size=self._count("image_size", opened.image_size, least=1),
        )

    def outcomes(self, returned: object, networks: Iterable[LossNetworkId]) -> dict[LossNetworkId, Outcome]:
        """Return the outcome of each loss network from what ``run`` returned, or raise PluginError."""
        networks = tuple(networks)
        mapping: Mapping[Any, Any] = returned if isinstance(returned, Mapping) else {}
        for network in networks:
            if not isinstance(mapping.get(network), Outcome):
                got = f"{type(mapping[network]).__name__} for it" if network in mapping else type(returned).__name__
                raise PluginError(
                    f"{self.title} returned no Outcome for {network}. Expected a mapping from each of context.networks "
                    f"to an Outcome, got {got}."
                )
        if more := [name for name in mapping if name not in networks]:
            self._refuse("from run", "outcomes of context.networks alone", more[0])
        return {network: self.outcome(mapping[network]) for network in networks}

    def outcome(self, outcome: object) -> Outcome:
        """Return one outcome, or raise PluginError."""
        if not isinstance(outcome, Outcome):
            self._refuse("as its outcome", "an lnkit.Outcome", outcome)
        scores = self._mapping("scores", outcome.scores)
        arrays = self._mapping("arrays", outcome.arrays)
        files = self._mapping("files", outcome.files)
        self._require_names("files", files)
        return Outcome(
            scores={name: self._score(name, score) for name, score in scores.items()},
            arrays={name: self._array(name, array) for name, array in arrays.items()},
            notes=self._notes(outcome.notes),
            files={name: self._file(name, path) for name, path in files.items()},
            collapsed=self._text("collapsed", outcome.collapsed),
        )

    def _score(self, name: object, score: object) -> Score:
        if not is_filled(name) or not is_signable(name) or printable(str(name)) != name:
            self._refuse("a score", "a name that is text on one line without |", name)
        if not isinstance(score, Score):
            self._refuse(f"as score {name}", "an lnkit.Score", score)
        value = self._number(f"as value of {name}", score.value, finite=False)
        declared = self._declared(str(name), value)
        if not is_signable(score.aggregation):
            self._refuse(f"as aggregation of {name}", "a text without |", score.aggregation)
        return Score(
            value=value,
            n=self._count(f"n of {name}", score.n),
            interval=self._interval(str(name), value, score.interval, declared),
            ceilings=self._references(f"ceilings of {name}", score.ceilings),
            baselines=self._references(f"baselines of {name}", score.baselines),
            aggregation=score.aggregation,
            cases=self._count(f"cases of {name}", score.cases),
        )

    def _declared(self, name: str, value: float) -> ScoreSpec:
        declared = declaration_of(self.spec, name)
        if declared is None:
            raise PluginError(f"{self.title} returned a score {name!r} that it does not declare.")
        if not isfinite(value) or not declared.lower <= value <= declared.upper:
            raise PluginError(
                f"{self.title} returned {name} = {value}, outside its bounds [{declared.lower}, {declared.upper}]."
            )
        return declared

    def _interval(self, name: str, value: float, interval: Any, declared: ScoreSpec) -> tuple[float, float] | None:
        if interval is None:
            return None
        expected = "None, or two numbers, the first at or below the score and the second at or above it"
        if not isinstance(interval, tuple | list) or len(interval) != 2:
            self._refuse(f"as interval of {name}", expected, interval)
        low, high = (self._number(f"as interval of {name}", end, finite=False) for end in interval)
        within = max(declared.lower, low), min(declared.upper, high)
        slack = ROUNDING * max(abs(low), abs(high), abs(value))
        if not (all(map(isfinite, within)) and low - slack <= value <= high + slack):
            self._refuse(f"as interval of {name} = {value}", expected, interval)
        return low, high

    def _references(self, where: str, values: object) -> dict[str, float]:
        mapping = self._mapping(where, values)
        for name in mapping:
            if not is_filled(name):
                self._refuse(f"in {where}", "names that are text on one line", name)
        return {name: self._number(f"in {where}", value) for name, value in mapping.items()}

    def _array(self, name: object, array: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - the plugins' room is listed without it

        if not is_inside(name):
            self._refuse("an array", "a name that is a relative path", name)
        if isinstance(array, np.generic):
            array = np.asarray(array)
        if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray) or array.dtype.hasobject:
            expected = "a NumPy array of numbers (np.asarray(...), of a tensor after .cpu())"
            self._refuse(f"as array {name}", expected, getattr(array, "dtype", array))
        return array

    def _require_names(self, where: str, files: Mapping[Any, Any]) -> None:
        for name in files:
            if not is_inside(name):
                self._refuse(f"in {where}", "names that are relative paths inside the result's folder", name)
        if clashing := clash(files):
            self._refuse(f"in {where}", "different places, none of them within another", clashing)

    def _file(self, name: str, path: Any) -> Path:
        if not isinstance(path, str | os.PathLike) or not Path(path).is_file():
            self._refuse(f"as file {name}", "the path of a file that exists", path)
        return Path(path)

    def _notes(self, notes: Any) -> tuple[str, ...]:
        if not isinstance(notes, tuple | list) or not all(isinstance(note, str) for note in notes):
            self._refuse("as notes", 'a tuple of texts, such as ("a note",)', notes)
        return tuple(map(printable, notes))

    def _text(self, where: str, text: object) -> str:
        if not isinstance(text, str) or not is_text(text):
            self._refuse(f"as {where}", "a text on one line", text)
        return text

    def _mapping(self, where: str, mapping: Any) -> dict[Any, Any]:
        if not isinstance(mapping, Mapping):
            self._refuse(f"as {where}", "a mapping", mapping)
        return dict(mapping)

    def _count(self, where: str, value: Any, least: int = 0) -> int:
        try:
            count = -1 if _is_truth(value) else operator.index(value)
        except TypeError:
            count = -1
        if count < least:
            self._refuse(f"as {where}", f"a whole number from {least}", value)
        return count

    def _number(self, where: str, value: Any, *, finite: bool = True) -> float:
        """Return a number of Python, NumPy or torch as Python's."""
        plain = value.item() if getattr(value, "shape", None) == () and not _is_truth(value) else value
        if isinstance(plain, int | float) and not isinstance(plain, bool):
            try:
                number = float(plain)
            except OverflowError:
                number = float("inf")
            if isfinite(number) or not finite:
                return number
        self._refuse(where, "a number of Python, NumPy or torch" + " that is finite" * finite, value)

    def _refuse(self, where: str, expected: str, got: object) -> NoReturn:
        raise PluginError(
            f"{self.title} returned {where} what lnkit cannot store: expected {expected}, got {_show(got)}."
        )


def declaration_of(benchmark: BenchmarkSpec, name: str) -> ScoreSpec | None:
    """Return the declaration that covers a score's name, with any text for its ``<placeholders>``, or None."""

    def covers(declared: str) -> bool:
        return re.fullmatch(".+".join(re.escape(part) for part in re.split(r"<\w+>", declared)), name) is not None

    return next((spec for spec in benchmark.scores if covers(spec.name)), None)


def _is_truth(value: object) -> bool:
    """Whether a value is True or False, of Python, NumPy or torch."""
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) in ("bool", "torch.bool")


def _show(value: object) -> str:
    """Return a value and its type for a message; its repr may be long, or raise."""
    kind = type(value).__name__
    try:
        text = printable(repr(value)[:200])[:80]
    except Exception:
        text = ""
    return f"{text} ({kind})" if text else kind
