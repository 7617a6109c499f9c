"""The interface of an engine."""

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
def quiet_loggers(*names: str) -> Iterator[None]:
    """Hide messages below the level ERROR of these loggers: the user cannot act on them."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
