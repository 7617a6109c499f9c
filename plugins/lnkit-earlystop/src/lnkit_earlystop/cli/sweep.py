"""`lnkit earlystop sweep`: trainings for each value of a hyperparameter."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

import lnkit
from lnkit.commands import SEED, echo, make_progress
from lnkit.sweep import CommandTask
from lnkit_earlystop.cli._options import FIELDS, MOST, recipe_options
from lnkit_earlystop.cli._tables import print_rows
from lnkit_earlystop.cli.train import BATCH_SIZE, command as train_command
from lnkit_earlystop.sweeps.hyperparameters import HYPERPARAMETERS, command_words, sweep_values

NAMES = ", ".join(HYPERPARAMETERS)


@click.command("sweep", epilog=f"Hyperparameters: {NAMES}.")
@click.argument("hyperparameter", type=click.Choice(list(HYPERPARAMETERS)), metavar="HYPERPARAMETER")
@click.argument("architecture")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Labelled images: a folder or an archive.")
@click.option("--values", metavar="A,B,...", default="", help="Values.  [default: several, from small to large]")
@click.option("--output", "-o", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of the sweep.  [default: earlystop/HYPERPARAMETER-ARCHITECTURE]")  # fmt: skip
@click.option(
    "--batch-size", type=click.IntRange(1, MOST), default=BATCH_SIZE, show_default=True, help="Images per step."
)
@click.option("--checkpoint-every", type=click.IntRange(1, MOST**2), metavar="STEPS", help="Steps between checkpoints.")
@recipe_options
@click.option("--class-ranking", type=click.Path(path_type=Path, exists=True), help="A finished run on the same data.")
@click.option("--ps-data", type=click.Path(path_type=Path, file_okay=False), help="Human judgments in BAPPS's layout.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the first training of each value.")
@click.option("--repeats", type=click.IntRange(1, 1000), default=1, show_default=True,
              help="Trainings of each value, each with a seed of its own.")  # fmt: skip
@click.option("--devices", default="", metavar="A,B,...",
              help="Devices, with one training at a time on each.  [default: every GPU, or the CPU]")  # fmt: skip
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True,
              help="Precision of the computation.")  # fmt: skip
def command(hyperparameter: str, architecture: str, values: str, output: Path | None, **options: Any) -> None:
    """Train ARCHITECTURE for each value of HYPERPARAMETER, and find the value with the best perceptual score.

    Everything else is as in `lnkit earlystop train`. With --repeats, table and figures have means and standard errors.
    The same command resumes an interrupted sweep; with further values or repeats, only these are trained.
    """
    from lnkit.data import locked  # noqa: PLC0415 - not for help
    from lnkit_earlystop.checkpoints import DESCRIPTION  # noqa: PLC0415
    from lnkit_earlystop.networks.architecture import parse  # noqa: PLC0415
    from lnkit_earlystop.sweeps.summary import TABLE  # noqa: PLC0415

    parsed = parse(architecture)
    if HYPERPARAMETERS[hyperparameter].ranked and options["class_ranking"] is None:
        raise lnkit.UsageError(f"A sweep over {hyperparameter} needs --class-ranking, a finished run on the same data.")
    folder = output or Path("earlystop") / f"{hyperparameter}-{parsed.name}"
    chosen = sweep_values(hyperparameter, parsed, [value.strip() for value in values.split(",") if value.strip()])
    seeds = range(options["seed"], options["seed"] + options["repeats"])
    shared = _shared_words(options)
    commands, folders = {}, {}
    for value in chosen:
        for seed in seeds:
            name = f"{value}, seed {seed}" if len(seeds) > 1 else value
            commands[name] = [*command_words(hyperparameter, value, parsed), *shared, "--seed", str(seed)]
            folders[name] = folder / f"{hyperparameter}-{value}-seed{seed}"
    _check_trainings(commands)
    progress: Any = make_progress()
    with locked(folder / TABLE, f"sweeping in {folder}", progress):
        tasks = [
            CommandTask(
                f"{hyperparameter} {name}",
                ("earlystop", "train", *words, "--output", str(folders[name])),
                folders[name] / DESCRIPTION,
                "trainings",
            )
            for name, words in commands.items()
        ]
        _run(tasks, folder, options["devices"], progress)
        by_value = {value: [folder / f"{hyperparameter}-{value}-seed{seed}" for seed in seeds] for value in chosen}
        _show(hyperparameter, parsed.name, folder, by_value)


def _run(tasks: Sequence[CommandTask], folder: Path, devices: str, progress: Any) -> None:
    """Run trainings, one at a time on each device.

    Raises:
        lnkit.LnkitError: trainings failed. The others are finished first, and the message names every failure.
    """
    from lnkit.sweep import plan_commands  # noqa: PLC0415 - not for help

    opened = plan_commands(tasks, folder)
    opened.run("local", {"devices": devices} if devices else {}, progress, failed=True)
    if failed := [task for task in opened.status().tasks if task.state != "done"]:
        reasons = {task.task.name: task.failures[-1].sentence.rstrip(".") for task in failed if task.failures}
        said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise lnkit.LnkitError(f"{len(failed)} of {len(tasks)} trainings failed ({said}). The others are finished.")


def _check_trainings(commands: Mapping[str, Sequence[str]]) -> None:
    """Refuse values that `lnkit earlystop train` refuses, and those that are no names of folders.

    Raises:
        lnkit.UsageError: a value is wrong.
    """
    for value, words in commands.items():
        if "/" in value or os.sep in value:
            raise lnkit.UsageError(f"Expected values of a hyperparameter as --values, got {value!r}.")
        try:
            train_command.make_context("train", list(words))
        except click.ClickException as error:
            raise lnkit.UsageError(f"The value {value!r} cannot be trained: {error.format_message()}") from error


def _shared_words(options: dict[str, Any]) -> list[str]:
    """Return the options that all trainings share, as words of their command lines."""
    words = []
    for name in ("data", "batch_size", "checkpoint_every", "class_ranking", "ps_data", "precision", *FIELDS):
        value = options.get(name)
        dashed = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{dashed}" if value else f"--no-{dashed}")
        elif value is not None:
            words += [f"--{dashed}", str(value)]
    return words


def _show(hyperparameter: str, architecture: str, folder: Path, folders: dict[str, list[Path]]) -> None:
    from lnkit.report import save_figure  # noqa: PLC0415 - not for help
    from lnkit_earlystop.history import write_rows  # noqa: PLC0415
    from lnkit_earlystop.plots import scatter  # noqa: PLC0415
    from lnkit_earlystop.sweeps.figure import against_hyperparameter  # noqa: PLC0415
    from lnkit_earlystop.sweeps.summary import (  # noqa: PLC0415
        FIGURE,
        SCATTER,
        TABLE,
        mean_checkpoints,
        optimum,
        read_runs,
        summarize,
    )

    runs = read_runs(folders)
    table = summarize(runs)
    best = optimum(table)
    print_rows(table, best)
    write_rows(table, folder / TABLE)
    echo(f"Table: {folder / TABLE}")
    title = HYPERPARAMETERS[hyperparameter].title
    if not table:
        return
    charts = {FIGURE: against_hyperparameter(table, title, f"{architecture}: {title}")}
    if best is not None:
        charts[SCATTER] = scatter(mean_checkpoints(runs), f"{architecture}: {title}", title)
    for name, chart in charts.items():
        save_figure(chart, folder / name)
        echo(f"Figure: {folder / name}")
