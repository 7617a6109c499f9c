"""Records of runs: the scores, with everything needed to repeat them.

A record is written as ``result.json`` in a folder of its own. Its id is a hash of its key, on which the scores depend.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lnkit._version import __version__
from lnkit.data.fetch.safe_paths import is_inside
from lnkit.data.stored_files import parse_json
from lnkit.errors import DataError
from lnkit.protocols import SAMPLE_VARIANT
from lnkit.results.forms import Name, read_form
from lnkit.specs import is_loss, loss_network_label

CUT_DOWN = ("quick", SAMPLE_VARIANT)  # protocol variants that only show that everything runs

PARTIAL = "partial:"  # first word of a note on how the data differ from the official ones

VARIES = "varies"  # in the ``extra`` of a key: what scores vary with; see lnkit.evaluation.promises

SCHEMA = 2  # increased when a reader of the old form could misread the new one


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """How a score varies over trainings that differ only in their seed; see :mod:`lnkit.results.spread`."""

    seeds: tuple[int, ...]
    values: tuple[float, ...]  # one for each seed
    sd: float  # standard deviation of the values, with the number of seeds less one as the divisor
    over_items: tuple[float, float] | None  # 95 % interval over items alone, as if there were no other trainings


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """One score of a run, or the mean of several runs over their seeds."""

    value: float
    unit: str  # "fraction"
    higher_is_better: bool
    primary: bool
    aggregation: str  # "mean of 6 families"
    signature: str  # the score in one line; see lnkit.results.signature
    n: int = 0  # number of items
    interval: tuple[float, float] | None = None  # low and high, 95 %, over items; of a mean also over seeds
    ceilings: Mapping[str, float] = field(default_factory=dict)  # the best that is possible, such as human agreement
    baselines: Mapping[str, float] = field(default_factory=dict)  # of methods without a network
    bounds: tuple[float, float] | None = None  # the least and the greatest possible value, where both are finite
    spread: SeedSpread | None = None  # of a mean over seeds


@dataclass(frozen=True, slots=True)
class RunKey:
    """Everything that the scores of a run depend on; two runs with equal keys are the same run."""

    benchmark: Name  # "bapps"
    benchmark_version: Name  # "1"
    variant: Name  # "paper"
    protocol: Mapping[str, Any]  # every field of the protocol
    backbone: Name  # "squeezenet1_1"
    points: Mapping[str, str]  # point -> node, in order
    weights_sha256: str  # of the backbone's tensors; see lnkit.networks.weights
    data: Mapping[str, str]  # part of the data -> SHA-256 of its content
    seed: int | None  # None: the mean over several seeds, which is computed from their records and never stored
    precision: str  # "fp32"
    plugins: Mapping[str, str]  # "backbone" -> "lnkit 0.1.0": the distribution that supplied it, and its version
    input: Mapping[str, Any] = field(default_factory=dict)  # mean, std and size rule of the backbone
    extra: Mapping[str, str] = field(default_factory=dict)  # hashes of other files that scores depend on; VARIES

    def digest(self) -> str:
        """Return the SHA-256 of the sorted JSON of all fields."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished run, or the mean of runs over their seeds; see :func:`lnkit.results.seeds.means_over_seeds`."""

    key: RunKey
    scores: Mapping[str, ScoreRecord]
    weights: str  # "IMAGENET1K_V1"
    weights_source: str  # a file, a URL, "random, seed 0"
    family: str  # of the backbone: "SqueezeNet"
    own_distance: bool  # the backbone has a distance of its own, which is no deviation from the protocol
    sample: bool  # measured on sample data, which says nothing about quality
    deviations: tuple[str, ...]  # of the protocol from its variant
    notes: tuple[str, ...]  # for readers of the scores
    environment: Mapping[str, str]  # versions, device, engine
    created: str  # ISO 8601, UTC
    seconds: float  # duration of the whole run, which may have measured several loss networks
    files: tuple[str, ...] = ()  # beside the record, as paths relative to its folder
    collapsed: str = ""  # how and when the training collapsed; "" if it did not
    attributes: Mapping[str, float | None] = field(default_factory=dict)  # of the loss network; see networks.attributes
    trained: bool = False  # the benchmark trained a network, and another seed would have given other scores
    runs: Mapping[str, int] = field(default_factory=dict)  # of a mean over seeds: id of each run -> its seed

    @property
    def id(self) -> str:
        """The readable and unique name of the run: ``bapps_squeezenet1_1_mid_3f2a9c1b2d4e``."""
        return record_id(self.key)

    @property
    def loss_network(self) -> str:
        """``squeezenet1_1:mid``."""
        return loss_network_label(self.key.backbone, self.key.points)

    @property
    def protocol_name(self) -> str:
        """``bapps/paper``."""
        return f"{self.key.benchmark}/{self.key.variant}"

    @property
    def weights_name(self) -> str:
        """``IMAGENET1K_V1@1a2b3c4d``."""
        return f"{self.weights}@{self.key.weights_sha256[:8]}"

    @property
    def created_minute(self) -> str:
        """``2026-05-01 12:30``, UTC."""
        return self.created[:16].replace("T", " ")

    @property
    def main_scores(self) -> tuple[str, ...]:
        """The names of the primary scores, or of all scores if the data allowed no primary one."""
        return tuple(name for name, score in self.scores.items() if score.primary) or tuple(self.scores)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of a run, or all seeds of a mean."""
        return tuple(self.runs.values()) if self.key.seed is None else (self.key.seed,)

    @property
    def has_images(self) -> bool:
        """Whether the images that the benchmark made lie beside the record."""
        return any(name.startswith("images/") for name in self.files)

    @property
    def incomparable(self) -> str:
        """Why the scores are not comparable with published ones, as half a sentence; "" if they are."""
        if self.sample:
            return "made on sample data"
        if self.key.variant in CUT_DOWN:
            return f"made with the cut-down protocol {self.key.variant!r}"
        if any(note.startswith(PARTIAL) for note in self.notes):
            return "made on other data than the official ones"
        return "made with deviations from the protocol" if self.deviations else ""

    @property
    def comparable(self) -> bool:
        """Whether the scores are comparable with published ones."""
        return not self.incomparable


def record_id(key: RunKey) -> str:
    """Return the name of the folder of a run, safe on every file system."""
    return f"{record_prefix(key.benchmark, key.backbone, list(key.points))}_{key.digest()[:12]}"


def record_prefix(benchmark: str, backbone: str, points: Sequence[str]) -> str:
    """Return the readable start of the name of a folder, which is known before a run."""
    joined = "+".join(points)
    joined = joined if len(joined) <= 40 else f"{len(points)}-points"
    words = (benchmark, backbone[:40] if is_loss(backbone) else backbone, joined)
    return "_".join(re.sub(r"[^\w.+@-]+", "-", word, flags=re.ASCII).strip(".-")[:80] for word in words)


def to_plain(record: RunRecord) -> dict[str, Any]:
    """Return the record as plain dictionaries and lists, its schema and id first."""
    return {"schema": SCHEMA, "id": record.id, **dataclasses.asdict(record)}


def to_json(record: RunRecord) -> str:
    """Return the record as the text of its ``result.json``.

    Raises:
        ValueError, TypeError: A value does not fit into JSON, such as NaN or an array.
    """
    return json.dumps(to_plain(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str, where: str = "the record") -> RunRecord:
    """Read a record from the text of its ``result.json``.

    Fields that this version does not know are passed over, unless the identity of the run has them: the schema is
    raised whenever a reader of the old form could misread the new one.

    Args:
        text: the JSON.
        where: names the file in error messages.

    Raises:
        DataError: the text is not a record of this schema.
    """
    fields = parse_json(text, where)
    if "schema" not in fields:
        raise DataError(f"{where} is not an lnkit record: it has no field 'schema'.")
    schema = fields.pop("schema")
    if type(schema) is not int or schema != SCHEMA:
        raise DataError(_other_schema(schema, fields, where))
    if unknown := _unknown_in_key(fields.get("key")):
        raise DataError(
            f"{where} was written by {_writer(fields)}, which identifies runs by {unknown} too; this is lnkit "
            f"{__version__}. Update it with `pip install -U lnkit`."
        )
    try:
        record: RunRecord = read_form(RunRecord, fields, "the record")
    except ValueError as error:
        raise DataError(f"{where} is damaged: a field is missing or has the wrong form ({error}).") from error
    if wrong := [name for name in record.files if not is_inside(name)]:
        raise DataError(f"{where} is damaged: {wrong[0][:60]!r} cannot be the name of a file beside it.")
    return record


def _other_schema(schema: object, fields: Mapping[str, Any], where: str) -> str:
    if type(schema) is not int or schema < 1:
        return f"{where} is damaged: expected a whole number as its schema, got {str(schema)[:60]!r}."
    if schema > SCHEMA:
        return (
            f"{where} was written by {_writer(fields)} with schema {schema}; this is lnkit {__version__}, which reads "
            f"schema {SCHEMA}. Update it with `pip install -U lnkit`."
        )
    return (
        f"{where} was written by {_writer(fields)} with the old schema {schema}; this is lnkit {__version__}, which "
        f"reads schema {SCHEMA}. Run the same command again with another --results DIR."
    )


def _unknown_in_key(key: object) -> str:
    known = {field.name for field in dataclasses.fields(RunKey)}
    unknown = [repr(name[:50]) for name in key if name not in known] if isinstance(key, dict) else []
    return ", ".join(unknown[:3])


def _writer(fields: Mapping[str, Any]) -> str:
    """Return the version of lnkit that wrote a record, where it says so."""
    environment = fields.get("environment")
    written = environment.get("lnkit") if isinstance(environment, dict) else None
    return f"lnkit {written[:30]}" if isinstance(written, str) and written.isprintable() else "another version of lnkit"
