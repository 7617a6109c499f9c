"""The interface of an engine, and batches of one shape for it."""

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


def padded(images: Array, items: int) -> Array:
    """Repeat the last image until there are ``items``: batches of one size are rounded the same."""
    missing = items - len(images)
    return np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images


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
