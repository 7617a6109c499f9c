"""Checkpoints: folders of safetensors and JSON that are written atomically; the newest one counts.

``checkpoints/00001200/`` holds ``state.safetensors`` and ``state.json`` (everything that the next step depends on) and,
after the first validation, ``best.safetensors``.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from lnkit.data.atomic import DISK_FULL, atomic_folder, restore_folders, sync, sync_names
from lnkit.data.safetensors_files import write_tensors
from lnkit.data.stored_files import read_json, read_tensors
from lnkit.errors import DataError, LnkitError
from lnkit.training.state_files import pack, unpack

FOLDER = "checkpoints"
FORMAT = 3  # raised when older checkpoints become unusable

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a training that can be resumed."""

    iteration: int
    state: dict[str, Any]  # a tree, see lnkit.training.state_files
    best: Weights | None  # the best network so far


def write_checkpoint(folder: Path, checkpoint: Checkpoint, facts: Mapping[str, Any]) -> None:
    """Write a checkpoint and remove the previous one; at every moment there is one.

    Args:
        folder: Folder of the training.
        checkpoint: The state to write.
        facts: Everything that the training depends on; :func:`read_checkpoint` compares it.

    Raises:
        LnkitError: The disk is full or read-only; the previous checkpoint is still there.
    """
    checkpoints = folder / FOLDER
    target = checkpoints / f"{checkpoint.iteration:08d}"
    with durable_folder(target, "the checkpoint") as tmp:
        tensors: dict[str, Tensor] = {}
        state = pack(checkpoint.state, tensors)
        save_tensors(tmp / "state.safetensors", tensors)
        if checkpoint.best is not None:
            save_tensors(tmp / "best.safetensors", checkpoint.best)
        content = {"format": FORMAT, "iteration": checkpoint.iteration, "facts": facts, "state": state}
        (tmp / "state.json").write_text(json.dumps(content), encoding="utf-8")
    _remove_others(target)


def _remove_others(checkpoint: Path) -> None:
    for other in checkpoint.parent.iterdir():
        if other != checkpoint:
            shutil.rmtree(other, ignore_errors=True)


def read_checkpoint(folder: Path, facts: Mapping[str, Any]) -> Checkpoint | None:
    """Return the newest checkpoint in ``folder``, or None if there is none; remove what a kill left of older ones.

    Raises:
        DataError: The checkpoint is damaged, of another format, or belongs to a training with other ``facts``; these
            are named.
    """
    newest = newest_checkpoint(folder)
    if newest is None:
        return None
    checkpoint = _read(newest, facts)
    _remove_others(newest)
    return checkpoint


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the folder of the newest checkpoint; None if there is none."""
    checkpoints = folder / FOLDER
    restore_folders(checkpoints)
    names = sorted(path.name for path in checkpoints.iterdir() if path.name.isdecimal()) if checkpoints.is_dir() else []
    return checkpoints / names[-1] if names else None


def _read(path: Path, facts: Mapping[str, Any]) -> Checkpoint:
    try:
        content = read_json(path / "state.json")
        if content["format"] == FORMAT:
            stored, iteration = dict(content["facts"]), int(content["iteration"])
            state = unpack(content["state"], read_tensors(path / "state.safetensors"))
            best = path / "best.safetensors"
            checkpoint = Checkpoint(iteration, state, read_tensors(best) if best.exists() else None)
    except Exception as error:  # a state that somebody changed can fail in any way
        raise damaged(path, error) from error
    if content["format"] != FORMAT:
        raise DataError(f"{path} was written by another version of lnkit. Give --force to train anew.")
    require_same_facts(path, stored, facts)
    return checkpoint


def damaged(path: Path | None, error: Exception) -> DataError:
    """Return the error for a checkpoint, or a folder of checkpoints, that cannot be used."""
    reason = " ".join(str(error).split())[:200]
    return DataError(
        f"The checkpoint {path} is damaged ({reason}). Give --force to train anew, or remove that folder to resume "
        "from an earlier checkpoint, if there is any."
    )


def require_same_facts(path: Path, stored: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise DataError, naming the fields, if the files at ``path`` belong to a training with other facts."""
    expected = json.loads(json.dumps(expected))
    names = [name for name in dict.fromkeys((*stored, *expected)) if stored.get(name) != expected.get(name)]
    if names:
        differences = "; ".join(f"expected {name} {expected.get(name)!r}, got {stored.get(name)!r}" for name in names)
        raise DataError(
            f"{path} belongs to another training: {differences}. Give --force to train anew, or name another folder."
        )


@contextmanager
def durable_folder(target: Path, title: str) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``target`` at the end, safe against kills and power cuts.

    Args:
        target: The folder to write or replace.
        title: Name of the content in messages: "the checkpoint".

    Raises:
        LnkitError: The disk is full or read-only.
    """
    try:
        with atomic_folder(target) as tmp:
            yield tmp
            sync(tmp)
        sync_names(target.parent)
    except (OSError, SafetensorError) as error:
        reason = "the disk is full" if _is_full(error) else str(getattr(error, "strerror", None) or error)
        raise LnkitError(
            f"{title[0].upper()}{title[1:]} cannot be written to {target.parent}: {reason}. Earlier checkpoints are "
            "intact. Free some space or change the permissions, and run the same command again to resume."
        ) from error


def _is_full(error: Exception) -> bool:
    """Return whether the disk is full; safetensors gives the number of the error in its text only."""
    full = DISK_FULL | {errno.EFBIG}
    return getattr(error, "errno", None) in full or any(f"os error {number})" in str(error) for number in full)


def save_tensors(file: Path, tensors: Weights) -> None:
    """Write tensors as safetensors; tensors that share memory are copied."""
    write_tensors(file, {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})
