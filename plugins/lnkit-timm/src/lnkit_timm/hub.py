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
    offline = constants.HF_HUB_OFFLINE
    fault = "HF_HUB_OFFLINE is set" if offline else _fault()
    constants.HF_HUB_OFFLINE = bool(fault)
    try:
        yield fault
    finally:
        constants.HF_HUB_OFFLINE = offline


def _fault() -> str:
    try:
        get_session().head(constants.ENDPOINT, timeout=TIMEOUT)
    except Exception as error:  # its errors belong to another package in each major version of the client
        return f"{constants.ENDPOINT} cannot be reached: {error}"
    return ""
