"""`lnkit score-range`: what a perceptual score is worth."""

from __future__ import annotations

from pathlib import Path

import click

import lnkit
from lnkit.commands import SEED, echo, emit_json, json_option, print_table

NOISE = "0.01,0.1,0.2,0.3,0.5,0.7,1,2,3"  # standard deviations; ours, Kumar2022 plots theirs only


@click.command("score-range")
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True,
              help="Judgments: a folder in BAPPS's layout, or an .npz file with <family>/judge.")  # fmt: skip
@click.option("--noise", default=NOISE, show_default=True, metavar="LIST", help="Standard deviations, above 0.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the draws.")
@json_option
def score_range(data: Path, noise: str, seed: int, as_json: bool) -> None:
    """Simulate what a perceptual score is worth, as Kumar et al. (2022, Fig. 3) do.

    Distances are drawn around 1 for the patch that most people found farther and around 0 for the other. With little
    noise their score is the best that these judgments allow; with much noise it is 50, that of chance.
    """
    deviations = _read_noise(noise)
    from lnkit_probes.score_range import read_judgments, simulated_score  # noqa: PLC0415 - scipy, not for help

    judgments = read_judgments(data)
    scores = {value: simulated_score(judgments, value, seed) for value in deviations}
    if as_json:
        emit_json([{"noise": value, "ps": score} for value, score in scores.items()])
        return
    count = sum(map(len, judgments.values()))
    families = "family" if len(judgments) == 1 else "families"
    print_table(["noise", "perceptual score"], [[f"{value:g}", f"{score:.1f}"] for value, score in scores.items()])
    echo(f"Simulated on {count:,} judgments of {len(judgments)} {families}.")


def _read_noise(text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise lnkit.UsageError(f"Expected numbers joined with commas as --noise, got {text!r}.") from error
    if not all(0 < value < float("inf") for value in values):
        raise lnkit.UsageError(f"Expected numbers above 0 as --noise, got {text!r}.")
    return values
