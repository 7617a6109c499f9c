"""Long measurements in parts, each kept as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext
    from lnkit.distances.comparer import ImageComparer

Array = np.ndarray[Any, Any]
Advance = Callable[[int], None]


class Shards:
    """Measures shard by shard; the network is built only if one was not kept from an earlier run."""

    def __init__(self, context: RunContext, comparisons: int, advance: Advance) -> None:
        """``comparisons`` is about how many items will be compared in all; ``advance`` hears of progress."""
        self.store, self.advance = context.store, advance
        self.comparer: Callable[[], ImageComparer] = cache(
            lambda: context.comparer(context.protocol.distance_config(), comparisons)
        )

    def measure(self, key: str, steps: int, compute: Callable[[ImageComparer, Advance], Array]) -> Array:
        """The distances of one shard.

        Args:
            key: Its name among the kept parts.
            steps: What it adds to the progress, all in all.
            compute: Measures it; what it was given last hears of steps done.
        """
        told = 0

        def tell(done: int) -> None:
            nonlocal told
            told += done
            self.advance(done)

        part = self.store.get_or_compute(key, lambda: {"distance": compute(self.comparer(), tell)})
        self.advance(steps - told)
        found: Array = part["distance"]
        return found
