"""What a running benchmark may use: its data folder, its protocol, the networks, and a place to keep finished parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lnkit.progress import Progress
from lnkit.specs import DistanceConfig, LossNetworkId

if TYPE_CHECKING:
    import numpy as np

    from lnkit.comparing.comparer import ImageComparer

Arrays = Mapping[str, "np.ndarray"]


class PartStore(Protocol):
    """Keeps finished parts of a long run, so that the same command goes on where it stopped."""

    def keep(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Return the part stored under ``key``, computing and storing it (atomically) if there is none yet."""
        ...


@dataclass(frozen=True)
class RunContext:
    """Handed to a benchmark by the runner; the same for ``open_data`` and ``run``."""

    protocol: Any  # the benchmark's own frozen dataclass, overrides applied
    networks: tuple[LossNetworkId, ...]  # what to score; all of one backbone
    data: Path | None  # the user's --data folder; None: the benchmark's own folder in the cache
    cache: Path  # where packed arrays and the like are kept
    sample: bool  # use the small embedded sample instead of the data
    seed: int  # of everything that is drawn
    progress: Progress
    parts: PartStore
    comparer: Callable[[DistanceConfig, int], ImageComparer]  # comparer(distance, number of items to come)
