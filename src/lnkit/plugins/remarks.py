"""What is remarked about a plugin though it works: it makes every command wait, or changes what belongs to all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from lnkit.plugins import process_state as processstate
from lnkit.plugins import torch_state as torchstate
from lnkit.plugins.process_state import kept

SETTINGS = (*processstate.PROCESS, *torchstate.TORCH)
GENERATORS = (*processstate.GENERATORS, *torchstate.GENERATORS)
HEAVY = (  # what takes 50 ms and more to import
    *("torch", "torchvision", "timm", "transformers", "diffusers", "lpips", "onnx", "onnxruntime", "jax", "tensorflow"),
    *("numpy", "scipy", "pandas", "sklearn", "cv2", "PIL", "matplotlib", "requests", "huggingface_hub"),
)
SLOW = 0.5  # seconds in one stage from which a plugin is named


@contextmanager
def remarking(plugin: str, stage: str, remarks: list[str]) -> Iterator[None]:
    """Put back what changes for the whole process inside, and add to ``remarks`` what there is to say of it."""
    imported = _heavy()
    began = perf_counter()
    try:
        with kept((*SETTINGS, *GENERATORS)) as changed:
            yield
    finally:
        seconds = perf_counter() - began
        where = "when it is imported" if stage == "import" else f"in {stage}"
        if new := [name for name in _heavy() if name not in imported]:
            remarks.append(
                f"Plugin {plugin!r} imports {', '.join(new)} {where}, and every command waits for that "
                f"({seconds:.1f} s): import it inside the functions that need it."
            )
        elif seconds >= SLOW:
            remarks.append(f"Plugin {plugin!r} takes {seconds:.1f} s {where}, and every command waits for that.")
        if changed:
            remarks.append(f"Plugin {plugin!r} changes {', '.join(changed)} {where}, which was put back.")


def _heavy() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]
