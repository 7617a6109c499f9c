"""ONNX Runtime on the CPU; the module is exported once, to a temporary file."""

from __future__ import annotations

import tempfile
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import torch
from torch import nn

from lnkit import extras
from lnkit.distances.engines.base import Array, quiet_loggers
from lnkit.distances.engines.eager import prepare


def missing() -> str:
    """Return the packages of this engine that are not installed, or ""."""
    return extras.missing("onnx", extras.ONNX)


class OnnxEngine:
    """Runs a module that is exported for one shape."""

    name = "onnxruntime"

    def __init__(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        import onnxruntime  # noqa: PLC0415 - an optional package

        with tempfile.TemporaryDirectory(prefix="lnkit-onnx-") as folder:
            path = Path(folder) / "module.onnx"
            _export(prepare(module), torch.zeros(shape, dtype=torch.uint8), path)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3  # errors only
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def __call__(self, stack: Array) -> Array:
        distances: Array = self.session.run(None, {self.input: stack})[0]
        return distances


def _export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Write a module as an ONNX file and hide the messages of the exporter."""
    quiet = quiet_loggers("torch.onnx", "onnxscript", "onnx_ir")
    with torch.no_grad(), warnings.catch_warnings(), redirect_stdout(StringIO()), quiet:
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (example,), path, dynamo=True, external_data=True)
