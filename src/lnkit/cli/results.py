"""`lnkit results`: list, show, export and compare results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lnkit.cli._analysis import bench_option, format_option, output_option, results_option, write_frame
from lnkit.cli._output import emit_json, json_option, note, print_table, warn
from lnkit.errors import UsageError
from lnkit.results.folder import ResultsFolder, results_dir
from lnkit.results.records import RunRecord, ScoreRecord, to_plain

MAX_FILES = 12  # of one folder beside a record that are listed one by one


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose results."""
    options = (
        bench_option,
        click.option("--backbone", metavar="NAME", help="Only this backbone."),
        click.option("--point", metavar="POINT", help="Only this extraction point."),
        click.option("--protocol", "variant", metavar="VARIANT", help="Only this protocol variant."),
        click.option("--sample", is_flag=True, help="Only runs on sample data instead of real runs."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def results() -> None:
    """List, show, export and compare results."""


@results.command("list")
@results_option
@filter_options
@json_option
def list_command(folder: Path | None, as_json: bool, **filters: Any) -> None:
    """List results. Runs on sample data are listed apart, with --sample."""
    records, hidden = _select(folder, **filters)
    if as_json:
        emit_json([to_plain(record) for record in records])
        return
    columns = ["result", "loss network", "weights", "protocol", "scores", "created"]
    print_table(columns, [_summary(record) for record in records])
    if not records and not hidden:
        note(f"There are no such results in {results_dir(folder)}; `lnkit eval` computes some.")
    if hidden:
        kind, option = ("real", "without") if filters["sample"] else ("sample", "with")
        note(f"{hidden} more on {kind} data: list them {option} --sample.")


def _summary(record: RunRecord) -> list[str]:
    scores = ", ".join(f"{name} {record.scores[name].value:.4f}" for name in record.main_scores)
    scores = f"{scores} (collapsed)".strip() if record.collapsed else scores
    hash_ = record.key.digest()[:12]
    return [hash_, record.loss_network, record.weights_name, record.protocol_name, scores, record.created_minute]


@results.command("show")
@click.argument("run")
@results_option
@json_option
def show_command(run: str, folder: Path | None, as_json: bool) -> None:
    """Show one result in full. RUN is its id, the start of its id or hash, or backbone:points."""
    record = ResultsFolder(results_dir(folder)).choose(run)
    if as_json:
        emit_json(to_plain(record))
        return
    from lnkit.cli._scores import format_value  # noqa: PLC0415 - not for lists

    print_table(
        ["score", "value", "items", "aggregation", "compare with"],
        [
            [name, format_value(score), str(score.n), score.aggregation, _references(score)]
            for name, score in record.scores.items()
        ],
        title=record.id + (f", collapsed: {record.collapsed}" if record.collapsed else ""),
    )
    for line in _facts(record):
        click.echo(line)


def _references(score: ScoreRecord) -> str:
    return ", ".join(f"{label} {value:.4f}" for label, value in {**score.baselines, **score.ceilings}.items())


def _facts(record: RunRecord) -> list[str]:
    key = record.key
    return [
        *(f"{score.value:.4f} = {score.signature}" for score in record.scores.values()),
        *(f"Deviation from {key.variant}: {deviation}" for deviation in record.deviations),
        *(f"Note: {text}" for text in record.notes),
        *([f"Files: {', '.join(_file_names(record.files))}"] if record.files else []),
        f"Weights: {record.weights_source}, SHA-256 {key.weights_sha256}",
        f"Created: {record.created}, {record.seconds:.1f} s, "
        + ", ".join(f"{name} {value}" for name, value in record.environment.items()),
    ]


def _file_names(files: tuple[str, ...]) -> list[str]:
    """Return the names of files; for many files in one folder, their number."""
    folders: dict[str, list[str]] = {}
    for name in files:
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    return [
        text
        for folder, names in folders.items()
        for text in (names if len(names) <= MAX_FILES else [f"{folder}/ with {len(names)} files"])
    ]


@results.command("export")
@results_option
@filter_options
@format_option
@click.option(
    "--wide", is_flag=True, help="One row per loss network with the primary scores, instead of one per score."
)
@output_option
def export_command(folder: Path | None, form: str, wide: bool, output: Path | None, **filters: Any) -> None:
    """Print or write results as a table.

    In LaTeX and Markdown, --wide marks the best score bold and underlines the second.
    """
    records, _ = _select(folder, **filters)
    if not records:
        raise UsageError(f"There are no such results in {results_dir(folder)}; `lnkit results list` shows all results.")
    from lnkit.results.tables import directions, scores_frame, wide_frame  # noqa: PLC0415 - pandas

    names = list(dict.fromkeys(name for record in records for name in record.main_scores))
    frame = wide_frame(records, names) if wide or form == "latex" else scores_frame(records)
    write_frame(frame, form, output, directions(records))


@results.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@results_option
@json_option
def compare_command(runs: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """Compare results that measure the same thing. Lists the differing fields if they do not."""
    if len(runs) < 2:
        raise UsageError("Expected two results or more to compare, got one; `lnkit results list` shows all results.")
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
    from lnkit.cli._scores import table_title  # noqa: PLC0415 - not for lists

    columns = ["score", *(record.loss_network for record in records), "difference"]
    print_table(columns, [_comparison(name, values) for name, values in table.items()], title=table_title(records[0]))


def _comparison(name: str, values: list[float | None]) -> list[str]:
    """Return a row: the name, the values, and the last value minus the first if all are known."""
    known = [value for value in values if value is not None]
    difference = f"{known[-1] - known[0]:+.4f}" if len(known) == len(values) else "-"
    return [name, *("-" if value is None else f"{value:.4f}" for value in values), difference]


@results.command("rescore")
@click.argument("run")
@results_option
@json_option
def rescore_command(run: str, folder: Path | None, as_json: bool) -> None:
    """Compute scores again from stored arrays, without a network. Shows both values."""
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - plugins, only here
    from lnkit.results.rescore import benchmark_to_rescore, rescore  # noqa: PLC0415 - numpy

    stored, registry = ResultsFolder(results_dir(folder)), open_registry()
    record = stored.choose(run)
    benchmark_to_rescore(record, registry)  # before the arrays: such a benchmark may have stored none
    computed = rescore(record, stored.arrays(record), registry)
    if as_json:
        emit_json({name: {"stored": record.scores[name].value, "computed": x} for name, x in computed.items()})
        return
    rows = [[name, f"{record.scores[name].value:.6f}", f"{value:.6f}"] for name, value in computed.items()]
    print_table(["score", "stored", "computed again"], rows)


def _select(folder: Path | None, *, sample: bool, **filters: Any) -> tuple[list[RunRecord], int]:
    """Return the chosen records, and the number of others that ``sample`` hides."""
    records, damaged = ResultsFolder(results_dir(folder)).load()
    for record in damaged:
        warn(record.reason)
    matching = [record for record in records if _matches(record, **filters)]
    chosen = [record for record in matching if record.sample == sample]
    return chosen, len(matching) - len(chosen)


def _matches(record: RunRecord, **filters: str | None) -> bool:
    key = record.key
    facts = {"bench": key.benchmark, "backbone": key.backbone, "point": "+".join(key.points), "variant": key.variant}
    return all(value in (None, facts[name]) for name, value in filters.items())
