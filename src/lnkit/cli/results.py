"""`lnkit results`: list, show, export and compare what was measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lnkit.cli._output import emit_json, json_option, note, print_table, warn
from lnkit.errors import UsageError
from lnkit.results.folder import ResultsFolder, results_dir
from lnkit.results.records import RunRecord, ScoreRecord, to_plain

MOST_FILES = 12  # of one folder beside a record that are named one by one
FOLDER = click.Path(path_type=Path, file_okay=False)

results_option = click.option(
    "--results", "folder", type=FOLDER, help="The results folder.  [default: $LNKIT_RESULTS or ./results]"
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that narrow down which results are meant."""
    for option in reversed(
        (
            click.option("--bench", metavar="NAME", help="Only this benchmark."),
            click.option("--backbone", metavar="NAME", help="Only this backbone."),
            click.option("--point", metavar="POINT", help="Only this extraction point."),
            click.option("--protocol", "variant", metavar="VARIANT", help="Only this protocol variant."),
            click.option("--sample", is_flag=True, help="Runs on sample data, instead of real runs."),
        )
    ):
        command = option(command)
    return command


@click.group()
def results() -> None:
    """List, show, export and compare what was measured."""


@results.command("list")
@results_option
@filter_options
@json_option
def list_command(folder: Path | None, as_json: bool, **wishes: Any) -> None:
    """List results. Runs on sample data are listed apart, with --sample."""
    records, hidden = _select(folder, **wishes)
    if as_json:
        emit_json([to_plain(record) for record in records])
        return
    columns = ["result", "loss network", "weights", "protocol", "scores", "made"]
    print_table(columns, [_summary(record) for record in records])
    if not records and not hidden:
        note(f"There are no such results in {results_dir(folder)}; `lnkit eval` makes some.")
    if hidden:
        note(
            f"{hidden} more on {'real' if wishes['sample'] else 'sample'} data: list them "
            f"{'without' if wishes['sample'] else 'with'} --sample."
        )


def _summary(record: RunRecord) -> list[str]:
    facts = record.key
    weights = f"{record.weights}@{facts.weights_sha256[:8]}"
    made = record.created[:16].replace("T", " ")
    protocol = f"{facts.benchmark}/{facts.variant}"
    return [facts.digest()[:12], record.loss_network, weights, protocol, _primary(record), made]


def _primary(record: RunRecord) -> str:
    scores = ", ".join(f"{name} {record.scores[name].value:.4f}" for name in record.main_scores)
    return f"{scores} (collapsed)".strip() if record.collapsed else scores


@results.command("show")
@click.argument("run")
@results_option
@json_option
def show_command(run: str, folder: Path | None, as_json: bool) -> None:
    """Show one result whole. RUN is its id, the start of its id or hash, or backbone:points."""
    record = ResultsFolder(results_dir(folder)).choose(run)
    if as_json:
        emit_json(to_plain(record))
        return
    from lnkit.cli._scores import format_value  # noqa: PLC0415 - only to show one

    print_table(
        ["score", "value", "items", "aggregation", "compare with"],
        [
            [name, format_value(score), str(score.n), score.aggregation, _beside(score)]
            for name, score in record.scores.items()
        ],
        title=record.id + (f", collapsed: {record.collapsed}" if record.collapsed else ""),
    )
    for line in _facts(record):
        click.echo(line)


def _beside(score: ScoreRecord) -> str:
    return ", ".join(f"{what} {value:.4f}" for what, value in {**score.baselines, **score.ceilings}.items())


def _facts(record: RunRecord) -> list[str]:
    facts = record.key
    return [
        *(f"{score.value:.4f} = {score.signature}" for score in record.scores.values()),
        *(f"Deviation from {facts.variant}: {deviation}" for deviation in record.deviations),
        *(f"Note: {text}" for text in record.notes),
        *([f"Beside it: {', '.join(_shown(record.files))}"] if record.files else []),
        f"Weights: {record.weights_source}, SHA-256 {facts.weights_sha256}",
        f"Made: {record.created}, {record.seconds:.1f} s, "
        + ", ".join(f"{name} {value}" for name, value in record.environment.items()),
    ]


