"""Backbones: untrained architectures, and checkpoints of the runs that the user names. Free of torch."""

from __future__ import annotations

import logging
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import lnkit
from lnkit.data import expand_home, read_text
from lnkit_earlystop.checkpoints import (
    BEST,
    FOLDER,
    CheckpointHeader,
    checkpoint_files,
    head_classes,
    read_header,
    read_network,
)
from lnkit_earlystop.networks import build
from lnkit_earlystop.networks.architecture import Architecture, parse

if TYPE_CHECKING:
    from torch import nn

_log = logging.getLogger("lnkit")

SHIPPED = Path(__file__).parent / "shipped"
VARIABLE = "LNKIT_EARLYSTOP"  # folders of runs or of checkpoints, separated as in PATH
CONFIGURATION = "earlystop.toml"  # in lnkit's configuration folder: runs = ["/data/runs/resnet6"]
CITATION = "Kumar et al. 2022"


def untrained_backbone(architecture: Architecture) -> lnkit.BackboneSpec:
    """Return the backbone of an architecture without weights."""
    return _spec(architecture, architecture.name, partial(_build, architecture))


def checkpoint_backbone(file: Path, header: CheckpointHeader, name: str = "") -> lnkit.BackboneSpec:
    """Return the backbone of a checkpoint, by default named ``resnet6_64@step1000``."""
    architecture = parse(header.architecture)
    weights = f"step {header.step:,}, top-1 {100 * header.top1:.1f} % of {header.classes} classes"
    load = partial(_load, file, architecture, header.classes)
    spec = _spec(architecture, name or header.name, load, weights, head_classes(file, header))
    return replace(spec, weights_file=str(file.absolute()))


def shipped_backbones() -> Iterator[lnkit.BackboneSpec]:
    """Yield the trained networks that this plugin ships, each with its training record beside it."""
    for file in sorted(SHIPPED.glob("*.safetensors")):
        header = read_header(file)
        yield checkpoint_backbone(file, header, f"{header.architecture}@{file.stem}")


def named_runs() -> Iterator[Path]:
    """Yield the runs that the variable and the configuration file name, each once; a folder of runs means all of them.

    What cannot be read is passed over with a warning, so that it takes no other backbone along.
    """
    named = [text for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    for text in dict.fromkeys([*named, *_configured()]):
        try:
            yield from _runs_in(expand_home(text))
        except (lnkit.UsageError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            _log.warning(
                "Expected a folder of runs in %s or %s, got %s, which cannot be used (%s). Correct it.",
                *(VARIABLE, CONFIGURATION, text, (reason or type(error).__name__).rstrip(".")),
            )


def _runs_in(folder: Path) -> list[Path]:
    inside = [path for path in sorted(folder.iterdir()) if (path / FOLDER).is_dir()]
    return [folder] if (folder / FOLDER).is_dir() or not inside else inside


def trained_backbones() -> Iterator[lnkit.BackboneSpec]:
    """Yield every checkpoint of the named runs, and the early-stopped one of each as ``resnet6_64@best``.

    Where two runs have checkpoints of the same name, that of the run is added: ``resnet6_64@wide.step1000``.
    """
    checkpoints = [(_run_name(run), *labelled) for run in named_runs() for labelled in _labelled_checkpoints(run)]
    times = Counter((header.architecture, label) for _, label, _, header in checkpoints)
    for run, label, file, header in checkpoints:
        several = times[header.architecture, label] > 1
        yield checkpoint_backbone(file, header, f"{header.architecture}@{f'{run}.' * several}{label}")


def _labelled_checkpoints(run: Path) -> Iterator[tuple[str, Path, CheckpointHeader]]:
    """Yield label, file and header of the checkpoints of a run; skip damaged ones with a warning."""
    for file in [*checkpoint_files(run), *([run / BEST] if (run / BEST).is_file() else [])]:
        try:
            header = read_header(file)
        except lnkit.WeightsError as error:
            _log.warning("%s It is not registered as a backbone.", error)
            continue
        yield "best" if file.name == BEST else f"step{header.step}", file, header


def _run_name(folder: Path) -> str:
    name = folder.parent.name if folder.name == FOLDER else folder.name
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)


def _configured() -> list[str]:
    """Return the folders in the configuration file; none if it is missing, or damaged, which a warning tells."""
    from platformdirs import user_config_path  # noqa: PLC0415 - only where plugins are loaded

    try:
        file = user_config_path("lnkit", appauthor=False) / CONFIGURATION
        if not file.exists():
            return []
    except (RuntimeError, OSError):  # no home folder, or one of somebody else
        return []
    try:
        runs = tomllib.loads(read_text(file)).get("runs", [])
        if not isinstance(runs, list) or not all(isinstance(run, str) and "\0" not in run for run in runs):
            raise ValueError(f"runs is {runs!r}")
    except (lnkit.DataError, ValueError, RecursionError) as error:
        _log.warning('%s cannot be read (%s). Expected: runs = ["folder", ...]', file, error)
        return []
    return runs


def _spec(
    architecture: Architecture, name: str, load: partial[nn.Module], weights: str = "", classes: str = ""
) -> lnkit.BackboneSpec:
    fixed = architecture.family == "vit"  # position embeddings are of one size
    side = architecture.resolution
    return lnkit.BackboneSpec(
        name=name,
        family=architecture.title,
        load=load,
        weights=weights,
        citation=CITATION,
        min_size=1,
        input_size=(side, side) if fixed else None,
        eval_size=side,
        classes=classes,
    )


def _build(architecture: Architecture, pretrained: bool) -> nn.Module:
    return build(architecture)


def _load(file: Path, architecture: Architecture, classes: int, pretrained: bool) -> nn.Module:
    return read_network(file) if pretrained else build(architecture, classes)
