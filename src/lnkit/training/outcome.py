"""The outcome of a finished training: written as a few files, and read instead of training again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from lnkit import extras
from lnkit.errors import DataError
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
        (tmp / FACTS).write_text(json.dumps(asdict(outcome) | {"facts": facts}, indent=1), encoding="utf-8")


def missing_for_curves() -> str:
    """Return the packages that curves need and that are not installed, or ""."""
    return extras.missing("plot", extras.PLOT)


def read_outcome(folder: Path, facts: Mapping[str, Any]) -> tuple[TrainingOutcome, Weights | None] | None:
    """Return the outcome of the training in ``folder`` and its best weights; None if it has not finished.

    Raises:
        DataError: The files are damaged, or belong to a training with other ``facts``.
    """
    finished = folder / FOLDER
    if not (finished / FACTS).is_file():
        return None
    try:
        content = json.loads((finished / FACTS).read_text(encoding="utf-8"))
        require_same_facts(finished, content.pop("facts"), facts)
        outcome = TrainingOutcome(**content | {"notes": tuple(content["notes"])})
        return outcome, load_file(finished / NETWORK) if (finished / NETWORK).is_file() else None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DataError(
            f"The finished training in {finished} is damaged ({error}). Give --force to train anew."
        ) from error


def restore_outcome(source: Path, folder: Path) -> None:
    """Copy the files of ``outcome_files`` from ``source`` back to ``folder``, as a finished training."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder / FOLDER, ignore=shutil.ignore_patterns(TENSORBOARD))
    if (source / TENSORBOARD).is_dir():
        shutil.copytree(source / TENSORBOARD, folder / TENSORBOARD)


def outcome_files(folder: Path) -> dict[str, Path]:
    """Return the files of a finished training by their names beside the record."""
    files = {f"{folder.name}/{file.name}": file for file in sorted((folder / FOLDER).iterdir())}
    events = {f"{folder.name}/{TENSORBOARD}/{file.name}": file for file in sorted((folder / TENSORBOARD).glob("*"))}
    return files | events
