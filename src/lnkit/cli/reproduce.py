"""`lnkit reproduce`: own results beside the published tables."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

import click

from lnkit.cli._analysis import FILE, gather_measurements, results_option
from lnkit.cli._output import echo, emit_json, json_option, note, print_table


@click.command("reproduce")
@results_option
@click.option(
    "--protocol",
    "variant",
    metavar="VARIANT",
    help="Use results of this variant; otherwise the comparable ones, `reference` before others.",
)
@click.option(
    "--output", "-o", type=FILE, default="reproduction.html", show_default=True, help="File to write: .html or .md."
)
@click.option("--study", type=FILE, help="Instead: write all runs as a study to this file, for `lnkit sweep run FILE`.")
@json_option
def reproduce(folder: Path | None, variant: str | None, output: Path, study: Path | None, as_json: bool) -> None:
    """Compare own results with the published tables and list what is missing.

    The page has one section for each table of the published study: the own value, the published one, the difference,
    and possible reasons for it; then the commands that compute the missing values, each once.
    """
    from lnkit.report.reproduction import (  # noqa: PLC0415 - not for help
        measured,
        reproduce as compare_with_tables,
        write_page,
        write_study,
    )

    if study is not None:
        write_study(study)
        echo(f"Study: {study}")
        note(f"`lnkit sweep plan {shlex.quote(str(study))}` shows its tasks.")
        return

    parts = compare_with_tables(gather_measurements("both", folder, None, None, False, quiet=as_json), variant)
    if as_json:
        emit_json([asdict(part) for part in parts])
        return
    write_page(parts, output)
    rows = [[part.title, f"{len(part.lines)} of {len(part.lines) + part.missing}", part.column] for part in parts]
    print_table(["table", "values", "source"], rows)
    known, count = measured(parts)
    echo(f"{known:,} of {count:,} published scores measured.")
    echo(f"Page: {output}")
    if known < count:
        note(
            "The page lists the commands that compute the missing scores; `lnkit reproduce --study study.toml` writes "
            "them as one file for `lnkit sweep run`."
        )
