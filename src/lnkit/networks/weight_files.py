"""Read files of weights by their content, whatever their names, and without running code in them."""

from __future__ import annotations

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch

from lnkit.data.stored_files import LONGEST, open_regular, read_tensors
from lnkit.errors import DataError, WeightsError
from lnkit.plugins.rules import printable

ZIP = b"PK\x03\x04"
TORCH_MAGIC = b"l\xfc\x9cF\xf9 j\xa8P\x19"  # begins what torch.save wrote before it wrote zip archives
HEAD = 4096  # bytes that tell the kind of a file
CHUNK = 2**20

_DAMAGED = "It may be truncated, or not a weights file: fetch it again, and check its size."
_SAVE_AGAIN = "load it yourself and save its state_dict() as safetensors"
_UNPACK = "Unpack it and give the file of weights that it holds."
_CONVERT = "Convert it to a PyTorch state dict first."
_OTHER_KINDS = (  # how a file begins, what it is, and what to do
    (rb"version https://git-lfs", "the pointer of Git LFS to a file", "Fetch the file itself with `git lfs pull`."),
    (rb"\s*<", "a web page or another text with tags", "Fetch the file of weights itself, and check its size."),
    (rb"\x1f\x8b", "a gzip archive", _UNPACK),
    (rb"BZh", "a bzip2 archive", _UNPACK),
    (rb"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (rb"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (rb"Rar!", "a rar archive", _UNPACK),
    (rb"(?s:.{257})ustar", "a tar archive", _UNPACK),
    (rb"\x89HDF", "an HDF5 file, as Keras writes", _CONVERT),
    (rb"\x93NUMPY", "an array of NumPy", _CONVERT),
    (rb"GGUF", "a GGUF file", _CONVERT),
    (rb"(?s:\s*\{.*\"weight_map\")", "the index of weights in several files", "Merge them into one file."),
    (rb"\s*[\[{]\s*[\"\]}]", "JSON", "Give the file of weights itself."),
)


def require_file(path: Path) -> None:
    """Raise WeightsError if there is no file at ``path``, or it may not be read."""
    with _opened(path):
        pass


def read_content(path: Path) -> Any:
    """Read a safetensors file, or what ``torch.save`` wrote; only tensors and plain values are unpickled.

    Returns:
        For safetensors the tensors by name, on the CPU; otherwise whatever was saved.

    Raises:
        WeightsError: The file is missing, unreadable or damaged, or is something else.
    """
    with _opened(path) as stream:
        head = stream.read(HEAD)
        stream.seek(0)
        if head.startswith(ZIP):
            _check_zip(stream, path)
            return _unpickle(stream, path)
        if TORCH_MAGIC in head[:32]:
            return _unpickle(stream, path)
    if head[8:9] == b"{":  # after the length of the header, which is JSON
        return _read_safetensors(path)
    raise WeightsError(_explain(head, path))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with open_regular(path) as stream:
            yield stream
    except DataError as error:
        if error.__cause__ is None and path.is_dir():  # it was opened
            raise WeightsError(_explain_folder(path)) from error
        if not isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError, ValueError)):
            raise WeightsError(str(error)) from error
        raise WeightsError(
            f"There is no weights file {printable(str(path))}. Expected 'pretrained', 'random', or a .safetensors or "
            ".pth file."
        ) from error


def _explain_folder(path: Path) -> str:
    usual = ("model.safetensors", "pytorch_model.bin", "diffusion_pytorch_model.safetensors")
    inner = next((path / name for name in usual if (path / name).is_file()), None)
    return f"Expected a file of weights, got the folder {path}. Give {inner or 'a file in it'}."


def _explain(head: bytes, path: Path) -> str:
    if not head:
        return f"{path} is empty: fetch it again, and check its size."
    for begin, kind, advice in _OTHER_KINDS:
        if re.match(begin, head):
            return f"{path} is {kind}, not weights. {advice}"
    return f"{path} was not written by torch.save, and is not safetensors. {_DAMAGED}"


def _read_safetensors(path: Path) -> Any:
    try:
        return read_tensors(path)
    except DataError as error:
        reason = str(error).removeprefix(f"{path} ")
        raise WeightsError(f"{path} is not a complete safetensors file: it {reason} {_DAMAGED}") from error


def _check_zip(stream: BinaryIO, path: Path) -> None:
    """Refuse what torch would read wrongly: it ignores checksums, and trusts sizes and names."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            fault = _fault_of(members, os.fstat(stream.fileno()).st_size)
            if not fault:
                _check_sums(archive)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path} is damaged ({_first_line(error)}). {_DAMAGED}") from error
    if fault:
        raise WeightsError(f"{path} {fault}")
    stream.seek(0)


def _fault_of(members: list[zipfile.ZipInfo], size: int) -> str:
    """Return the end of a sentence about an archive that torch.save did not write; "" if it did."""
    names = [member.filename for member in members]
    if any(name.endswith("/constants.pkl") for name in names):
        return f"holds a TorchScript module, not a state dict. Open it with torch.jit.load: {_SAVE_AGAIN}."
    if not any(name.endswith("/data.pkl") for name in names):
        return f"is a zip archive that torch.save did not write, such as {printable(', '.join(names[:3]))}. {_UNPACK}"
    if any(member.file_size > LONGEST for member in members if member.filename.endswith("/data.pkl")):
        return f"holds more than tensors: the description of its values is longer than {LONGEST:,} bytes. {_DAMAGED}"
    if len(set(names)) < len(names):
        return f"is damaged: two of its members have the same name. {_DAMAGED}"
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > size:
        return f"is compressed, which torch.save never does. If you trust it, {_SAVE_AGAIN}."
    return ""


def _check_sums(archive: zipfile.ZipFile) -> None:
    for member in archive.infolist():
        if member.CRC:  # 0: torch.save was told to compute none
            with archive.open(member) as data:
                while data.read(CHUNK):  # at the end, zipfile compares the sums
                    pass


def _unpickle(stream: BinaryIO, path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # about the version of the pickle, which does not matter
            return torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(_explain_pickle(str(error), path)) from error
    except Exception as error:  # unpickling a damaged file calls functions of torch with anything
        raise WeightsError(f"{path} cannot be read ({_first_line(error)}). {_DAMAGED}") from error


def _explain_pickle(message: str, path: Path) -> str:
    if "Unsupported operand" in message:
        return f"{path} is damaged, or was pickled with another protocol than torch.save's own. {_DAMAGED}"
    found = re.search(r"GLOBAL (\S+)", message)
    return (
        f"{path} holds Python objects besides tensors{f' ({printable(found[1])})' if found else ''}; reading those "
        f"could run any code, so it is refused. If you trust the file, {_SAVE_AGAIN}."
    )


def _first_line(error: BaseException) -> str:
    return printable((str(error) or type(error).__name__).splitlines()[0])
