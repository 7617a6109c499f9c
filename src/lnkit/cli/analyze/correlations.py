"""`lnkit analyze correlations`: correlations of scores with attributes or with each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import gather_measurements, source_options
from lnkit.cli._output import note, print_table
from lnkit.cli.analyze._tables import (
    check_name,
    format_interval,
    format_number,
    format_p,
    output_options,
    print_caveats,
    print_or_write,
    sampling_options,
    score_option,
    select_scores,
    unit_option,
    varies,
)

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("pearson", "spearman", "kendall")


@click.command("correlations")
@source_options
@score_option
@click.option("--attribute", "attributes", metavar="NAME", multiple=True, help="Only this attribute; may be repeated.")
@click.option("--among-scores", is_flag=True, help="Correlate scores with each other instead of with attributes.")
@click.option("--every-score", is_flag=True, help="Use every score instead of the main ones of each benchmark.")
@unit_option
@click.option("--method", type=click.Choice([*METHODS, "all"]), default="spearman", show_default=True)
@sampling_options
@output_options
def correlations(as_json: bool, form: str | None, output: Path | None, **options: Any) -> None:
    """Correlate scores with attributes or scores.

    Positive means that better scores go with larger attributes, whatever the direction of the score. The 95 % intervals
    are from bootstrap samples of backbones with all their points, and p takes into account that these points are
    dependent. It is corrected for all tests of one coefficient in the table, after Holm and after Benjamini and
    Hochberg; tests that --score and --attribute leave out do not count.
    """
    table, frame = _correlations(**options)
    print_or_write(table, lambda: _show(table), as_json=as_json, form=form, output=output)
    _say_undefined(table)
    print_caveats(frame)


def _correlations(
    scores: Sequence[str], attributes: Sequence[str], among_scores: bool, every_score: bool, **options: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of coefficients, and the measurements that they are computed from."""
    unit, method = options.pop("unit").replace("-", " "), options.pop("method")
    resamples, seed = options.pop("resamples"), options.pop("seed")
    gathered = gather_measurements(**options)
    from lnkit.analysis.correlations import attribute_correlations, score_correlations  # noqa: PLC0415 - scipy
    from lnkit.analysis.rankings import counted  # noqa: PLC0415 - pandas
    from lnkit.stats import Sampling  # noqa: PLC0415 - numpy

    frame = gathered.frame()
    frame = select_scores(frame, scores) if scores else frame if every_score else counted(frame)
    methods, sampling = METHODS if method == "all" else (method,), Sampling(resamples, seed)
    if among_scores:
        return score_correlations(frame, unit=unit, methods=methods, sampling=sampling), frame
    known = gathered.attributes()
    for name in attributes:
        check_name("attribute", name, [column for column in known.columns if column != "attributes_from"])
    known = known[list(attributes)] if attributes else known
    return attribute_correlations(frame, known, unit=unit, methods=methods, sampling=sampling), frame


def _show(table: pd.DataFrame) -> None:
    """Print the defined coefficients, with the settings only where these differ."""
    defined = table[table.coefficient.notna()]
    other = "attribute" if "attribute" in table else "other_score"
    settings = [name for name in ("setting", "other_setting") if name in table and varies(table[name])]
    labels = ["score", *settings[:1], other, *settings[1:], *(["method"] if varies(table.method) else [])]
    rows = [
        [
            *(str(getattr(row, name)) for name in labels),
            format_number(row.coefficient),
            format_interval(row.low, row.high),
            *map(format_p, (row.p, row.p_holm, row.p_bh)),
            str(row.n),
        ]
        for row in defined.itertuples()
    ]
    names = [name.replace("_", " ") for name in labels]
    print_table([*names, "coefficient", "95 % interval", "p", "p (Holm)", "p (BH)", "n"], rows)


def _say_undefined(table: pd.DataFrame) -> None:
    undefined = table[table.coefficient.isna()]
    for reason, count in undefined.note.value_counts(sort=False).items():
        note(f"{count} of {len(table)} correlations are undefined: {reason}.")
    for reason, count in table.drop(undefined.index).note.value_counts(sort=False).items():
        if reason:
            note(f"{count} of {len(table)} correlations: {reason}.")
    if table.empty:
        note("No two scores have a loss network in common, so nothing was correlated.")
