"""Writing of safetensors files, whose bytes are the same for the same content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit._text_paths import text_paths

if TYPE_CHECKING:
    from torch import Tensor

LENGTH_BYTES = 8  # at the start of a file: the length of its header, which is JSON


@text_paths
def write_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors, which must not share memory, as a safetensors file.

    Args:
        file: Written in place; see :func:`lnkit.data.atomic.atomic_write`.
        tensors: On the CPU and contiguous, by name.
        metadata: Facts for the header.

    Raises:
        SafetensorError, OSError: It cannot be written.
    """
    from safetensors.torch import save_file  # noqa: PLC0415 - torch

    save_file(dict(tensors), file, metadata=dict(metadata) if metadata else None)
    if metadata:
        _sort_metadata(file)


def _sort_metadata(file: Path) -> None:
    """Sort the metadata by name; the library writes it in another order in every process."""
    with file.open("r+b") as stream:
        length = int.from_bytes(stream.read(LENGTH_BYTES), "little")
        header = json.loads(stream.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(length)
        if len(text) == length:  # otherwise the library writes JSON in another form than today
            stream.seek(LENGTH_BYTES)
            stream.write(text)
