"""Several trainings of one request, each with a seed of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager

from lnkit.errors import UsageError
from lnkit.progress import Advance, Progress

FEWEST, MOST = 2, 100  # one seed shows no spread; a larger number is rather meant as one seed


def seed_list(seeds: str | int | Iterable[int]) -> tuple[int, ...]:
    """Return the seeds that a number or a list names: ``3`` and ``"3"`` are 0, 1, 2; ``"0,1,5"`` are these three.

    Raises:
        UsageError: it is neither, or names fewer than two different seeds, or a negative one.

    Example:
        >>> seed_list(3), seed_list("0,1,5")
        ((0, 1, 2), (0, 1, 5))
    """
    if isinstance(seeds, str):
        seeds = _read(seeds)
    if isinstance(seeds, int):
        if not FEWEST <= seeds <= MOST:
            raise UsageError(_expected(seeds) + f" `--seed {seeds}` trains once, with this seed." * (seeds >= 0))
        return tuple(range(seeds))
    listed = tuple(seeds)
    if repeated := [seed for seed in dict.fromkeys(listed) if listed.count(seed) > 1]:
        raise UsageError(f"{_expected(','.join(map(str, listed)))} The seed {repeated[0]} is repeated.")
    if not FEWEST <= len(listed) <= MOST or min(listed) < 0:
        raise UsageError(_expected(",".join(map(str, listed))))
    return listed


def _read(text: str) -> int | list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"-?\d{1,18}", word) for word in words):
        raise UsageError(_expected(text))
    numbers = [int(word) for word in words]
    return numbers[0] if len(numbers) == 1 else numbers


def _expected(got: object) -> str:
    return (
        f"Expected --seeds with a number of trainings from {FEWEST} to {MOST}, or a list of different seeds from 0 on "
        f"such as 0,1,5, got {str(got)!r}."
    )


class SeedProgress:
    """Progress of a training whose titles name its seed."""

    def __init__(self, progress: Progress, seed: int) -> None:
        self._progress, self._seed = progress, seed

    def task(self, title: str, total: int | None = None, *, unit: str = "") -> AbstractContextManager[Advance]:
        """Open a task; see Progress."""
        return self._progress.task(f"{title}, seed {self._seed}", total, unit=unit)

    def say(self, sentence: str) -> None:
        """Show a sentence; see Progress."""
        self._progress.say(sentence)
