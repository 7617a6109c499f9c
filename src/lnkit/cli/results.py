"""`lnkit results`: list, show, export and compare results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import ANSWERS, bench_option, format_option, output_option, results_option, write_frame
from lnkit.cli._output import echo, emit_json, json_option, note, print_lines, print_sentence, print_table, warn
from lnkit.errors import UsageError
from lnkit.results.folder import ResultsFolder, results_dir
from lnkit.results.records import RunRecord, ScoreRecord, to_plain
from lnkit.results.seeds import listed, means_over_seeds, seed_notes

if TYPE_CHECKING:
    from lnkit.results.spread import Difference

TOLD_APART = ("95 % interval", "told apart")
MAX_FILES = 12  # of one folder beside a record that are listed one by one


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose results."""
    options = (
        bench_option,
        click.option("--backbone", metavar="NAME", help="Only this backbone."),
        click.option("--point", metavar="POINT", help="Only this extraction point."),
        click.option("--protocol", "variant", metavar="VARIANT", help="Only this protocol variant."),
        click.option("--sample", is_flag=True, help="Only runs on sample data instead of real runs."),
        click.option("--each-seed", is_flag=True, help="Each training instead of the mean over its seeds."),
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
    """List results. Runs on sample data are listed apart, with --sample.

    Trainings that differ only in their seed are one result, their mean.
    """
    records, hidden = _select(folder, **filters)
    if as_json:
        emit_json([to_plain(record) for record in records])
        return
    columns = ["result", "loss network", "weights", "protocol", "scores", "created"]
    rows = [_summary(record) for record in records]
    if any(record.trained and record.seeds != (0,) for record in records):
        columns.insert(4, "seeds")
        for record, row in zip(records, rows, strict=True):
            row.insert(4, listed(record.seeds))
    if records:
        print_table(columns, rows, least=["created", "weights", "protocol"])
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
    """Show one result in full. RUN is its id, the start of its id or hash, or backbone:points.

    Trainings that differ only in their seed are one result, their mean; the id or hash of a training shows it alone.
    """
    record = ResultsFolder(results_dir(folder)).choose(run)
    if as_json:
        emit_json(to_plain(record))
        return
    columns = ["score", "value", *(["sd over seeds"] if record.runs else []), "items", "aggregation", "compare with"]
    rows = [_score_cells(name, score, spread=bool(record.runs)) for name, score in record.scores.items()]
    print_table(columns, rows, title=record.id + (f", collapsed: {record.collapsed}" if record.collapsed else ""))
    for score in record.scores.values():
        echo(f"{score.value:.4f} = {score.signature}")  # not wrapped: made to be copied
    for line in _facts(record):
        print_sentence(line, "  ")


def _score_cells(name: str, score: ScoreRecord, *, spread: bool) -> list[str]:
    from lnkit.cli._scores import format_value  # noqa: PLC0415 - not for lists

    sd = [f"{score.spread.sd:.4f}" if score.spread else "-"] if spread else []
    return [name, format_value(score), *sd, str(score.n), score.aggregation, _references(score)]


def _references(score: ScoreRecord) -> str:
    return ", ".join(f"{label} {value:.4f}" for label, value in {**score.baselines, **score.ceilings}.items())


def _facts(record: RunRecord) -> list[str]:
    key = record.key
    return [
        *(f"Deviation from {key.variant}: {deviation}" for deviation in record.deviations),
        *(f"Note: {text}" for text in (*seed_notes(record), *record.notes)),
        *(f"Seed {seed}: {id_}" for id_, seed in record.runs.items()),
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

    In LaTeX and Markdown, --wide marks the best score bold and underlines the second. Means over seeds share a mark if
    the spread over items and seeds does not tell them apart. LaTeX is always wide: one table for each benchmark and
    protocol, with caption, label and intervals, and with signatures as notes below it.
    """
    records, _ = _select(folder, **filters)
    if not records:
        raise UsageError(f"There are no such results in {results_dir(folder)}; `lnkit results list` shows all results.")
    from lnkit.results.tables import (  # noqa: PLC0415 - pandas
        alike,
        directions,
        scores_frame,
        wide_frame,
        write_text,
    )

    if form == "latex":
        from lnkit.results.score_tables import results_tables  # noqa: PLC0415 - pandas

        print_lines(write_text(results_tables(records), output))
        if output:
            note(f"Wrote {len(records):,} rows to {output}.")
        return
    names = list(dict.fromkeys(name for record in records for name in record.main_scores))
    frame = wide_frame(records, names) if wide else scores_frame(records)
    write_frame(frame, form, output, directions(records), {name: alike(records, name) for name in names})


@results.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@results_option
@json_option
def compare_command(runs: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """Compare results that measure the same thing. Lists the differing fields if they do not.

    The difference is that of the last result and the first. For benchmarks that train, the table says whether it is
    more than the spread over items and seeds; `lnkit analyze difference` asks item by item.
    """
    if len(runs) < 2:
        raise UsageError("Expected two results or more to compare, got one; `lnkit results list` shows all results.")
    records = [ResultsFolder(results_dir(folder)).choose(run) for run in runs]
    from lnkit.results.comparability import differences  # noqa: PLC0415 - only to compare

    if different := differences(records):
        raise UsageError("These results do not measure the same thing. They differ in " + "; ".join(different) + ".")
    names = list(dict.fromkeys(name for record in records for name in record.scores))
    if as_json:
        emit_json(_json_comparison(records, names))
        return
    from lnkit.cli._scores import table_title  # noqa: PLC0415 - not for lists

    trained = any(record.trained for record in records)
    titles = _titles(records)
    columns = ["score", *titles, "difference", *(TOLD_APART if trained else ())]
    rows = [_comparison(records, name, trained=trained) for name in names]
    print_table(columns, rows, title=table_title(records[0]), least=titles[-2:0:-1])
    for text in dict.fromkeys(text for record in records for text in seed_notes(record)):
        note(f"Note: {text}")


def _titles(records: Sequence[RunRecord]) -> list[str]:
    """Return the loss networks of results, with the start of the hash where two have the same."""
    names = [record.loss_network for record in records]
    hashes = [record.key.digest()[:12] for record in records]
    return [name if names.count(name) == 1 else f"{name} {hash_}" for name, hash_ in zip(names, hashes, strict=True)]


def _json_comparison(records: Sequence[RunRecord], names: Sequence[str]) -> dict[str, Any]:
    values = {name: [r.scores[name].value if name in r.scores else None for r in records] for name in names}
    facts = {"runs": [record.id for record in records], "scores": values}
    changes = {name: change for name in names if (change := _change(records, name))}
    return facts | {
        "differences": {name: change._asdict() | {"told_apart": change.told_apart} for name, change in changes.items()}
    }


def _comparison(records: Sequence[RunRecord], name: str, *, trained: bool) -> list[str]:
    """Return a row: the name, the values, and the last value minus the first if both are known."""
    values = [f"{record.scores[name].value:.4f}" if name in record.scores else "-" for record in records]
    change = _change(records, name)
    row = [name, *values, f"{change.value:+.4f}" if change else "-"]
    if not trained:
        return row
    interval = change.interval if change else None
    return [
        *row,
        f"[{interval[0]:+.4f}, {interval[1]:+.4f}]" if interval else "-",
        ANSWERS[change.told_apart if change else None],
    ]


def _change(records: Sequence[RunRecord], name: str) -> Difference | None:
    """Return the difference of the last and the first record; None if one of them lacks the score."""
    from lnkit.results.spread import difference, estimate_of  # noqa: PLC0415 - only to compare

    ends = records[0], records[-1]
    if not all(name in record.scores for record in ends):
        return None
    return difference(*(estimate_of(record.scores[name], trained=record.trained) for record in ends))


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
    scores = {name: score.value for name, score in record.scores.items()}  # one may lack, as of a changed record
    if as_json:
        emit_json({name: {"stored": scores.get(name), "computed": value} for name, value in computed.items()})
        return
    rows = [
        [name, f"{scores[name]:.6f}" if name in scores else "-", f"{value:.6f}"] for name, value in computed.items()
    ]
    print_table(["score", "stored", "computed again"], rows)


def _select(folder: Path | None, *, sample: bool, each_seed: bool, **filters: Any) -> tuple[list[RunRecord], int]:
    """Return the chosen records, with means over seeds unless ``each_seed``, and the number that ``sample`` hides."""
    records, damaged = ResultsFolder(results_dir(folder)).load()
    for record in damaged:
        warn(record.reason)
    matching = [
        record for record in (records if each_seed else means_over_seeds(records)) if _matches(record, **filters)
    ]
    chosen = [record for record in matching if record.sample == sample]
    return chosen, len(matching) - len(chosen)


def _matches(record: RunRecord, **filters: str | None) -> bool:
    key = record.key
    facts = {"bench": key.benchmark, "backbone": key.backbone, "point": "+".join(key.points), "variant": key.variant}
    return all(value in (None, facts[name]) for name, value in filters.items())


@results.command("merge")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@results_option
@json_option
def merge_command(folders: tuple[Path, ...], folder: Path | None, as_json: bool) -> None:
    """Copy the results of other folders into the results folder.

    Results that are there already stay as they are. The exit code is 1 if some could not be read.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for --help
    from lnkit.results.merge import merge_results  # noqa: PLC0415

    target = results_dir(folder)
    merged = merge_results(folders, target, make_progress())
    if as_json:
        emit_json(
            {
                "results": str(target),
                "copied": merged.copied,
                "present": merged.present,
                "different": merged.different,
                "damaged": {str(one.path): one.reason for one in merged.damaged},
            }
        )
    else:
        echo(f"{len(merged.copied)} results copied into {target}, {len(merged.present)} were there before.")
        for id_ in merged.different:
            warn(f"{id_} is there with other scores, as another machine or version rounds; those there stay.")
        for one in merged.damaged:
            warn(one.reason)
    if merged.damaged:
        raise click.exceptions.Exit(1)
