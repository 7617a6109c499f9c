"""What a search over trainings is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.losses.as_backbone import Weights


@text_paths
@dataclass(frozen=True, slots=True)
class TrainingSearchOptions:
    """Loss networks to train with, the benchmark that trains, and the time for it."""

    bench: str  # "superres"
    backbones: tuple[str, ...] = ()  # names, patterns, "@pihlgren2023", "@FILE"
    losses: tuple[str, ...] = ()  # as for `lnkit eval --loss`
    points: tuple[str, ...] = ()  # of the backbones; (): all that are registered
    budget: str = ""  # "4h": of one device, for the whole search
    variant: str = ""  # of the protocol; "": the benchmark's first, or the one for its sample
    overrides: Mapping[str, str] = field(default_factory=dict)  # protocol field -> value as text
    length: str = ""  # protocol field that is the length of a training; "": one of the usual names
    weights: Weights = "pretrained"  # or "random", a file, or those of each backbone by name
    data: Path | None = None
    sample: bool = False
    seed: int = 0  # of the short trainings, and of random weights; the last trainings have the next ones
    results: Path | None = None
    device: str = "auto"  # of the executor local: one, or several as cuda:0,cuda:1
    on: str = "local"  # the executor
    executor: Mapping[str, str] = field(default_factory=dict)  # options of another executor
    precision: str = "fp32"
    failed: bool = False  # also try again what failed twice
    plan_only: bool = False  # `--plan`: print the plan, and train nothing
    output: Path | None = None  # a TOML file for the chosen loss
    as_json: bool = False
