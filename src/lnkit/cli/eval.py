"""`lnkit eval`: run a benchmark on loss networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._output import emit_json, json_option, note, warn
from lnkit.errors import LnkitError, UsageError

if TYPE_CHECKING:
    from lnkit.evaluation.request import RunRequest
    from lnkit.evaluation.runner import FinishedRun

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("eval")
@click.option(
    "--backbone",
    "backbones",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Backbone, or own code as package.module:build; may be repeated.",
)
@click.option(
    "--point",
    "points",
    multiple=True,
    default=("all",),
    metavar="POINT",
    help="Extraction point, several as one loss network (early+mid), a node path, or `all` (default); may be repeated.",
)
@click.option("--bench", default="bapps", show_default=True, metavar="NAME", help="Benchmark.")
@click.option(
    "--protocol",
    "variant",
    default="",
    metavar="VARIANT",
    help="Protocol variant.  [default: paper]",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the protocol; `lnkit list-benchmarks --json` has them all.",
)
@click.option("--distance", metavar="NAME", help="Short for --set distance=NAME.")
@click.option(
    "--weights",
    default="pretrained",
    show_default=True,
    metavar="FILE|random",
    help="A file, `random`, or `pretrained`.",
)
@click.option("--seed", default=0, show_default=True, help="Of random weights, training and the bootstrap.")
@click.option("--data", type=FOLDER, help="Folder with the data; otherwise they are fetched into the cache.")
@click.option("--sample", is_flag=True, help="Use the small embedded sample: shows that it runs, not how good it is.")
@click.option("--results", type=FOLDER, help="Where results are kept.  [default: $LNKIT_RESULTS or ./results]")
@click.option("--force", is_flag=True, help="Run again what was already run.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="cuda, mps or cpu.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True)
@click.option("--engine", default="auto", show_default=True, metavar="NAME", help="eager, inductor or onnxruntime.")
@click.option(
    "--batch-size", type=click.IntRange(1), metavar="N", help="Triplets or pairs at a time; changes no score."
)
@click.option("--images", "keep_images", is_flag=True, help="Keep every image that the benchmark makes, as PNG.")
@json_option
def eval_command(as_json: bool, **options: Any) -> None:
    """Score loss networks on a benchmark.

    The same command again finds finished runs and goes on with interrupted ones.
    """
    runs, failed = _run_all(_requests(**options))
    if as_json:
        from lnkit.results.records import to_plain  # noqa: PLC0415 - only after a run

        emit_json([to_plain(run.record) | {"folder": str(run.folder), "found": run.found} for run in runs])
    elif runs:
        _show(runs)
    for run in runs:
        if run.record.collapsed:
            warn(f"{run.record.loss_network} collapsed: {run.record.collapsed}.")
            failed = failed or LnkitError.exit_code
    if failed:
        raise click.exceptions.Exit(failed)


def _requests(
    backbones: tuple[str, ...], points: tuple[str, ...], overrides: tuple[str, ...], distance: str | None, **same: Any
) -> list[RunRequest]:
    from lnkit.evaluation.request import RunRequest  # noqa: PLC0415 - not for --help

    if same["sample"] and same["data"]:
        raise UsageError("--sample brings its own data, and --data names others: give one of the two.")
    changes = dict(_assignment(text) for text in overrides)
    if distance:
        changes["distance"] = distance
    joined = ",".join(points)
    return [RunRequest(backbone=name, points=joined, overrides=changes, **same) for name in dict.fromkeys(backbones)]


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--set takes FIELD=VALUE, for example resolution=224, and {text!r} came.")
    return name.strip(), value.strip()


def _run_all(requests: list[RunRequest]) -> tuple[list[FinishedRun], int]:
    """Run one request after the other. With several, one that fails is named and the others go on."""
    from lnkit.cli._interrupt import listen  # noqa: PLC0415 - not for --help
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - rich, not for --help
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - not for --help
    from lnkit.evaluation.runner import run  # noqa: PLC0415 - not for --help
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415 - not for --help

    listen()
    registry, progress = open_registry(), make_progress()
    runs: list[FinishedRun] = []
    failed = 0
    for request in requests:
        try:
            with stdout_to_stderr():  # what benchmarks and packages print is no result
                runs += run(request, registry, progress)
        except LnkitError as error:
            if len(requests) == 1:
                raise
            warn(f"{request.backbone}: {error}")
            failed = max(failed, error.exit_code)
    return runs, failed


def _show(runs: list[FinishedRun]) -> None:
    from lnkit.cli._scores import show_scores  # noqa: PLC0415 - only after a run

    show_scores([run.record for run in runs])
    found = sum(run.found for run in runs)
    if found:
        note(f"{found} of {len(runs)} had been run before and were found again; --force runs them anew.")
    for run in runs:
        click.echo(f"Results: {run.folder}")
