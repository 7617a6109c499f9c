"""`lnkit eval`: score loss networks on a benchmark."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._numbers import SEED
from lnkit.cli._output import echo, emit_json, is_wide, json_option, note, print_sentence, terminal_lines, warn
from lnkit.errors import LnkitError, UsageError

if TYPE_CHECKING:
    from lnkit.evaluation.request import RunRequest
    from lnkit.evaluation.runner import FinishedRun
    from lnkit.evaluation.suites import SuitePlan
    from lnkit.losses.definition import Loss
    from lnkit.plugins.registry import Registry
    from lnkit.progress import Progress
    from lnkit.results.records import RunRecord

OTHER_LINES, FEWEST_ROWS = 18, 3  # lines of a terminal that the table does not take; rows that it always has
MAX_FOLDERS = 3  # named one by one on a terminal
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("eval")
@click.option(
    "--backbone",
    "backbones",
    multiple=True,
    metavar="NAME",
    help="Backbone, or own code as package.module:build; may be repeated.",
)
@click.option(
    "--loss",
    "losses",
    multiple=True,
    metavar="LOSS|FILE",
    help="Instead: a loss of several terms, as text (vgg19:conv3_4*0.5+conv5_4, l1) or TOML; may be repeated.",
)
@click.option(
    "--point",
    "points",
    multiple=True,
    metavar="POINT",
    help="Extraction point, several for one loss network (early+mid), a node, or `all` (the default); may be repeated.",
)
@click.option(
    "--bench",
    "benchmarks",
    multiple=True,
    default=("bapps",),
    show_default=True,
    metavar="NAME",
    help="Benchmark; may be repeated, and all other options then hold for each. A suite (iqa) is several.",
)
@click.option(
    "--protocol", "variant", default="", metavar="VARIANT", help="Protocol variant.  [default: the benchmark's first]"
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the protocol; `lnkit list-benchmarks --json` shows all fields.",
)
@click.option("--distance", metavar="NAME", help="Short for --set distance=NAME.")
@click.option(
    "--weights",
    multiple=True,
    metavar="FILE|random",
    help="Weights: a file, a set of those in it (FILE::KEY), `random`, or `pretrained` (the default); "
    "BACKBONE=FILE for one of several in a loss.",
)
@click.option("--seed", type=SEED, help="Seed of random weights, training and the bootstrap.  [default: 0]")
@click.option(
    "--seeds",
    metavar="N|LIST",
    help="Train N times, with the seeds 0 to N - 1, or with each seed of a list such as 0,1,5; then show the mean.",
)
@click.option("--data", type=FOLDER, help="Folder with the data, for a suite with one for each; otherwise the cache.")
@click.option(
    "--sample",
    is_flag=True,
    help="Use the small built-in sample, which shows that everything runs and says nothing about quality.",
)
@click.option("--results", type=FOLDER, help="The results folder.  [default: $LNKIT_RESULTS or ./results]")
@click.option("--force", is_flag=True, help="Run again even if there is a result.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cuda, mps or cpu.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True)
@click.option(
    "--engine", default="auto", show_default=True, metavar="NAME", help="auto, eager, inductor or onnxruntime."
)
@click.option(
    "--batch-size", type=click.IntRange(1), metavar="N", help="Triplets or pairs in a batch; does not change scores."
)
@click.option(
    "--allow-varying",
    is_flag=True,
    help="Run a network or distance that depends on chance or on its batch too; the record says so.",
)
@click.option("--images", "keep_images", is_flag=True, help="Save every image that the benchmark makes as PNG.")
@click.option("--signatures", is_flag=True, help="Also on a terminal, show all scores with their whole signatures.")
@json_option
def eval_command(as_json: bool, signatures: bool, **options: Any) -> None:
    """Score loss networks on a benchmark.

    The same command again reuses finished runs and resumes interrupted ones.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - nothing of this for --help
    from lnkit.cli._registry import open_registry  # noqa: PLC0415
    from lnkit.evaluation.runner import run  # noqa: PLC0415
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415

    registry, progress = open_registry(), make_progress()
    requests, suites = _expanded(_requests(**options), registry)
    with stdout_to_stderr():
        _check_all(requests, registry, progress)
    runs: list[FinishedRun] = []
    exit_code = 0
    for request in requests:
        try:
            with stdout_to_stderr():  # output of benchmarks and packages is not a result
                runs += run(request, registry, progress)
        except LnkitError as error:
            if len(requests) == 1:
                raise
            warn(f"{request.backbone} on {request.bench}: {error}")  # and go on with the others
            exit_code = max(exit_code, error.exit_code)
    if as_json:
        _emit(runs, suites)
    elif runs:
        _show(runs, suites, signatures=signatures, whole=signatures or is_wide(), folder=options["results"])
    for record in [finished.record for finished in runs if finished.record.collapsed]:
        warn(f"{record.loss_network} collapsed: {record.collapsed}.")
        exit_code = exit_code or LnkitError.exit_code
    if exit_code:
        raise click.exceptions.Exit(exit_code)


