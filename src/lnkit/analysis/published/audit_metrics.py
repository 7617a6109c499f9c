"""Audit of the tables of metrics: their sources against each other. Differences between sources are no errors."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from lnkit.analysis.published.audit_finding import AGREES, DIFFERS, SUSPECT, AuditFinding
from lnkit.analysis.published.metric_rows import rule_of
from lnkit.analysis.published.metric_rules import IQA, LIBRARIES, NATIVE, PSYCHOPHYSICS, UNSETTLED

SAME = ["dataset", "split", "score"]
FAMILIES_MEAN = "val, mean of 6 families"
FOUR_DIGITS = 1e-4
WINDOWED = "windows"  # in notes of ZS-IQA


def pixel_metric(metrics: pd.DataFrame) -> AuditFinding:
    """Compare the PSNR of all sources: it has no parameters, so all that leave the size of images agree on it."""
    rows = metrics[(metrics.metric.str.lower() == "psnr") & _at_native_size(metrics)]
    evidence = []
    for key, group in rows.groupby(SAME, sort=False):
        usual = group.value.abs().median()
        off = (group.value.abs() - usual).abs()
        for index in group.index[off > group.value.map(_last_digit).clip(lower=FOUR_DIGITS)]:
            row = group.loc[index]
            evidence.append((*map(str, key), row.source, f"{row.value:.5g}", f"{usual:.5g}"))
    groups = rows.groupby(SAME).ngroups
    return AuditFinding(
        "metrics-pixel",
        "Metrics: the PSNR of all sources",
        (IQA,),
        DIFFERS if evidence else AGREES,
        f"{len(rows)} values of PSNR at native size, of {groups} data sets, splits and scores; "
        f"{len(rows) - len(evidence)} agree with the median of their group to four digits, or those they have.",
        ("data set", "split", "score", "source", "value", "median"),
        tuple(evidence),
    )


def sources(metrics: pd.DataFrame) -> AuditFinding:
    """List the metrics whose values differ between tables by more than libraries do, on the same images."""
    rows = metrics[_at_native_size(metrics) | (_rules(metrics, "size") == UNSETTLED)]
    rows = rows.assign(study=_rules(rows, "study"), name=rows.metric.map(_plain), fit=_rules(rows, "fit"))
    rows["fit"] = rows.fit.where(rows.score == "plcc", "")
    compared, evidence = 0, []
    for key, group in rows.groupby([*SAME, "fit", "name"], sort=False):
        if group.study.nunique() < 2:
            continue
        compared += 1
        values = group.assign(value=group.value.abs()).sort_values("value")
        low, high = values.iloc[0], values.iloc[-1]
        rounding = (_last_digit(low.value) + _last_digit(high.value)) / 2
        if round(high.value - low.value, 6) > LIBRARIES + rounding:
            ends = (f"{end.value:.4g} ({end.study})" for end in (low, high))
            evidence.append((high.value - low.value, (*map(str, key[:3]), str(high.metric), *ends)))
    evidence.sort(key=lambda item: -item[0])
    return AuditFinding(
        "metrics-sources",
        "Metrics: the same metric in several tables",
        (IQA,),
        DIFFERS if evidence else AGREES,
        f"{compared} metrics have a score on the same images in several tables, at native size or one that is not "
        f"stated; {len(evidence)} differ by more than {LIBRARIES} and their rounding. These are differences of "
        "versions, weights, sizes or input ranges, and no errors as such.",
        ("data set", "split", "score", "metric", "lowest", "highest"),
        tuple(cells for _, cells in evidence),
    )


def windows(metrics: pd.DataFrame) -> AuditFinding:
    """Test whether metrics whose note names windows have the values of whole images."""
    windowed = metrics[metrics.note.str.contains(WINDOWED)]
    native = metrics[(metrics.source == "pyiqa")]
    windowed, native = (frame.assign(name=frame.metric.map(_plain)) for frame in (windowed, native))
    both = windowed.merge(native, on=[*SAME, "name"], suffixes=("", "_whole"))
    equal = (both.value.round(4) == both.value_whole.round(4)).groupby(both.name).all()
    names = sorted(map(str, equal.index[equal]))
    shared = both[both.name.isin(names)]
    return AuditFinding(
        "metrics-windows",
        "Metrics: windows, or whole images?",
        (IQA,),
        SUSPECT if len(names) else AGREES,
        f"All {len(shared)} values of {', '.join(names) or 'no metric'} equal those of pyiqa for whole images to four "
        "digits, although their notes name windows of 224 pixels.",
        ("data set", "score", "metric", "windows", "whole images"),
        tuple(
            (str(row.dataset), str(row.score), str(row.metric), f"{row.value:.4f}", f"{row.value_whole:.4f}")
            for row in shared.itertuples()
        ),
    )


def copies(metrics: pd.DataFrame) -> AuditFinding:
    """Find values of different metrics of one table that agree to nine digits."""
    long = metrics[metrics.value.map(lambda value: len(str(float(value))) > 11)]
    long = long.assign(study=_rules(long, "study"), rounded=long.value.round(9))
    evidence = [
        (str(key[0]), str(key[1]), str(key[2]), " = ".join(pair.metric), f"{pair.value.iloc[0]:.9f}")
        for key, group in long.groupby(["study", *SAME], sort=False)
        for _, pair in group.groupby("rounded", sort=False)
        if pair.metric.map(_plain).nunique() > 1
    ]
    return AuditFinding(
        "metrics-copies",
        "Metrics: values of two metrics that agree to nine digits",
        (IQA,),
        SUSPECT if evidence else AGREES,
        f"Of {len(long)} values with ten digits or more, {len(evidence)} pairs of one table agree to nine.",
        ("table", "data set", "split", "metrics", "value"),
        tuple(evidence),
    )


def family_means(metrics: pd.DataFrame) -> AuditFinding:
    """Recompute the means over the families of BAPPS."""
    rows = metrics[(metrics.dataset == "BAPPS") & metrics.split.str.startswith("val/")]
    ours = rows.groupby("metric").value.mean()
    printed = metrics[metrics.split == FAMILIES_MEAN].set_index("metric").value
    off = (ours.reindex(printed.index) - printed).abs()
    return AuditFinding(
        "metrics-means",
        "Metrics: means over the families of BAPPS",
        (IQA,),
        AGREES if (off <= 1e-6).all() else DIFFERS,
        f"Recomputed from the families: {int((off <= 1e-6).sum())} of {len(printed)} means agree to six digits.",
        ("metric", "mean", "recomputed"),
        tuple((str(name), f"{printed[name]:.6f}", f"{ours.get(name):.6f}") for name in printed.index),
    )


def matching_errors(models: pd.DataFrame) -> AuditFinding:
    """Compare the printed matching errors of Cai2025 with those of its curves."""
    off = models[(models.matching_rmse - models.matching_rmse_by_frequency_recomputed).abs() > 5e-5]
    return AuditFinding(
        "psychophysics-matching",
        "Cai et al. 2025: matching errors against the curves",
        (PSYCHOPHYSICS,),
        AGREES if off.empty else DIFFERS,
        f"{len(models) - len(off)} of {len(models)} printed errors are the mean over frequencies of the error of the "
        "curve beside them, to four digits.",
        ("model", "printed", "from the curve"),
        tuple(
            (
                f"{row.family} {row.architecture}".strip(),
                f"{row.matching_rmse:.4f}",
                f"{row.matching_rmse_by_frequency_recomputed:.4f}",
            )
            for row in off.itertuples()
        ),
    )


METRIC_CHECKS: tuple[Callable[[pd.DataFrame], AuditFinding], ...] = (
    pixel_metric,
    sources,
    windows,
    copies,
    family_means,
)


def _at_native_size(metrics: pd.DataFrame) -> pd.Series:
    return _rules(metrics, "size") == NATIVE


def _rules(metrics: pd.DataFrame, field: str) -> pd.Series:
    """Return what the rules of the rows say in a field."""
    columns = ["source", "note", "metric", "dataset"]
    rows = [dict(zip(columns, row, strict=True)) for row in metrics[columns].itertuples(index=False)]
    return pd.Series([getattr(rule_of(row), field) for row in rows], index=metrics.index, dtype=object)


def _plain(metric: str) -> str:
    """Return the name of a metric without case and punctuation: psnr, msssim, lpips+."""
    return re.sub(r"[^a-z0-9+]", "", metric.lower())


def _last_digit(value: float) -> float:
    """Return one unit in the last digit of a printed number, which has two decimals or more."""
    return float(10.0 ** -max(2, len(str(float(value)).partition(".")[2])))
