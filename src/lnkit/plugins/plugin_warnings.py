"""Warn about a plugin that works but delays every command, or changes state of the whole process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from lnkit.plugins.process_state import preserved
from lnkit.plugins.torch_state import GENERATORS, SETTINGS

HEAVY = (  # packages that take 50 ms or more to import
    *("torch", "torchvision", "timm", "transformers", "diffusers", "lpips", "onnx", "onnxruntime", "jax", "tensorflow"),
    *("numpy", "scipy", "pandas", "sklearn", "cv2", "PIL", "matplotlib", "requests", "huggingface_hub"),
)
SLOW = 0.5  # seconds in one stage from which a warning is given


@contextmanager
def collect_warnings(plugin: str, stage: str, warnings: list[str]) -> Iterator[None]:
    """Restore the state of the process that changes inside, and append sentences about the plugin to ``warnings``.

    Args:
        plugin: name to show.
        stage: "import", or the hook that runs inside.
        warnings: receives a sentence for heavy imports or a long wait, and one for changed state.
    """
    imported = _heavy_modules()
    start = perf_counter()
    try:
        with preserved((*SETTINGS, *GENERATORS)) as changed:
            yield
    finally:
        seconds = perf_counter() - start
        where = "when it is imported" if stage == "import" else f"in {stage}"
        if new := [name for name in _heavy_modules() if name not in imported]:
            warnings.append(
                f"Plugin {plugin!r} imports {', '.join(new)} {where}, which delays every command by {seconds:.1f} s. "
                "Import heavy packages inside the functions that need them."
            )
        elif seconds >= SLOW:
            warnings.append(f"Plugin {plugin!r} takes {seconds:.1f} s {where}, which delays every command.")
        if changed:
            warnings.append(f"Plugin {plugin!r} changes {', '.join(changed)} {where}; lnkit undid this.")


def _heavy_modules() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]
