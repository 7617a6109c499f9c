"""`lnkit earlystop score`: perceptual scores for the checkpoints of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import lnkit
from lnkit.commands import echo, make_progress
from lnkit_earlystop.cli._tables import print_rows


@click.command("score")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--ps-data", type=click.Path(path_type=Path, file_okay=False),
              help="Human judgments in BAPPS's layout.  [default: BAPPS, downloaded if missing]")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps or auto.")
def command(run: Path, ps_data: Path | None, device: str) -> None:
    """Score every checkpoint in the folder RUN, draw the curves, and copy the best one as the early-stopped network.

    Each checkpoint gets a perceptual score with the distances spatial, mean_pool and style; its record also has those
    of each layer. Checkpoints that are scored already are looked up.
    """
    from lnkit_earlystop.checkpoints import checkpoints_in  # noqa: PLC0415 - not for help
    from lnkit_earlystop.history import best_row, read_scores, write_scores  # noqa: PLC0415
    from lnkit_earlystop.perceptual_score import PerceptualScorer  # noqa: PLC0415
    from lnkit_earlystop.run import write_summary  # noqa: PLC0415

    checkpoints = list(checkpoints_in(run))
    if not checkpoints:
        raise lnkit.UsageError(f"Expected the folder of a run of `lnkit earlystop train`; {run} holds no checkpoints.")
    scorer = PerceptualScorer(ps_data, run / "results", device)
    progress: Any = make_progress()
    with progress.task("scoring", len(checkpoints), unit="checkpoints") as advance:
        for file, header in checkpoints:
            write_scores(file, {**read_scores(file), **scorer.scores(file, header)})
            advance(1, header.name)
    rows = write_summary(run)
    print_rows(rows, best_row(rows))
    echo(f"Run: {run}")
