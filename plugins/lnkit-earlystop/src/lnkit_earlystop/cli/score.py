"""`lnkit earlystop score`: perceptual scores for the checkpoints of a run that has none, or of other judgments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import lnkit
from lnkit.commands import make_progress
from lnkit_earlystop.cli._tables import show_checkpoints


@click.command("score")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--ps-data", type=click.Path(path_type=Path, file_okay=False),
              help="Human judgments in BAPPS's layout.  [default: BAPPS, fetched where it is missing]")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps or auto.")
def command(run: Path, ps_data: Path | None, device: str) -> None:
    """Score every checkpoint in the folder RUN, draw the curves, and keep the best one as the early-stopped network.

    Scores are kept; a checkpoint that was scored before is looked up. Each gets a perceptual score with the distances
    spatial, mean_pool and style, and its record has those of each layer too.
    """
    from lnkit_earlystop.checkpoints import checkpoints_in  # noqa: PLC0415 - not for help
    from lnkit_earlystop.history import keep_scores, kept_scores  # noqa: PLC0415
    from lnkit_earlystop.scoring import Judges  # noqa: PLC0415
    from lnkit_earlystop.training import close_run  # noqa: PLC0415

    found = list(checkpoints_in(run))
    if not found:
        raise lnkit.UsageError(f"{run} holds no checkpoints; expected is a folder that `lnkit earlystop train` wrote.")
    judges = Judges(ps_data, run / "results", device)
    progress: Any = make_progress()
    with progress.task("scoring", len(found), unit="checkpoints") as advance:
        for file, facts in found:
            keep_scores(file, {**kept_scores(file), **judges.scores(file, facts)})
            advance(1, facts.name)
    rows = close_run(run)
    show_checkpoints(rows)
    click.echo(f"Run: {run}")
