"""Parts of the measurement: each is kept as soon as it is done, and tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext

Array = NDArray[Any]
Advance = Callable[[int], None]
Compute = Callable[[Advance], Mapping[str, Array]]  # given what hears of steps that are done


def keep(context: RunContext, key: str, steps: int, advance: Advance, compute: Compute) -> Mapping[str, Array]:
    """The part called ``key``, computed if there is none yet from an earlier run.

    Args:
        context: of the run.
        key: its name among the parts.
        steps: what it adds to the progress, all in all.
        advance: hears of progress.
        compute: makes it.
    """
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        told += done
        advance(done)

    part = context.store.get_or_compute(key, lambda: compute(tell))
    advance(steps - told)
    return part


def task(context: RunContext, title: str, total: int, unit: str) -> AbstractContextManager[Advance]:
    """A stretch of work in the progress, of ``total`` steps."""
    return context.progress.task(f"{title} with {context.backbone.name}", total, unit=unit)
