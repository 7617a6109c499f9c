"""`lnkit analyze proxies`: which benchmark or score can stand in for another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import gather_measurements, source_options
from lnkit.cli._output import note, print_table
from lnkit.cli.analyze._tables import (
    check_name,
    format_interval,
    format_number,
    output_options,
    print_caveats,
    print_or_write,
    sampling_options,
    unit_option,
    varies,
)

if TYPE_CHECKING:
    import pandas as pd


@click.command("proxies")
@source_options
@click.option(
    "--level",
    type=click.Choice(["benchmarks", "scores"]),
    default="benchmarks",
    show_default=True,
    help="Compare mean ranks of benchmarks, or their main scores one by one.",
)
@click.option("--target", metavar="NAME", help="Only proxies of this benchmark or score.")
@unit_option
@sampling_options
@output_options
def proxies(
    level: str, target: str | None, as_json: bool, form: str | None, output: Path | None, **options: Any
) -> None:
    """Judge which score can stand in for another.

    The coefficient is Spearman's, of two rankings of the same loss networks. Regret is the loss in the target score
    from taking the proxy's best loss network, or the best of its best three, as a fraction of the target's range. The
    verdict depends on the 95 % interval: usable from .7 on, weak from .3 on, no below .7; otherwise the data cannot
    tell.
    """
    unit, resamples, seed = (options.pop(name) for name in ("unit", "resamples", "seed"))
    frame = gather_measurements(**options).frame()
    from lnkit.analysis.proxy import proxies as compute_proxies  # noqa: PLC0415 - scipy
    from lnkit.stats import Sampling  # noqa: PLC0415 - numpy

    table = compute_proxies(frame, level=level, unit=unit.replace("-", " "), sampling=Sampling(resamples, seed))
    if target is not None and len(table):
        column = "target_benchmark" if level == "benchmarks" else "target"
        check_name(level.removesuffix("s"), target, list(dict.fromkeys(table[column])))
        table = table[table[column] == target]
    print_or_write(table, lambda: _show(table, level), as_json=as_json, form=form, output=output)
    if table.empty:
        note(f"No two {level} have loss networks in common, so nothing can be judged.")
    for reason, count in table.note[table.note != ""].value_counts(sort=False).items():
        note(f"{count} of {len(table)} pairs: {reason}.")
    print_caveats(frame)


def _show(table: pd.DataFrame, level: str) -> None:
    name = "benchmark" if level == "benchmarks" else "score"
    proxy, target = ("proxy_benchmark", "target_benchmark") if level == "benchmarks" else ("proxy", "target")
    settings = varies([*table.proxy_setting, *table.target_setting])
    rows = [
        [
            *([row.proxy_setting] if settings else []),
            getattr(row, proxy),
            *([row.target_setting] if settings else []),
            getattr(row, target),
            format_number(row.spearman, 2),
            format_interval(row.low, row.high),
            format_number(row.regret_1, 2),
            format_number(row.regret_3, 2),
            str(row.n),
            row.verdict,
        ]
        for row in table.itertuples()
    ]
    of = ["setting"] if settings else []
    print_table(
        [*of, f"{name} as proxy", *of, "target", "Spearman", "95 % interval", "regret", "of best 3", "n", "verdict"],
        rows,
    )
