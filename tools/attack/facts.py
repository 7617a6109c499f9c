"""What must be the same after kills: scores, arrays, weights and pictures, without times and machines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

CHANGING = {
    "created",
    "made",
    "seconds",
    "environment",
    "duration",
    "started",
    "ended",
    "time",
    "date",
    "imported",
    "fetched",
}  # in JSON and tables
SKIPPED = {".log", ".lock"}


def facts(folder: Path) -> dict[str, str]:
    """Return {file below a folder: a hash of what must be the same}; hidden ones are left out."""
    return {str(path.relative_to(folder)): digest(path) for path in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.suffix not in SKIPPED and "tfevents" not in path.name:
            yield path


def digest(path: Path) -> str:
    """Hash what a file says, whatever its layout."""
    readers = {".npz": _arrays, ".safetensors": _tensors, ".json": _json, ".csv": _table}
    content = readers.get(path.suffix, Path.read_bytes)(path)
    return hashlib.sha256(content).hexdigest()


def _arrays(path: Path) -> bytes:
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in sorted(stored.files)}
    return b"".join(f"{name}{a.dtype.str}{a.shape}".encode() + a.tobytes() for name, a in arrays.items())


def _tensors(path: Path) -> bytes:
    with safe_open(path, "numpy") as stored:
        arrays = {name: stored.get_tensor(name) for name in sorted(stored.keys())}
        metadata = sorted((stored.metadata() or {}).items())
    parts = (f"{name}{a.dtype.str}{a.shape}".encode() + a.tobytes() for name, a in arrays.items())
    return repr(metadata).encode() + b"".join(parts)


def _json(path: Path) -> bytes:
    return json.dumps(_lasting(json.loads(path.read_text(encoding="utf-8"))), sort_keys=True).encode()


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(inner) for name, inner in value.items() if name not in CHANGING}
    if isinstance(value, list):
        return [_lasting(inner) for inner in value if "tfevents" not in str(inner)]
    return value


def _table(path: Path) -> bytes:
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [i for i, name in enumerate(rows[0]) if name not in CHANGING] if rows else []
    return repr([[row[i] for i in kept if i < len(row)] for row in rows]).encode()
