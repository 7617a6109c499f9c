"""Tables of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lnkit.commands import print_table


def show_checkpoints(rows: Sequence[Mapping[str, float]]) -> None:
    """The checkpoints as a table, the best marked."""
    from lnkit_earlystop.history import best_of  # noqa: PLC0415 - not for help

    best = best_of(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    shown = [[_cell(name, row.get(name)) for name in columns] + ["best" * (row is best)] for row in rows]
    print_table([*columns, ""], shown)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if name == "step" else f"{value:.2f}"
