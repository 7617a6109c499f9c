"""Variables of MATLAB files of version 4 to 7. Nothing in them is executed: they hold no pickles."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data import read_bytes
from lnkit.errors import DataError

LARGEST = 2**22  # bytes of a file; the labels of LIVE have some 20,000
CHARACTERS = 255  # of a name


@text_paths
def read_mat(path: Path, *names: str, count: int, text: bool = False) -> list[NDArray[Any]]:
    """Read variables, each as one row: numbers as float64, or texts.

    Args:
        path: The file.
        *names: Of the variables.
        count: Elements of each.
        text: Whether they are cells of text.

    Raises:
        DataError: The file is none of version 4 to 7, is damaged, lacks a variable, or has something else in it.
    """
    data = read_bytes(path, LARGEST)
    from scipy.io import loadmat, whosmat  # noqa: PLC0415 - only for MATLAB files

    shapes = {name: shape for name, shape, _ in _attempt(lambda: whosmat(BytesIO(data)), path)}
    for name in names:
        if name not in shapes:
            raise DataError(
                f"{path} has no variable {name}. Expected {' and '.join(names)}, got "
                f"{', '.join(map(_shown, shapes)) or 'nothing'}: it may be another file under this name."
            )
        if prod(shapes[name]) != count:
            raise DataError(
                f"{path}: expected {count:,} elements in {name}, got {prod(shapes[name]):,}. Get the published file."
            )
    loaded = _attempt(lambda: loadmat(BytesIO(data), variable_names=names), path)
    return [_row(loaded[name], name, path, text) for name in names]


def _attempt(read: Callable[[], Any], path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about variables that are there twice
            return read()
    except NotImplementedError as error:
        raise DataError(
            f"{path} is a MATLAB file of version 7.3, and expected is one of version 7 or older, as published. Save it "
            "with `save -v7`, or get it again."
        ) from error
    except Exception as error:  # scipy has errors of many kinds for damage
        raise DataError(
            f"{path} is not a readable MATLAB file ({type(error).__name__}: {error!s:.80}). Get it again."
        ) from error


def _row(array: NDArray[Any], name: str, path: Path, text: bool) -> NDArray[Any]:
    values: Sequence[Any] = np.asarray(array).ravel(order="F").tolist()
    if text:  # each cell holds an array of one text
        texts = [cell.item() if isinstance(cell, np.ndarray) and cell.size == 1 else cell for cell in values]
        if all(isinstance(value, str) and len(value) <= CHARACTERS for value in texts):
            return np.array([value.strip() for value in texts], dtype=np.str_)
    elif array.dtype.kind in "biuf" and np.isfinite(array).all():
        return np.array(values, dtype=np.float64)
    expected = "names" if text else "finite numbers"
    raise DataError(f"{path}: expected {expected} in {name}, got {array.dtype}. Get the published file.")


def _shown(name: object) -> str:
    return ascii(name)[1:-1][:40]