def _requests(  # noqa: PLR0913 - options by name
    backbones: tuple[str, ...],
    losses: tuple[str, ...],
    benchmarks: tuple[str, ...],
    points: tuple[str, ...],
    weights: tuple[str, ...],
    overrides: tuple[str, ...],
    distance: str | None,
    seed: int | None,
    seeds: str | None,
    **shared: Any,
) -> list[RunRequest]:
    """Return one request for each benchmark and each backbone, or each loss."""
    from lnkit.evaluation.request import RunRequest  # noqa: PLC0415 - not for --help
    from lnkit.evaluation.seeds import seed_list  # noqa: PLC0415
    from lnkit.losses.given import given_loss, given_weights  # noqa: PLC0415

    if bool(backbones) == bool(losses):
        raise UsageError(
            "Expected either --backbone, such as --backbone vgg16, or --loss, such as --loss 'vgg16:late, l1', got "
            f"{'both' if losses else 'neither'}."
        )
    if losses and points:
        raise UsageError("A loss names its points itself: leave out --point, or give --backbone.")
    if seed is not None and seeds is not None:
        raise UsageError("--seed names one training, and --seeds names several: give one of the two.")
    if shared["sample"] and shared["data"]:
        raise UsageError("--sample uses data of its own, and --data names other data: give one of the two.")
    benchmarks = tuple(dict.fromkeys(benchmarks))
    if shared["data"] and len(benchmarks) > 1:
        raise UsageError(
            f"--data names the data of one benchmark, got {' and '.join(benchmarks)}: run each in a command of its own."
        )
    changes = dict(assignment(text) for text in overrides)
    if distance:
        changes["distance"] = distance
    shared |= {
        "seed": seed or 0,
        "seeds": () if seeds is None else seed_list(seeds),
        "weights": given_weights(weights),
        "overrides": changes,
        "points": ",".join(points or ("all",)),
    }
    subjects: list[str | Loss] = [
        *dict.fromkeys(backbones),
        *{str(loss): loss for loss in map(given_loss, losses)}.values(),
    ]
    return [RunRequest(backbone=subject, bench=bench, **shared) for bench in benchmarks for subject in subjects]


def _expanded(requests: list[RunRequest], registry: Registry) -> tuple[list[RunRequest], list[SuitePlan]]:
    """Return one request for each benchmark of a suite whose data are there, and the suites, each once."""
    from lnkit.evaluation.suites import member_request, plan_suite  # noqa: PLC0415 - not for --help

    expanded: dict[tuple[str, str], RunRequest] = {}
    suites: dict[str, SuitePlan] = {}
    for request in requests:
        plan = plan_suite(request, registry)
        for member in plan.requests if plan else [member_request(request, registry)]:
            expanded.setdefault((member.bench, str(member.backbone)), member)
        if plan:
            suites.setdefault(plan.suite.name, plan)
    return list(expanded.values()), list(suites.values())


