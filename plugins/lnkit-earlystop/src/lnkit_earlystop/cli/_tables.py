"""Tables with the best row marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lnkit.commands import print_table


def print_rows(rows: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None) -> None:
    """Print a table of all values in the rows; ``best`` is one of the rows, or None."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name)) for name in columns] + ["best" * (row is best)] for row in rows]
    print_table([*columns, ""], cells)


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)
