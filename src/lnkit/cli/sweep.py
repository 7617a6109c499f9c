"""`lnkit sweep`: a whole study, on the devices of this machine or of a cluster."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._output import echo, emit_json, json_option, note, print_sentence, print_table, warn
from lnkit.errors import UsageError

if TYPE_CHECKING:
    from lnkit.networks.weight_sources import WeightFile
    from lnkit.sweep.sweep import Sweep

STUDY = click.argument("study", type=click.Path(path_type=Path, dir_okay=False))
RESULTS = click.option(
    "--results", type=click.Path(path_type=Path, file_okay=False), help="The results folder, instead of the study's."
)


@click.group()
def sweep() -> None:
    """Run a whole study: many loss networks on many benchmarks and devices.

    STUDY is a TOML file: backbones = ["@pihlgren2023", "timm/vit_*"] and bench = ["bapps"]; the documentation has
    every field. A task is finished when its records lie in the folder of the results; the same command goes on.
    """


@sweep.command("plan")
@STUDY
@RESULTS
@click.option("--devices", type=click.IntRange(1), default=1, help="Hours on so many devices.  [default: 1]")
@click.option("--tasks", "listed", is_flag=True, help="List all tasks, longest first.")
@json_option
def plan_command(study: Path, results: Path | None, devices: int, listed: bool, as_json: bool) -> None:
    """Show the tasks of a study, what is finished, and what the rest costs."""
    from lnkit.sweep.costs import makespan  # noqa: PLC0415 - not for --help

    opened = _open(study, results)
    status = opened.status()
    left = [task for task in status.tasks if task.state != "done"]
    known = [task.cost.seconds for task in left if task.cost.seconds is not None]
    hours = makespan(known, devices) / 3600 if len(known) == len(left) else None
    missing = [file for file in opened.weight_files() if not file.present]
    if as_json:
        emit_json(
            {
                "results": str(opened.results),
                "weights_missing": {file.backbone: file.bytes or None for file in missing},
                "tasks": [_task_json(task) for task in status.tasks],
                "counts": status.counts,
                "hours": hours,
                "devices": devices,
            }
        )
        return
    print_table(
        ["benchmark", "tasks", "loss networks", "done", "missing", "device hours", "GMACs"],
        _plan_rows(opened, status),
        least=("GMACs",),
    )
    if listed:
        print_table(
            ["task", "state", "minutes", "GMACs"],
            [[t.task.name, t.state, _number(t.cost.seconds, 60), _number(t.cost.macs, 1e9)] for t in status.tasks],
            least=("GMACs",),
        )
    _say_weights(missing)
    _say_hours(hours, devices, len(left), len(known))
    echo(f"Results: {opened.results}")
    if left:
        print_sentence(
            f"Next: `lnkit sweep run {_words(study, results)}` runs what is missing; --devices cuda:0,cuda:1 on these.",
            "  ",
        )


@sweep.command("fetch")
@STUDY
@RESULTS
@json_option
def fetch_command(study: Path, results: Path | None, as_json: bool) -> None:
    """Fetch the weights and data of a study, and pack the data, so that its jobs need no internet."""
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for --help
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415

    opened = _open(study, results)
    with stdout_to_stderr():
        failures = opened.fetch(make_progress())
    if as_json:
        emit_json({"failures": failures})
    else:
        for what, why in failures.items():
            warn(f"{what}: {why}")
        echo("Everything is here." if not failures else f"{len(failures)} could not be had; the rest is here.")
    if failures:
        raise click.exceptions.Exit(1)


@sweep.command("run")
@STUDY
@RESULTS
@click.option("--on", default="local", show_default=True, metavar="NAME", help="local, slurm, ray, or of a plugin.")
@click.option("--devices", metavar="LIST", help="local: such as cuda:0,cuda:1 or cpu,cpu.  [default: all GPUs]")
@click.option("--parallel", metavar="N", help="slurm, ray: most workers at a time.")
@click.option("--partition", metavar="NAME", help="slurm: the partition.")
@click.option("--time", metavar="DURATION", help="slurm: time limit of a job, such as 8h or 30m; it goes on after it.")
@click.option("--address", metavar="ADDRESS", help="ray: of a running cluster, or auto; else one is started here.")
@click.option("--gpus-per-task", metavar="N", help="ray: such as 1, 0.5 or 0.")
@click.option("--option", "more", multiple=True, metavar="KEY=VALUE", help="Another option of the executor.")
@click.option("--shard", metavar="I/N", help="Instead: run part I (from 0) of N in this process, for other schedulers.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="Of a shard: cuda, cuda:0, cpu.")
@click.option("--failed", is_flag=True, help="Also try again what failed twice.")
@json_option
def run_command(
    study: Path,
    results: Path | None,
    on: str,
    shard: str | None,
    device: str,
    failed: bool,
    as_json: bool,
    **named: Any,
) -> None:
    """Run the open tasks of a study. The exit code is 1 if tasks failed."""
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for --help
    from lnkit.cli._sweep_progress import show_status, watching  # noqa: PLC0415
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415

    options = _options(named)
    if shard and (options or on != "local"):
        raise UsageError("--shard runs a part in this process, and takes no executor and none of its options.")
    opened, progress = _open(study, results), make_progress()
    submitted = ""
    with stdout_to_stderr():
        if shard:
            opened.run_shard(*_part(shard), device, progress)
        elif on == "local":
            with watching(opened.status):
                opened.run(on, options, progress, failed=failed)
        else:
            submitted = opened.run(on, options, progress, failed=failed)
    status = opened.status()
    if as_json:
        emit_json({"results": str(opened.results), "submitted": submitted, "counts": status.counts})
    elif submitted:
        print_sentence(submitted, "  ")
        print_sentence(f"`lnkit sweep status {_words(study, results)} --watch` shows how far it is.", "  ")
    else:
        show_status(status)
        echo(f"Results: {opened.results}")
    if status.of("failed"):
        raise click.exceptions.Exit(1)


@sweep.command("status")
@STUDY
@RESULTS
@click.option("--watch", "watched", is_flag=True, help="Look again and again until nothing is open.")
@json_option
def status_command(study: Path, results: Path | None, watched: bool, as_json: bool) -> None:
    """Show how far a study is, from any machine that sees its results."""
    from lnkit.cli._sweep_progress import show_status, watch  # noqa: PLC0415 - not for --help

    opened = _open(study, results)
    if watched:
        watch(opened.status)
    status = opened.status()
    if as_json:
        emit_json(
            {
                "results": str(opened.results),
                "counts": status.counts,
                "device_hours": status.device_hours,
                "tasks": [_task_json(task) for task in status.tasks],
            }
        )
        return
    show_status(status)
    if failed := status.counts["failed"]:
        note(f"`lnkit sweep run {_words(study, results)} --failed` tries the {failed} failed again.")


def _open(study: Path, results: Path | None) -> Sweep:
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - not for --help
    from lnkit.sweep.study import read_study, with_results  # noqa: PLC0415
    from lnkit.sweep.sweep import plan  # noqa: PLC0415

    return plan(with_results(read_study(study), results), open_registry())


def _words(study: Path, results: Path | None) -> str:
    """Return the words of the same study for another command."""
    return shlex.join([str(study), *(["--results", str(results)] if results else [])])


def _options(named: dict[str, Any]) -> dict[str, str]:
    """Return the options of the executor that were given."""
    options = {name: value for name, value in named.items() if name != "more" and value is not None}
    for text in named["more"]:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"Expected --option KEY=VALUE, got {text!r}.")
        options[name] = value
    return options


def _part(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None or not int(match[1]) < int(match[2]):
        raise UsageError(f"Expected --shard I/N with I from 0 to N - 1, such as 0/4, got {text!r}.")
    return int(match[1]), int(match[2])


def _plan_rows(opened: Sweep, status: Any) -> list[list[Any]]:
    rows = []
    for group in dict.fromkeys(task.group for task in opened.tasks):
        numbers = [number for number, task in enumerate(opened.tasks) if task.group == group]
        own = [status.tasks[number] for number in numbers]
        left = [task for task in own if task.state != "done"]
        seconds = [task.cost.seconds for task in left]
        macs = [task.cost.macs for task in own if task.cost.macs]
        rows.append(
            [
                group,
                len(own),
                sum(len(one.networks) for number in numbers if (one := opened.resolved[number])),
                len(own) - len(left),
                len(left),
                "unknown" if None in seconds else f"{sum(seconds) / 3600:.2f}",
                f"{min(macs) / 1e9:.2g} to {max(macs) / 1e9:.2g}" if macs else "unknown",
            ]
        )
    return rows


def _say_weights(missing: list[WeightFile]) -> None:
    """Say how much is to be fetched before the tasks can run without a connection."""
    from lnkit.data.storage import human_size  # noqa: PLC0415 - not for --help

    if not missing:
        return
    unknown = sum(not file.bytes for file in missing)
    size = human_size(sum(file.bytes for file in missing))
    sizes = f"{size}{f' and {unknown} of unknown size' * bool(unknown)}" if unknown < len(missing) else "unknown sizes"
    print_sentence(f"Weights of {len(missing)} backbones are not here ({sizes}): `lnkit sweep fetch` gets them.")


def _say_hours(hours: float | None, devices: int, left: int, known: int) -> None:
    if not left:
        echo("Every task is finished.")
    elif hours is None:
        print_sentence(
            f"How long {left - known} of {left} tasks take is unknown: no result of their benchmark and protocol lies "
            "in the results folder yet. After the first of each this tells."
        )
    else:
        print_sentence(
            f"About {hours:.2g} hours on {devices} device{'s' * (devices > 1)} like those of the results in the folder."
        )


def _number(value: float | None, divisor: float) -> str:
    return "unknown" if value is None else f"{value / divisor:.2g}"


def _task_json(task: Any) -> dict[str, Any]:
    return {
        "task": task.task.name,
        "id": task.task.id,
        "benchmark": task.task.group,
        "state": task.state,
        "seconds": task.seconds if task.records else None,
        "expected_seconds": task.cost.seconds,
        "macs": task.cost.macs,
        "records": [record.id for record in task.records],
        "running_on": {"host": task.claim.host, "device": task.claim.device} if task.claim else None,
        "failures": [failure.sentence for failure in task.failures],
    }