def _check_all(requests: list[RunRequest], registry: Registry, progress: Progress) -> None:
    """Check the options for all runs before the first one starts; a single run checks them itself."""
    from lnkit.evaluation.runner import check  # noqa: PLC0415 - not for --help

    benchmarks = list(dict.fromkeys(request.bench for request in requests))
    for name in benchmarks:
        registry.benchmark(name)
    for request in requests if len(requests) > 1 else ():
        try:
            check(request, registry, progress)
        except UsageError as error:
            if len(benchmarks) == 1:
                raise
            raise UsageError(
                f"--bench {request.bench}: {error} Nothing was run, since options hold for every --bench: run "
                f"{' and '.join(benchmarks)} in commands of their own, or leave out what one of them does not take."
            ) from error


def assignment(text: str, form: str = "--set FIELD=VALUE, for example resolution=224") -> tuple[str, str]:
    """Split ``resolution=224``; ``form`` says what was expected."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"Expected {form}, got {text!r}.")
    return name.strip(), value.strip()


def _emit(runs: list[FinishedRun], suites: list[SuitePlan]) -> None:
    """Print the records as JSON; with suites, their tables too."""
    from lnkit.cli._suites import suite_facts  # noqa: PLC0415 - not for --help
    from lnkit.results.records import to_plain  # noqa: PLC0415

    facts = [to_plain(run.record) | {"folder": str(run.folder), "reused": run.reused} for run in runs]
    records = [run.record for run in runs]
    emit_json({"suites": [suite_facts(plan, records) for plan in suites], "runs": facts} if suites else facts)


def _show(
    runs: list[FinishedRun], suites: list[SuitePlan], *, signatures: bool, whole: bool, folder: Path | None
) -> None:
    """Print one table for each suite, then one block for each benchmark; with signatures, also for those of suites."""
    from lnkit.cli._scores import show_scores  # noqa: PLC0415 - not for --help
    from lnkit.cli._suites import show_suite  # noqa: PLC0415

    blocks: dict[str, list[RunRecord]] = {}
    for run in runs:
        blocks.setdefault(run.record.key.benchmark, []).append(run.record)
    in_suites = {name for plan in suites for name in plan.suite.benchmarks}
    shown = [name for name in blocks if signatures or name not in in_suites]
    most = 0 if whole else max(FEWEST_ROWS, (terminal_lines() - OTHER_LINES) // (len(suites) + len(shown)))
    tables = [(plan, [r for name in plan.suite.benchmarks for r in blocks.get(name, ())]) for plan in suites]
    shows = [partial(show_suite, plan, records) for plan, records in tables if records]
    shows += [partial(show_scores, blocks[name]) for name in shown]
    for number, show in enumerate(shows):
        if number:
            echo()
        show(whole=whole, most=most)
    _show_folders([part for run in runs for part in (run.runs or (run,))], whole, folder)


def _show_folders(runs: list[FinishedRun], whole: bool, folder: Path | None) -> None:
    """Print where results lie, how many existed before, and how to see more of them."""
    if reused := sum(run.reused for run in runs):
        note(f"{reused} of {len(runs)} results existed before and were reused; --force runs them again.")
    if whole or len(runs) <= MAX_FOLDERS:
        for run in runs:
            echo(f"Results: {run.folder}")
    else:
        echo(f"Results: {len(runs)} folders in {runs[0].folder.parent}")
    if not whole:
        place = f" --results {shlex.quote(str(folder))}" if folder else ""
        command, says = f"lnkit results show {runs[0].record.key.digest()[:12]}", "shows a result in full"
        if len(runs) > MAX_FOLDERS:
            command, says = "lnkit results list", "lists all results"
        print_sentence(f"Next: `{command}{place}` {says}; --signatures shows all scores here.", "  ")
