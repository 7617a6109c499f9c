"""What to say about a name that is not there: the nearest ones that are."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def near_names(name: str, known: Collection[str], cutoff: float = 0.6) -> list[str]:
    """Up to three of the ``known`` names that are most like ``name``; ``cutoff`` is difflib's ratio in [0, 1]."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a wrong name, and every command passes here

    return get_close_matches(name, known, n=3, cutoff=cutoff)


def did_you_mean(near: Sequence[str]) -> str:
    """`` Did you mean 'vgg16' or 'vgg19'?`` to put behind a sentence; nothing if nothing is near."""
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
