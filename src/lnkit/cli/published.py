"""`lnkit published`: show, export and audit the published tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lnkit.cli._analysis import format_option, output_option, write_frame
from lnkit.cli._output import echo, emit_json, json_option, note, print_table
from lnkit.errors import UsageError, did_you_mean, near_names

if TYPE_CHECKING:
    from lnkit.analysis.published.tables import Row

FILTERS = {"bench": "benchmark"}  # option -> column, where the names differ
LEAST = (
    "note",
    "sign_convention",
    "computed",
    "year",
    "trained_on",
)  # columns that a narrow terminal does without first


@click.group()
def published() -> None:
    """Show, export and audit the published tables."""


@published.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the tables with their content and source."""
    from lnkit.analysis.published.tables import TABLES, read_rows  # noqa: PLC0415 - not for help

    read = {name: read_rows(name) for name in TABLES}
    sources = {name: len({row["source"] for row in rows}) for name, rows in read.items()}
    rows = [
        [name, len(read[name]), facts.title, facts.source or f"{sources[name]} sources, named in each row"]
        for name, facts in TABLES.items()
    ]
    columns = ["table", "rows", "content", "source"]
    if as_json:
        emit_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, rows)


@published.command("show")
@click.argument("table")
@click.option("--backbone", metavar="NAME", help="Only this backbone.")
@click.option("--bench", metavar="NAME", help="Only this benchmark.")
@click.option("--score", metavar="NAME", help="Only this score.")
@click.option("--point", metavar="POINT", help="Only this extraction point.")
@click.option("--dataset", metavar="NAME", help="Only this data set, as the table names it.")
@click.option("--split", metavar="TEXT", help="Only this part of a data set.")
@click.option("--metric", metavar="NAME", help="Only this metric.")
@click.option("--source", metavar="TEXT", help="Only rows from this source.")
@json_option
def show_command(table: str, as_json: bool, **filters: str | None) -> None:
    """Show a table or some of its rows, with the caveats on doubtful rows."""
    from lnkit.analysis.published.tables import read_rows  # noqa: PLC0415 - not for help

    rows = read_rows(table)
    for option, value in filters.items():
        if value is not None:
            rows = _only(rows, table, FILTERS.get(option, option), value)
    if as_json:
        emit_json(rows)
        return
    columns = [name for name in rows[0] if name != "caveat"]
    print_table(columns, [[row[name] for name in columns] for row in rows], least=LEAST)
    for caveat in dict.fromkeys(row["caveat"] for row in rows if row["caveat"]):
        count = sum(row["caveat"] == caveat for row in rows)
        note(f"Caveat on {count} of {len(rows)} rows: {caveat}.")


@published.command("export")
@click.argument("table")
@format_option
@output_option
def export_command(table: str, form: str, output: Path | None) -> None:
    """Print or write a table with the source and the caveat of each row."""
    from lnkit.analysis.published.tables import read_rows, table_facts  # noqa: PLC0415 - not for help

    facts = table_facts(table)  # refuse a wrong name before pandas is loaded, which is slow
    import pandas as pd  # noqa: PLC0415 - slow to import

    from lnkit.analysis.published import frames  # noqa: PLC0415 - pandas

    printed = form in ("markdown", "latex")  # with the digits of the paper
    frame = pd.DataFrame(read_rows(table)) if printed else frames.table(table)
    write_frame(frame, form, output, caption=(f"{facts.title}.", f"tab:{table}"))


@published.command("audit")
@json_option
def audit_command(as_json: bool) -> None:
    """Recompute the derived values in the tables, and report where they agree and where they do not."""
    from lnkit.analysis.published.audit import audit  # noqa: PLC0415 - pandas

    findings = audit()
    if as_json:
        emit_json([finding.as_dict() for finding in findings])
        return
    for number, finding in enumerate(findings):
        if number:
            echo()
        echo(f"{finding.title}: {finding.verdict}")
        echo(f"  {finding.summary}")
        print_table(
            ["  " + finding.columns[0], *finding.columns[1:]], [[f"  {row[0]}", *row[1:]] for row in finding.rows]
        )


def _only(rows: list[Row], table: str, column: str, value: str) -> list[Row]:
    if column not in rows[0]:
        raise UsageError(f"The table {table} has no column {column!r}; it has: {', '.join(rows[0])}.")
    matching = [row for row in rows if row[column].casefold() == value.casefold()]
    if not matching:
        known = list(dict.fromkeys(row[column] for row in rows))
        hint = did_you_mean(near_names(value, known))
        raise UsageError(f"The table {table} has no {column} {value!r}.{hint} There are: {', '.join(known)}.")
    return matching
