"""Checkpoints: a folder of safetensors and JSON each, whole or not there, the newest one counts.

``checkpoints/00001200/`` holds ``state.safetensors`` and ``state.json`` (all that the next step depends on) and, once a
network was validated, ``best.safetensors``.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lnkit.data.atomic import DISK_FULL, tmp_name
from lnkit.errors import DataError, LnkitError
from lnkit.training.state_files import pack, unpack

FOLDER = "checkpoints"
FORMAT = 1  # raised when an older checkpoint must not be used any more

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that a training needs to go on."""

    iteration: int
    state: dict[str, Any]  # a tree, see lnkit.training.state_files
    best: Weights | None  # the best network so far


def write_checkpoint(folder: Path, checkpoint: Checkpoint, facts: Mapping[str, Any]) -> None:
    """Keep a checkpoint in ``folder`` in the place of the one before; at no moment is there none.

    Raises:
        LnkitError: the disk is full or closed to us; the checkpoint before is still there.
    """
    place = folder / FOLDER
    target = place / f"{checkpoint.iteration:08d}"
    with whole(target, "the checkpoint") as draft:
        tensors: dict[str, Tensor] = {}
        state = pack(checkpoint.state, tensors)
        save_tensors(draft / "state.safetensors", tensors)
        if checkpoint.best is not None:
            save_tensors(draft / "best.safetensors", checkpoint.best)
        content = {"format": FORMAT, "iteration": checkpoint.iteration, "facts": facts, "state": state}
        write_text(draft / "state.json", json.dumps(content))
    for old in place.iterdir():
        if old.name != target.name:
            shutil.rmtree(old, ignore_errors=True)


def read_checkpoint(folder: Path, facts: Mapping[str, Any]) -> Checkpoint | None:
    """The newest checkpoint in ``folder``; None where there is none.

    Raises:
        DataError: it is damaged, or was made by a training with other ``facts``, which are named.
    """
    place = folder / FOLDER
    names = sorted(path.name for path in place.iterdir() if path.name.isdigit()) if place.is_dir() else []
    return _read(place / names[-1], facts) if names else None


def _read(path: Path, facts: Mapping[str, Any]) -> Checkpoint:
    try:
        content = json.loads((path / "state.json").read_text(encoding="utf-8"))
        refuse_others(path, content["facts"], facts)
        state = unpack(content["state"], load_file(path / "state.safetensors"))
        best = path / "best.safetensors"
        return Checkpoint(content["iteration"], state, load_file(best) if best.is_file() else None)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DataError(
            f"The checkpoint {path} is damaged ({error}). Give --force to train anew, or remove that folder to go on "
            "from an earlier one, if there is any."
        ) from error


def refuse_others(path: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Raise DataError, naming the fields, if a checkpoint was made by another training than ours."""
    ours = json.loads(json.dumps(ours))
    names = [name for name in dict.fromkeys((*theirs, *ours)) if theirs.get(name) != ours.get(name)]
    if names:
        what = "; ".join(f"{name} is {theirs.get(name)!r} there and {ours.get(name)!r} here" for name in names)
        raise DataError(
            f"{path} belongs to another training: {what}. Give --force to train anew, or name another folder."
        )


@contextmanager
def whole(target: Path, what: str) -> Iterator[Path]:
    """Give a temporary folder that becomes ``target`` at the end, and leaves nothing behind if that fails.

    Raises:
        LnkitError: the disk is full or closed to us.
    """
    draft = target.with_name(f".{tmp_name()}")
    try:
        draft.mkdir(parents=True)
        yield draft
        _sync(draft)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    except (OSError, SafetensorError) as error:
        reason = "the disk is full" if _is_full(error) else str(getattr(error, "strerror", None) or error)
        raise LnkitError(
            f"{what[0].upper()}{what[1:]} cannot be kept in {target.parent}: {reason}. What was kept before is still "
            "there. Change that, and give the same command again to go on."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _is_full(error: Exception) -> bool:
    """Safetensors writes by itself, and tells the number of an error in its text only."""
    full = DISK_FULL | {errno.EFBIG}
    return getattr(error, "errno", None) in full or any(f"os error {number})" in str(error) for number in full)


def save_tensors(file: Path, tensors: Weights) -> None:
    """Write tensors as safetensors, each with memory of its own."""
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, file)


def write_text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _sync(folder: Path) -> None:
    """Have everything on the disk before it gets its name, so that a power cut finds the old or the new."""
    for path in folder.iterdir():
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