def _shown(files: tuple[str, ...]) -> list[str]:
    """Names of files; of many images in one folder, their number."""
    folders: dict[str, list[str]] = {}
    for name in files:
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    return [
        text
        for folder, names in folders.items()
        for text in (names if len(names) <= MOST_FILES else [f"{folder}/ with {len(names)} files"])
    ]


@results.command("export")
@results_option
@filter_options
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet", "markdown", "latex"]), default="csv", show_default=True
)
@click.option(
    "--wide", is_flag=True, help="One row per loss network with the primary scores, instead of one per score."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; otherwise printed.")
def export_command(folder: Path | None, form: str, wide: bool, output: Path | None, **wishes: Any) -> None:
    """Write results as a table. In LaTeX and Markdown, --wide marks the best score bold and the second underlined."""
    records, _ = _select(folder, **wishes)
    if not records:
        raise UsageError(
            f"There are no such results in {results_dir(folder)}; `lnkit results list` shows what is there."
        )
    from lnkit.results.tables import directions, scores_frame, wide_frame, write_table  # noqa: PLC0415 - pandas

    names = list(dict.fromkeys(name for record in records for name in record.main_scores))
    frame = wide_frame(records, names) if wide or form == "latex" else scores_frame(records)
    click.echo(write_table(frame, form, output, directions(records)), nl=False)
    if output:
        note(f"{len(frame)} rows written to {output}.")


@results.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@results_option
@json_option
def compare_command(runs: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """Set results side by side, if they measure the same thing. Says which field differs if they do not."""
    if len(runs) < 2:
        raise UsageError("Comparing takes two results or more; `lnkit results list` shows what is there.")
    records = [ResultsFolder(results_dir(folder)).choose(run) for run in runs]
    from lnkit.results.comparability import differences  # noqa: PLC0415 - only to compare

    if different := differences(records):
        raise UsageError("These results do not measure the same thing. They differ in " + "; ".join(different) + ".")
    names = list(dict.fromkeys(name for record in records for name in record.scores))
    table = {
        name: [record.scores[name].value if name in record.scores else None for record in records] for name in names
    }
    if as_json:
        emit_json({"runs": [record.id for record in records], "scores": table})
        return
    from lnkit.cli._scores import table_title  # noqa: PLC0415 - only to compare

    columns = ["score", *(record.loss_network for record in records), "difference"]
    print_table(columns, [_row(name, values) for name, values in table.items()], title=table_title(records[0]))


def _row(name: str, values: list[float | None]) -> list[str]:
    known = [value for value in values if value is not None]
    spread = (
        f"{values[-1] - values[0]:+.4f}"
        if len(known) == len(values) and values[0] is not None and values[-1] is not None
        else "-"
    )
    return [name, *("-" if value is None else f"{value:.4f}" for value in values), spread]


@results.command("rescore")
@click.argument("run")
@results_option
@json_option
def rescore_command(run: str, folder: Path | None, as_json: bool) -> None:
    """Compute scores again from kept distances. No network is needed; both values are shown."""
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - plugins, only here
    from lnkit.results.rescore import rescore  # noqa: PLC0415 - numpy

    place = ResultsFolder(results_dir(folder))
    record = place.choose(run)
    again = rescore(record, place.arrays(record), open_registry())
    if as_json:
        emit_json({name: {"kept": record.scores[name].value, "computed": value} for name, value in again.items()})
        return
    rows = [[name, f"{record.scores[name].value:.6f}", f"{value:.6f}"] for name, value in again.items()]
    print_table(["score", "kept", "computed again"], rows)


def _select(folder: Path | None, *, sample: bool, **wishes: Any) -> tuple[list[RunRecord], int]:
    """The records that were asked for, and how many the choice of sample or real data hides."""
    place = ResultsFolder(results_dir(folder))
    records, damaged = place.load()
    for one in damaged:
        warn(f"{one.reason} It was left alone.")
    fitting = [record for record in records if _fits(record, **wishes)]
    chosen = [record for record in fitting if record.sample == sample]
    return chosen, len(fitting) - len(chosen)


def _fits(record: RunRecord, bench: str | None, backbone: str | None, point: str | None, variant: str | None) -> bool:
    facts = record.key
    return (
        bench in (None, facts.benchmark)
        and backbone in (None, facts.backbone)
        and point in (None, "+".join(facts.points))
        and variant in (None, facts.variant)
    )
