"""What an engine is."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]


class Engine(Protocol):
    """Runs one computation on arrays of one shape."""

    name: str

    def __call__(self, stack: Array) -> Array: ...
