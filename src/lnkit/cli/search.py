"""`lnkit search`: find the loss network that serves a benchmark best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lnkit.cli._numbers import SEED
from lnkit.cli._output import json_option
from lnkit.errors import UsageError

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--backbone", "backbones", multiple=True, metavar="NAME")
@click.option("--loss", "losses", multiple=True, metavar="LOSS|FILE")
@click.option("--point", "points", multiple=True, metavar="POINT")
@click.option("--bench", required=True, metavar="NAME")
@click.option("--budget", metavar="TIME", default="")
@click.option("--plan", "plan_only", is_flag=True)
@click.option("--protocol", "variant", default="", metavar="VARIANT")
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE")
@click.option("--length", default="", metavar="FIELD")
@click.option("--weights", multiple=True, metavar="FILE|random")
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--data", type=FOLDER)
@click.option("--sample", is_flag=True)
@click.option("--results", type=FOLDER)
@click.option("--device", default="auto", show_default=True, metavar="DEVICE")
@click.option("--on", default="local", show_default=True, metavar="NAME")
@click.option("--option", "executor", multiple=True, metavar="KEY=VALUE")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True)
@click.option("--failed", is_flag=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def search(
    overrides: tuple[str, ...], weights: tuple[str, ...], executor: tuple[str, ...], budget: str, **named: Any
) -> None:
    """Find the loss network that serves a benchmark best."""
    from lnkit.cli._search_training import search_training  # noqa: PLC0415 - not for --help
    from lnkit.losses.given import given_weights  # noqa: PLC0415
    from lnkit.search.halving import TrainingSearchOptions  # noqa: PLC0415

    if not budget:
        raise UsageError("A benchmark that trains needs a budget, such as --budget 4h.")
    options = TrainingSearchOptions(
        overrides=dict(map(_assignment, overrides)),
        weights=given_weights(weights),
        executor=dict(map(_assignment, executor)),
        budget=budget,
        **named,
    )
    search_training(options)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"Expected FIELD=VALUE, got {text!r}.")
    return name.strip(), value.strip()
