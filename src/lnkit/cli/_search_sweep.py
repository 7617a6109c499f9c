"""`lnkit search` on several devices: a task measures each backbone, and the search then finds its records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lnkit.cli._search_training import run_on
from lnkit.results.folder import results_dir
from lnkit.sweep.claims import SWEEP_FOLDER
from lnkit.sweep.command_tasks import CommandTask
from lnkit.sweep.sweep import plan_commands

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry
    from lnkit.progress import Progress

FEWEST_SAMPLES = "20"  # of a search for its records alone
# Options of the choice, which the tasks do not make, and of the sweep itself.
LEFT_OUT = {
    "backbones", "combine", "folds", "share", "resamples", "transfer", "output", "figure", "plan_only", "as_json",
    "wide", "batch_norm", "device", "on", "executor", "failed",
}  # fmt: skip


def measure_in_a_sweep(
    options: dict[str, Any], backbones: Sequence[str], executor: dict[str, str], registry: Registry, progress: Progress
) -> str:
    """Measure each backbone in a task of a sweep.

    Args:
        options: of the command, by name.
        backbones: to measure.
        executor: options of the executor.
        registry: knows all names.
        progress: receives the progress.

    Returns:
        What the executor says if tasks are still to run, such as where they were submitted; "" if all are finished.
    """
    folder = results_dir(options["results"])
    tasks = [_task(backbone, folder / SWEEP_FOLDER) for backbone in backbones]
    sweep = plan_commands(tasks, folder, registry)
    said = run_on(sweep, options["on"], executor, options["device"], progress, failed=options["failed"])
    return said if any(task.state != "done" for task in sweep.status().tasks) else ""


def _task(backbone: str, folder: Path) -> CommandTask:
    words = (
        "search",
        *words_of_measuring(click.get_current_context()),
        "--backbone",
        backbone,
        "--samples",
        FEWEST_SAMPLES,
    )
    named = CommandTask(f"search {backbone}", words, folder)
    done = folder / f"search-{named.id}.toml"
    return CommandTask(named.name, (*words, "--output", str(done)), done, "searches")


def words_of_measuring(context: click.Context) -> list[str]:
    """Return the options of the command that say what is measured, as they were given."""
    words: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        if name in LEFT_OUT or context.get_parameter_source(name) is ParameterSource.DEFAULT:
            continue
        value = context.params[name]
        if isinstance(option, click.Option) and option.is_flag:
            words.append(option.opts[0])
            continue
        for one in value if isinstance(value, tuple) else (value,):
            words += [option.opts[0], str(one)]
    return words
