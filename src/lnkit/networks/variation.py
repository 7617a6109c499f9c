"""Whether something that is computed of images depends on chance, or on the images beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from lnkit.plugins.process_state import preserved
from lnkit.plugins.torch_state import GENERATORS

CHANCE = "chance"  # or on what was computed before
BATCH = "batch"

IMAGES = 3

# Of the largest value. Batches of other sizes are rounded differently in float32: by 3e-6 at most in the layers of 15
# architectures of torchvision, and less than NEAR_TIE of lnkit.distances.comparer decides no choice.
TOLERANCE = 1e-4


def variations(compute: Callable[[slice], Mapping[str, Tensor]], first: Mapping[str, Tensor]) -> dict[str, str]:
    """Compute some items again, and one of them alone.

    Args:
        compute: Computes named tensors (N, ...) of the items of a slice.
        first: What it gave for all of :data:`IMAGES` items.

    Returns:
        The names of the tensors that vary, each with :data:`CHANCE` or :data:`BATCH`.
    """
    with torch.no_grad(), preserved(GENERATORS):
        again = compute(slice(IMAGES))
        try:
            alone = compute(slice(1))
        except Exception:  # code of others may raise anything: it needs a batch
            alone = dict.fromkeys(first, torch.empty(0))
    varying = {}
    for name, values in first.items():
        if not _close(values, again[name], 0):
            varying[name] = CHANCE
        elif len(values) != IMAGES or not _close(values[:1], alone[name], TOLERANCE):
            varying[name] = BATCH
    return varying


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Return whether two tensors differ by no more than a part of their largest value; NaN equals NaN."""
    if a.shape != b.shape:
        return False
    a, b = a.double(), b.double()
    largest = float(a.nan_to_num(0, 0, 0).abs().amax()) if a.numel() else 0.0
    return torch.allclose(a, b, rtol=0, atol=tolerance * largest, equal_nan=True)
