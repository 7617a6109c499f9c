"""Packages that only some commands need: the extras of lnkit's distribution."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from lnkit.errors import UsageError

__all__ = ["ONNX", "PLOT", "RAY", "SLURM", "TORCHMETRICS", "missing", "require"]

# A module -> the package that has it.
ONNX = {"onnxruntime": "onnxruntime", "onnx": "onnx", "onnxscript": "onnxscript"}
PLOT = {"altair": "altair", "vl_convert": "vl-convert-python"}
RAY = {"ray": "ray"}
SLURM = {"submitit": "submitit"}
TORCHMETRICS = {"torchmetrics": "torchmetrics"}


def missing(extra: str, modules: Mapping[str, str]) -> str:
    """Return the packages that are not installed and how to install them, or "".

    Args:
        extra: name of the extra.
        modules: its modules, each with its package.

    Returns:
        A part of a sentence: "the packages altair, vl-convert-python (pip install 'lnkit[plot]')".
    """
    absent = [package for module, package in modules.items() if find_spec(module) is None]
    noun = "packages" if len(absent) > 1 else "package"
    return f"the {noun} {', '.join(absent)} (pip install 'lnkit[{extra}]')" if absent else ""


def require(what: str, extra: str, modules: Mapping[str, str]) -> None:
    """Refuse to go on without the packages of an extra.

    Args:
        what: needs them, as the beginning of a sentence: "A figure".
        extra: name of the extra.
        modules: its modules, each with its package.

    Raises:
        UsageError: a package is not installed.
    """
    if packages := missing(extra, modules):
        raise UsageError(f"{what} needs {packages}.")
