"""Warn about a plugin that works but delays every command, or changes state of the whole process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

HEAVY = (  # packages that take 50 ms or more to import
    *("torch", "torchvision", "timm", "transformers", "diffusers", "lpips", "onnx", "onnxruntime", "jax", "tensorflow"),
    *("numpy", "scipy", "pandas", "sklearn", "cv2", "PIL", "matplotlib", "requests", "huggingface_hub"),
)
SLOW = 0.5  # seconds in one stage from which a warning is given


@contextmanager
def collect_warnings(plugin: str, stage: str, warnings: list[str]) -> Iterator[None]:
    """Append sentences about a plugin to ``warnings``.

    Args:
        plugin: name to show.
        stage: "import", or the hook that runs inside.
        warnings: receives a sentence for heavy imports or a long wait.
    """
    imported = _heavy_modules()
    start = perf_counter()
    yield
    seconds = perf_counter() - start
    where = where_in(stage)
    if new := [name for name in _heavy_modules() if name not in imported]:
        warnings.append(
            f"Plugin {plugin!r} imports {', '.join(new)} {where}, which delays every command by {seconds:.1f} s. "
            "Import heavy packages inside the functions that need them."
        )
    elif seconds >= SLOW:
        warnings.append(f"Plugin {plugin!r} takes {seconds:.1f} s {where}, which delays every command.")


def where_in(stage: str) -> str:
    """Return a stage as a part of a sentence: "when it is imported", "in register_backbone"."""
    return "when it is imported" if stage == "import" else f"in {stage}"


def _heavy_modules() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]
