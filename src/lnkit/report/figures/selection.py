"""Which measurements go into a figure, and which of them may share a panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from lnkit.analysis.score_rows import OWN, PUBLISHED
from lnkit.errors import UsageError, did_you_mean, near_names

MIN_MARKS = 2  # a single mark shows nothing
MAX_PANELS = 12  # more do not fit into a readable figure


def rows_with_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a value.

    Raises:
        UsageError: there are none.
    """
    rows = frame[frame.value.notna()]
    if rows.empty:
        raise UsageError("There is nothing to draw: no scores were found. `lnkit results list` shows your results.")
    return rows


def primary_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of primary scores, or all rows if no score is primary."""
    rows = rows_with_values(frame)
    return rows[rows.primary.astype(bool)] if rows.primary.any() else rows


def select_score(frame: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the rows of one score.

    Raises:
        UsageError: fewer than two loss networks have the score, or several benchmarks have a score of this name.
    """
    rows = rows_with_values(frame)
    names = list(dict.fromkeys(rows["score"]))
    if score not in names:
        hint = did_you_mean(near_names(score, names))
        raise UsageError(f"There is no score {score!r}.{hint} There are: {', '.join(names)}.")
    rows = rows[rows["score"] == score]
    benchmarks = list(dict.fromkeys(rows.benchmark))
    if len(benchmarks) > 1:
        raise UsageError(f"{score} is a score of {', '.join(benchmarks)}; choose one with --bench.")
    return require_enough(rows, f"with {score}")


def require_enough(rows: pd.DataFrame, description: str) -> pd.DataFrame:
    """Return the rows if they are enough for a figure.

    Args:
        rows: of measurements.
        description: of these loss networks, for the error message: "with 2afc".

    Raises:
        UsageError: there are fewer than two rows.
    """
    if len(rows) >= MIN_MARKS:
        return rows
    count = "one loss network" if len(rows) else "no loss network"
    raise UsageError(f"There is {count} {description}, but a figure needs {MIN_MARKS}; `lnkit eval` measures more.")


def panels(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split the rows into panels: one for everything comparable with published scores, one for each other setting.

    Yields:
        The title of the panel, and its rows.

    Raises:
        UsageError: there are too many settings.
    """
    key = rows.setting.where(~rows.comparable.astype(bool), PUBLISHED)
    settings = published_first(key)
    check_panel_count(settings)
    for setting in settings:
        yield _panel_title(rows[key == setting]), rows[key == setting]


def published_first(settings: pd.Series) -> list[str]:
    """Return each setting once, the published one first."""
    return sorted(dict.fromkeys(settings), key=lambda name: name != PUBLISHED)


def check_panel_count(settings: Sequence[str]) -> None:
    """Refuse a figure that would have too many panels.

    Raises:
        UsageError: there are more settings than a figure can show.
    """
    if len(settings) > MAX_PANELS:
        raise UsageError(
            f"There are {len(settings)} settings that cannot be compared, but a figure has at most {MAX_PANELS} "
            "panels; choose with --bench and --protocol."
        )


def _panel_title(rows: pd.DataFrame) -> str:
    own = rows[rows.origin == OWN]
    settings = ", ".join(dict.fromkeys(own.setting))
    counts = [_counted("published", rows[rows.origin != OWN]), _counted(f"own, {settings}", own)]
    return " and ".join(filter(None, counts)) + comparability_note(rows)


def comparability_note(rows: pd.DataFrame) -> str:
    """Return the end of a panel title that marks scores as not comparable with published ones; "" if they are."""
    return "" if rows.comparable.all() else "; not comparable with published scores"


def _counted(label: str, rows: pd.DataFrame) -> str:
    count = rows.loss_network.nunique()
    return f"{label} (n = {count} loss network{'s' * (count != 1)})" if count else ""
