"""What an engine is."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]


class Engine(Protocol):
    """Runs one computation on arrays of one shape."""

    name: str

    def __call__(self, stack: Array) -> Array: ...


@contextlib.contextmanager
def only_errors(*names: str) -> Iterator[None]:
    """Keep what the loggers of these names say short of an error from the user, whose concern it is not."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
