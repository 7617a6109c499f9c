"""`python -m bench [--quick] [--json FILE] [SUBJECT ...]`: measure, and show every ratio with what is asked for."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.table import Table

from bench.harness import Ratio, machine_limit

SUBJECTS = {  # name -> module with measure(quick)
    "startup": "bench.startup",
    "comparing": "bench.comparing_speed",
    "first-run": "bench.first_run_speed",
    "lpips": "bench.lpips_speed",
    "analysis": "bench.analysis_speed",
    "superres": "bench.superres_speed",
    "training": "bench.training_speed",
    "earlystop": "bench.earlystop_speed",
}


@click.command()
@click.argument("subjects", nargs=-1, type=click.Choice(list(SUBJECTS)))
@click.option("--quick", is_flag=True, help="Two backbones and fewer repetitions.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the figures to a file.")
def main(subjects: tuple[str, ...], quick: bool, json_file: Path | None) -> None:
    """Measure speed side by side; all subjects unless some are named."""
    console = Console(width=max(150, Console().width))
    limit = machine_limit()
    console.print(
        f"{os.cpu_count()} cores, torch {torch.__version__} with {torch.get_num_threads()} threads; at best "
        + ", ".join(f"{name} {gflops:,.0f} GFLOP/s" for name, gflops in limit.items())
    )
    ratios: list[Ratio] = []
    for subject in subjects or SUBJECTS:
        with console.status(subject):
            for ratio in importlib.import_module(SUBJECTS[subject]).measure(quick):
                console.print(f"{ratio.subject}: {ratio.measured}, {ratio.against}, ratio {ratio.value:.2f}")
                ratios.append(ratio)
    console.print(as_table(ratios))
    if json_file:
        figures = {"machine": limit, "ratios": [dataclasses.asdict(ratio) | {"met": ratio.met} for ratio in ratios]}
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


def as_table(ratios: list[Ratio]) -> Table:
    table = Table("subject", "measured", "against", "ratio", "asked", "met", "note")
    for ratio in ratios:
        asked = f"{'<=' if ratio.at_most else '>='} {ratio.target:.2f}"
        met = "yes" if ratio.met else "no"
        table.add_row(ratio.subject, ratio.measured, ratio.against, f"{ratio.value:.2f}", asked, met, ratio.note)
    return table


if __name__ == "__main__":
    main()
