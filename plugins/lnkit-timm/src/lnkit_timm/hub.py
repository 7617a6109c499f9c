"""The hub that holds timm's weights. Its client retries for a minute where it cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import (
    constants,  # comes with timm
    get_session,
)

TIMEOUT = 6.0  # seconds that the hub has to answer


@contextmanager
def asked_once() -> Iterator[str]:
    """Ask the hub once whether it answers; if it does not, its client inside uses only what has been downloaded.

    ``HF_HUB_OFFLINE`` and ``HF_ENDPOINT`` are respected.

    Yields:
        Why the hub cannot be used, as a phrase; "" if it can.
    """
    fault = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _fault()
    with offline(bool(fault)):
        yield fault


@contextmanager
def offline(switch: bool = True) -> Iterator[None]:
    """Have the hub's client use only what has been downloaded while inside, or not, whatever its setting."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = switch
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _fault() -> str:
    try:
        get_session().head(constants.ENDPOINT, timeout=TIMEOUT)
    except Exception as error:  # its errors belong to another package in each major version of the client
        return f"{constants.ENDPOINT} cannot be reached: {error}"
    return ""
