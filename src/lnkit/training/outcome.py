"""A training that came to its end: kept as a few files, and found again instead of being done again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from lnkit.errors import DataError
from lnkit.training.checkpoints import Weights, refuse_others, save_tensors, whole, write_text
from lnkit.training.curves import draw_curves
from lnkit.training.log import TENSORBOARD

FOLDER = "finished"
FACTS, NETWORK, LOG, CURVES = "training.json", "network.safetensors", "log.csv", "curves.png"


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a training ended."""

    best_iteration: int  # 0 if no network was validated
    best_value: float
    iterations: int
    collapsed: str
    notes: tuple[str, ...]


def write_outcome(
    folder: Path, ending: TrainingOutcome, best: Weights | None, facts: Mapping[str, Any], title: str
) -> None:
    """Keep how a training ended, its best network, its log and its curves in ``folder/finished``.

    Raises:
        LnkitError: the disk is full or closed to us.
    """
    with whole(folder / FOLDER, "the trained network") as draft:
        if best is not None:
            save_tensors(draft / NETWORK, best)
        write_text(draft / LOG, (folder / LOG).read_text(encoding="utf-8"))
        draw_curves(draft / LOG, draft / CURVES, title, ending.best_iteration)
        content = {
            "best_iteration": ending.best_iteration,
            "best_value": ending.best_value,
            "iterations": ending.iterations,
            "collapsed": ending.collapsed,
            "notes": list(ending.notes),
            "facts": facts,
        }
        write_text(draft / FACTS, json.dumps(content, indent=1))


def read_outcome(folder: Path, facts: Mapping[str, Any]) -> tuple[TrainingOutcome, Weights | None] | None:
    """How the training in ``folder`` ended, and its best network; None if it has not ended yet.

    Raises:
        DataError: it is damaged, or was another training.
    """
    place = folder / FOLDER
    if not (place / FACTS).is_file():
        return None
    try:
        content = json.loads((place / FACTS).read_text(encoding="utf-8"))
        refuse_others(place, content.pop("facts"), facts)
        ending = TrainingOutcome(**content | {"notes": tuple(content["notes"])})
        return ending, load_file(place / NETWORK) if (place / NETWORK).is_file() else None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DataError(
            f"The finished training in {place} is damaged ({error}). Give --force to train anew."
        ) from error


def restore_outcome(kept: Path, folder: Path) -> None:
    """Make of the files that ``outcome_files`` named, and that lie in ``kept`` now, a finished training again."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder / FOLDER, ignore=lambda place, names: {TENSORBOARD} & set(names))
    if (kept / TENSORBOARD).is_dir():
        shutil.copytree(kept / TENSORBOARD, folder / TENSORBOARD)


def outcome_files(folder: Path) -> dict[str, Path]:
    """The files of a finished training, named as they are to lie beside the record."""
    kept = {f"{folder.name}/{file.name}": file for file in sorted((folder / FOLDER).iterdir())}
    events = {f"{folder.name}/{TENSORBOARD}/{file.name}": file for file in sorted((folder / TENSORBOARD).glob("*"))}
    return kept | events
