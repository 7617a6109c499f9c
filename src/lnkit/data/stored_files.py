"""Reading of files that lnkit wrote earlier: records, manifests, checkpoints, arrays.

Anybody may have changed them since, so nothing here trusts its file: only regular files are opened (a FIFO would block,
a device would never end), and every kind of damage becomes a DataError, which callers may catch to pass the file over.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit._text_paths import text_paths
from lnkit.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

LONGEST = 2**26  # bytes of a text; the longest that lnkit writes, an inventory of a million files, has about as many
LARGEST = 2**30  # bytes of any file that is read into memory; an image of 179 million pixels has half as many
DEEPEST = 100  # nested lists and objects in JSON; code that walks through a value is recursive

_KINDS = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}


@text_paths
@contextmanager
def open_regular(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file, or a link to one, for reading.

    Raises:
        DataError: It is missing, not a regular file, or may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # without O_NONBLOCK a FIFO blocks
    except (OSError, ValueError) as error:  # ValueError: the name holds a NUL
        raise unreadable(path, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise DataError(f"Expected a file, got {kind_of(mode)}: {path}.")
    with os.fdopen(descriptor, "rb") as stream:
        yield stream


@text_paths
def read_bytes(path: Path, longest: int = LARGEST) -> bytes:
    """Read a file into memory.

    Args:
        path: The file.
        longest: Its greatest number of bytes.

    Raises:
        DataError: It is missing, unreadable or too long.
    """
    with open_regular(path) as stream:
        try:
            size = max(os.fstat(stream.fileno()).st_size, 2**16)  # files of /proc state 0
            data = stream.read(min(size, longest) + 1)
        except OSError as error:
            raise unreadable(path, error) from error
    if len(data) > longest:
        raise DataError(f"{path} is longer than {longest:,} bytes, and must fit into memory.")
    return data


@text_paths
def read_text(path: Path, longest: int = LONGEST) -> str:
    """Read a text in UTF-8; line ends become line feeds.

    Raises:
        DataError: It is missing, unreadable, too long, or no text.
    """
    try:
        text = read_bytes(path, longest).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is damaged: it is not UTF-8 ({error.reason} at byte {error.start}).") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


@text_paths
def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: It is missing, unreadable, no JSON, or no object; or text in it could not be printed again.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, where: str) -> dict[str, Any]:
    """Return the JSON object that ``text`` holds.

    Args:
        text: The JSON.
        where: Names its source in error messages.

    Raises:
        DataError: As for :func:`read_json`.
    """
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():  # an escape may stand for half a character, which no file and no terminal takes
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise DataError(f"{where} is damaged: its values are nested too deeply.") from error
    except ValueError as error:
        raise DataError(f"{where} is damaged: it is not JSON ({error}).") from error
    if text.count("[") + text.count("{") > DEEPEST and _is_deeper(value, DEEPEST):
        raise DataError(f"{where} is damaged: its values are nested too deeply.")
    if not isinstance(value, dict):
        raise DataError(f"{where} is damaged: expected a JSON object, got {type(value).__name__}.")
    return value


@text_paths
def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file by name.

    Raises:
        DataError: It is missing, unreadable or damaged.
    """
    import numpy as np  # noqa: PLC0415 - listing records needs no numpy

    with open_regular(path) as stream:
        try:
            with np.load(stream, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except Exception as error:  # zip, zlib, tokenize and numpy each have errors of their own for damaged files
            raise DataError(f"{path} is damaged ({_first_line(error)}).") from error


@text_paths
def read_array(path: Path) -> np.ndarray:
    """Read the array of an ``.npy`` file.

    Raises:
        DataError: As for :func:`parse_array`, or the file is missing or unreadable.
    """
    return parse_array(read_bytes(path), path)


def parse_array(data: bytes, path: Path) -> np.ndarray:
    """Return the array that the ``.npy`` file ``data`` holds.

    Args:
        data: The bytes of the file.
        path: For error messages.

    Raises:
        DataError: It is damaged, or holds anything but one array of numbers or text.
    """
    import numpy as np  # noqa: PLC0415 - listing records needs no numpy

    try:
        array = np.lib.format.read_array(BytesIO(data), allow_pickle=False)
    except Exception as error:  # tokenize, ast and numpy each have errors of their own for damaged headers
        raise DataError(f"{path} is not a readable .npy file ({_first_line(error)}).") from error
    return array


@text_paths
def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file by name, on the CPU.

    Raises:
        DataError: It is missing, unreadable or damaged.
    """
    from safetensors.torch import load_file  # noqa: PLC0415 - torch

    with open_regular(path):
        pass
    try:
        return load_file(path)
    except Exception as error:  # safetensors and torch raise errors of many kinds for damaged headers
        raise DataError(f"{path} is damaged ({_first_line(error)}).") from error


def kind_of(mode: int) -> str:
    """Return what a path's ``st_mode`` stands for: "a FIFO"."""
    return _KINDS.get(stat.S_IFMT(mode), "a device")


def unreadable(path: Path, error: OSError | ValueError) -> DataError:
    """Return the DataError for a file that cannot be opened or read."""
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path} is missing.")
    return DataError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}).")


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, (list, dict)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in inner)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
