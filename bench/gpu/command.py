"""`python -m bench gpu`: run the checks, show a table, write JSON."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.markup import escape

from bench.gpu import decisions, features, full_size, losses, memory, throughput, trainings, two_processes
from bench.gpu.report import figures_text, machine, make_table, write_json
from bench.gpu.results import Check, CheckResult
from bench.gpu.runner import run_checks
from bench.gpu.settings import Settings

CHECKS: dict[str, Check] = {  # in the order in which they run: what must be right first, then how fast it is
    "features": features.check,
    "decisions": decisions.check,
    "memory": memory.check,
    "trainings": trainings.check,
    "two-processes": two_processes.check,
    "throughput": throughput.check,
    "losses": losses.check,
    "full-size": full_size.check,
}
BUDGET = 480.0  # seconds


@click.command("gpu")
@click.argument("names", nargs=-1, type=click.Choice(list(CHECKS)))
@click.option("--device", default="cuda", show_default=True, help="The device to check.")
@click.option("--quick", is_flag=True, help="Tiny sizes, to try the script; the only ones for --device cpu.")
@click.option("--budget", default=BUDGET, show_default=True, help="Seconds after which no check begins.")
@click.option(
    "--json",
    "json_file",
    default="gpu-check.json",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the results; written after each of them.",
)
def main(names: tuple[str, ...], device: str, quick: bool, budget: float, json_file: Path) -> None:
    """Check lnkit on a CUDA device against the CPU, and measure its speed there: the named checks, or all.

    The exit code is 1 if a check failed, and 2 if there is no CUDA device.
    """
    checked = open_checked(device, quick)
    console = Console(width=max(150, Console().width))
    facts = machine(checked)
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), highlight=False)
    with tempfile.TemporaryDirectory(prefix="lnkit-gpu-check-") as folder:
        os.environ["LNKIT_CACHE"] = str(Path(folder) / "cache")  # samples are made anew, and nothing is left behind
        settings = Settings(device, Path(folder), quick)
        shown: set[tuple[str, int]] = set()

        def report(results: list[CheckResult]) -> None:
            write_json(json_file, facts, results)
            _show_new_rows(console, results, shown)

        chosen = {name: check for name, check in CHECKS.items() if not names or name in names}
        results = run_checks(chosen, settings, budget, report)
    console.print(make_table(results))
    console.print(f"The results are in {json_file}.")
    sys.exit(int(any(result.state == "failed" for result in results)))


def open_checked(name: str, quick: bool) -> torch.device:
    """Return the device to check.

    Raises:
        click.UsageError: It is no CUDA device and the run is not quick, or it does not exist.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise click.UsageError(f"expected the name of a device, got {name!r}") from error
    if device.type == "cpu" and not quick:
        raise click.UsageError("expected --quick with the device cpu: it only tries the script")
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise click.UsageError("expected a CUDA device, got none; `--device cpu --quick` tries the script")
    if device.type not in ("cpu", "cuda"):
        raise click.UsageError(f"expected a CUDA device, got {name}; `--device cpu --quick` tries the script")
    return device


def _show_new_rows(console: Console, results: list[CheckResult], shown: set[tuple[str, int]]) -> None:
    for result in results:
        for number, row in enumerate(result.rows):
            if (result.name, number) not in shown:
                shown.add((result.name, number))
                said = row.problem or (f"skipped: {row.skipped}" if row.skipped else figures_text(row.figures))
                console.print(escape(f"{result.name}: {row.subject}: {said}"), highlight=False)
