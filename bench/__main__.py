"""`python -m bench [--quick] [--json FILE] [SUBJECT ...]`: measure, and show every ratio beside its target.

`python -m bench gpu` is a command of its own, see :mod:`bench.gpu`.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sys
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.table import Table

from bench.harness import Ratio, machine_limit

SUBJECTS = {  # name -> module with measure(quick)
    "startup": "bench.startup",
    "comparer": "bench.comparer_speed",
    "first-run": "bench.first_run_speed",
    "lpips": "bench.lpips_speed",
    "iqa": "bench.iqa_speed",
    "loss": "bench.loss_speed",
    "analysis": "bench.analysis_speed",
    "superres": "bench.superres_speed",
    "training": "bench.training_speed",
    "earlystop": "bench.earlystop_speed",
    "search": "bench.search_speed",
    "sweep": "bench.sweep_speed",
    "iqa-full": "bench.iqa_full",
}


@click.command()
@click.argument("subjects", nargs=-1, type=click.Choice(list(SUBJECTS)))
@click.option("--quick", is_flag=True, help="Two backbones and fewer repetitions.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the results to a file.")
def main(subjects: tuple[str, ...], quick: bool, json_file: Path | None) -> None:
    """Measure the speed of the named subjects, or of all, against their baselines.

    `python -m bench gpu --help` describes the check of a GPU.
    """
    console = Console(width=max(150, Console().width))
    limit = machine_limit()
    console.print(
        f"{os.cpu_count()} cores, torch {torch.__version__} with {torch.get_num_threads()} threads; peak "
        + ", ".join(f"{name} {gflops:,.0f} GFLOP/s" for name, gflops in limit.items())
    )
    ratios: list[Ratio] = []
    for subject in subjects or SUBJECTS:
        with console.status(subject):
            for ratio in importlib.import_module(SUBJECTS[subject]).measure(quick):
                console.print(f"{ratio.subject}: {ratio.measured}, {ratio.baseline}, ratio {ratio.value:.2f}")
                ratios.append(ratio)
    console.print(_table(ratios))
    if json_file:
        results = {"machine": limit, "ratios": [dataclasses.asdict(ratio) | {"met": ratio.met} for ratio in ratios]}
        json_file.write_text(json.dumps(results, indent=2) + "\n")


def _table(ratios: list[Ratio]) -> Table:
    table = Table("subject", "measured", "baseline", "ratio", "target", "met", "note")
    for ratio in ratios:
        target = f"{'<=' if ratio.at_most else '>='} {ratio.target:.2f}"
        met = "yes" if ratio.met else "no"
        table.add_row(ratio.subject, ratio.measured, ratio.baseline, f"{ratio.value:.2f}", target, met, ratio.note)
    return table


def run() -> None:
    """Run the check of a GPU if that is the first word, else the measurements."""
    if sys.argv[1:2] != ["gpu"]:
        main()
    from bench.gpu.checkout import use_checkout  # noqa: PLC0415 - only for this command

    use_checkout()
    from bench.gpu.command import main as check_gpu  # noqa: PLC0415 - imports lnkit, which may be found only now

    check_gpu(sys.argv[2:], prog_name="python -m bench gpu")


if __name__ == "__main__":
    run()
