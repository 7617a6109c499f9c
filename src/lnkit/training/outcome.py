"""The outcome of a finished training: written as a few files, and read instead of training again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import isfinite, nan
from pathlib import Path
from typing import Any

from lnkit import extras
from lnkit.data.atomic import atomic_folder, restore_folder
from lnkit.data.stored_files import read_json, read_tensors
from lnkit.errors import DataError
from lnkit.results.forms import read_form
from lnkit.training.checkpoints import Weights, durable_folder, require_same_facts, save_tensors
from lnkit.training.curves import draw_curves
from lnkit.training.log import TENSORBOARD

FOLDER = "finished"
FACTS, NETWORK, LOG, CURVES = "training.json", "network.safetensors", "log.csv", "curves.png"


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """The end of a training."""

    best_iteration: int  # 0 if no network was validated
    best_value: float  # of its validation
    iterations: int  # that were done
    collapsed: str  # reason of a collapse; "" if there was none
    notes: tuple[str, ...]


def write_outcome(
    folder: Path, outcome: TrainingOutcome, best: Weights | None, facts: Mapping[str, Any], title: str
) -> None:
    """Write the outcome of a training, its best network, its log and its curves to ``folder/finished``.

    There are no curves where the packages to draw them are missing.

    Args:
        folder: Folder of the training, with its log.
        outcome: The end of the training.
        best: Weights of the best network; None if no network was validated.
        facts: Everything that the training depends on; :func:`read_outcome` compares it.
        title: Title of the curves.

    Raises:
        LnkitError: The disk is full or read-only.
    """
    with durable_folder(folder / FOLDER, "the trained network") as tmp:
        if best is not None:
            save_tensors(tmp / NETWORK, best)
        (tmp / LOG).write_text((folder / LOG).read_text(encoding="utf-8"), encoding="utf-8")  # with plain line feeds
        if not missing_for_curves():
            draw_curves(tmp / LOG, tmp / CURVES, title, outcome.best_iteration)
        value = outcome.best_value if isfinite(outcome.best_value) else None  # JSON has no NaN
        content = asdict(outcome) | {"best_value": value, "facts": facts}
        (tmp / FACTS).write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")


def missing_for_curves() -> str:
    """Return the packages that curves need and that are not installed, or ""."""
    return extras.missing("plot", extras.PLOT)


def read_outcome(folder: Path, facts: Mapping[str, Any]) -> tuple[TrainingOutcome, Weights | None] | None:
    """Return the outcome of the training in ``folder`` and its best weights; None if it has not finished.

    Raises:
        DataError: The files are damaged, or belong to a training with other ``facts``.
    """
    finished = folder / FOLDER
    restore_folder(finished)
    if not finished.exists():
        return None
    try:
        content = read_json(finished / FACTS)
        stored, value = dict(content.pop("facts")), content["best_value"]
        validated = value is not None and value == value  # NaN of earlier versions
        outcome = read_form(TrainingOutcome, content | {"best_value": value if validated else 0.0}, "the training")
        best = read_tensors(finished / NETWORK) if outcome.best_iteration or (finished / NETWORK).exists() else None
    except Exception as error:  # files that somebody changed can fail in any way
        raise DataError(
            f"The finished training in {finished} is damaged ({error}). Give --force to train anew."
        ) from error
    require_same_facts(finished, stored, facts)
    return (outcome if validated else replace(outcome, best_value=nan)), best


def restore_outcome(source: Path, folder: Path) -> None:
    """Copy the files of ``outcome_files`` from ``source`` back to ``folder``, as a finished training."""
    with atomic_folder(folder) as tmp:
        shutil.copytree(source, tmp / FOLDER, ignore=shutil.ignore_patterns(TENSORBOARD))
        if (source / TENSORBOARD).is_dir():
            shutil.copytree(source / TENSORBOARD, tmp / TENSORBOARD)


def outcome_files(folder: Path) -> dict[str, Path]:
    """Return the files of a finished training by their names beside the record."""
    files = {f"{folder.name}/{file.name}": file for file in sorted((folder / FOLDER).iterdir())}
    events = {f"{folder.name}/{TENSORBOARD}/{file.name}": file for file in sorted((folder / TENSORBOARD).glob("*"))}
    return files | events
