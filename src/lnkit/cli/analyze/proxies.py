"""`lnkit analyze proxies`: which benchmark, or score, can stand for which other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import gather_options, gathered
from lnkit.cli._output import note
from lnkit.cli.analyze._showing import (
    deliver,
    interval,
    number,
    output_options,
    refuse_unknown,
    sampling_options,
    say_caveats,
    several,
    show_table,
    unit_option,
)

if TYPE_CHECKING:
    import pandas as pd


@click.command("proxies")
@gather_options
@click.option(
    "--level",
    type=click.Choice(["benchmarks", "scores"]),
    default="benchmarks",
    show_default=True,
    help="Compare mean ranks of whole benchmarks, or their main scores one by one.",
)
@click.option("--target", metavar="NAME", help="Only proxies of this benchmark or score.")
@unit_option
@sampling_options
@output_options
def proxies(
    level: str, target: str | None, as_json: bool, form: str | None, output: Path | None, **options: Any
) -> None:
    """Judge which score can stand for which other.

    The coefficient is Spearman's, of two rankings of the same loss networks. Regret is what is lost of the target by
    taking the proxy's best loss network, or the best of its best three, as a part of the target's range. The verdict
    rests on the 95 % interval: usable from .7 on, weak from .3 on, no below .7; otherwise the data cannot tell.
    """
    unit, resamples, seed = (options.pop(name) for name in ("unit", "resamples", "seed"))
    frame = gathered(**options).frame()
    from lnkit.analysis.proxy import proxies as judged  # noqa: PLC0415 - scipy
    from lnkit.stats import Sampling  # noqa: PLC0415 - numpy

    table = judged(frame, level=level, unit=unit.replace("-", " "), sampling=Sampling(resamples, seed))
    if target is not None and len(table):
        column = "target_benchmark" if level == "benchmarks" else "target"
        refuse_unknown(level.removesuffix("s"), target, list(dict.fromkeys(table[column])))
        table = table[table[column] == target]
    deliver(table, lambda: _show(table, level), as_json=as_json, form=form, output=output)
    if table.empty:
        note(f"No two {level} have loss networks in common, so that nothing can be judged.")
    for reason, count in table.note[table.note != ""].value_counts(sort=False).items():
        note(f"{count} of {len(table)} pairs: {reason}.")
    say_caveats(frame)


def _show(table: pd.DataFrame, level: str) -> None:
    name = "benchmark" if level == "benchmarks" else "score"
    proxy, target = ("proxy_benchmark", "target_benchmark") if level == "benchmarks" else ("proxy", "target")
    settings = several([*table.proxy_setting, *table.target_setting])
    rows = [
        [
            *([row.proxy_setting] if settings else []),
            getattr(row, proxy),
            *([row.target_setting] if settings else []),
            getattr(row, target),
            number(row.spearman, 2),
            interval(row.low, row.high),
            number(row.regret_1, 2),
            number(row.regret_3, 2),
            str(row.n),
            row.verdict,
        ]
        for row in table.itertuples()
    ]
    of = ["setting"] if settings else []
    show_table(
        [*of, f"{name} as proxy", *of, "target", "Spearman", "95 % interval", "regret", "of best 3", "n", "verdict"],
        rows,
    )
