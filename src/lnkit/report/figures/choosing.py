"""Which measurements go into a figure, and which of them may share a panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from lnkit.analysis.score_rows import OWN, PUBLISHED
from lnkit.errors import UsageError, did_you_mean, near_names

FEWEST = 2  # marks; one alone shows nothing
MOST_PANELS = 12  # of a figure: more are no picture any more


def known(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with a value.

    Raises:
        UsageError: there are none.
    """
    rows = frame[frame.value.notna()]
    if rows.empty:
        raise UsageError("There is nothing to draw: no scores were gathered. `lnkit results list` shows what there is.")
    return rows


def primary(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of primary scores; all where none is primary."""
    rows = known(frame)
    return rows[rows.primary.astype(bool)] if rows.primary.any() else rows


def of_score(frame: pd.DataFrame, score: str) -> pd.DataFrame:
    """The rows of one score.

    Raises:
        UsageError: there are too few of them, or they are of several benchmarks.
    """
    rows = known(frame)
    names = list(dict.fromkeys(rows["score"]))
    if score not in names:
        hint = did_you_mean(near_names(score, names))
        raise UsageError(f"There is no score {score!r}.{hint} There are: {', '.join(names)}.")
    rows = rows[rows["score"] == score]
    benchmarks = list(dict.fromkeys(rows.benchmark))
    if len(benchmarks) > 1:
        raise UsageError(f"{score} is a score of {', '.join(benchmarks)}; choose one with --bench.")
    return enough(rows, f"with {score}")


def enough(rows: pd.DataFrame, what: str) -> pd.DataFrame:
    """The rows, if they make a figure.

    Raises:
        UsageError: there are too few.
    """
    if len(rows) >= FEWEST:
        return rows
    counted = "one loss network" if len(rows) else "no loss network"
    raise UsageError(f"There is {counted} {what}, and a figure needs {FEWEST}; `lnkit eval` measures more.")


def panels(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows that may share a panel: published ones with own ones that are comparable, and each other setting.

    Yields:
        A line that says what is in the panel, and its rows.

    Raises:
        UsageError: there are too many.
    """
    comparable = rows.comparable.astype(bool)
    key = rows.setting.where(~comparable, PUBLISHED)
    names = sorted(dict.fromkeys(key), key=lambda name: name != PUBLISHED)  # that with the published ones is the first
    few_enough(names)
    for name in names:
        yield _panel_line(rows[key == name]), rows[key == name]


def few_enough(settings: Sequence[str]) -> None:
    """Refuse a figure that would have too many panels.

    Raises:
        UsageError: there are more settings than a picture can show.
    """
    if len(settings) > MOST_PANELS:
        raise UsageError(
            f"There are {len(settings)} settings that cannot be compared, and a figure has at most {MOST_PANELS} "
            "panels; choose with --bench and --protocol."
        )


def _panel_line(rows: pd.DataFrame) -> str:
    own = rows[rows.origin == OWN]
    settings = ", ".join(dict.fromkeys(own.setting))
    counts = [
        _counted("published", rows[rows.origin != OWN]),
        _counted(f"own, {settings}", own),
    ]
    return " and ".join(filter(None, counts)) + doubt_about(rows)


def doubt_about(rows: pd.DataFrame) -> str:
    """What is added to the line of a panel whose scores may not stand beside published ones."""
    return "" if rows.comparable.all() else "; not comparable with published scores"


def _counted(what: str, rows: pd.DataFrame) -> str:
    count = rows.loss_network.nunique()
    return f"{what} (n = {count} loss network{'s' * (count != 1)})" if count else ""
