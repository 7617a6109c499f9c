"""Benchmarks on mean opinions, such as `tid2013`: how well do distances predict the quality that people see?

A distorted image is compared with its reference, and the distance with the mean opinion of the distorted image.
"""

from __future__ import annotations

from math import inf

import lnkit


def _score(name: str, description: str, *, primary: bool = False) -> lnkit.ScoreSpec:
    pooled = "one distortion type" if "<" in name else "all images pooled"
    return lnkit.ScoreSpec(name, description, unit="correlation", lower=-1.0, aggregation=pooled, primary=primary)


def _error(name: str, description: str) -> lnkit.ScoreSpec:
    return lnkit.ScoreSpec(
        name, description, unit="label", higher_is_better=False, upper=inf, aggregation="all images pooled"
    )


SCORES = (
    _score("srcc", "Spearman's rank correlation of nearness with mean opinions", primary=True),
    _score("krcc", "Kendall's rank correlation tau-b"),
    _score("plcc", "Pearson's linear correlation of the distances, without regression"),
    _score("plcc_logistic5", "the same after the five-parameter logistic (Sheikh et al. 2006)", primary=True),
    _score("plcc_logistic4", "the same after the four-parameter logistic (VQEG 2003)"),
    _error("rmse_logistic5", "root mean squared error after the five-parameter logistic, on the labels' own scale"),
    _error("rmse_logistic4", "root mean squared error after the four-parameter logistic"),
    lnkit.ScoreSpec(
        "srcc_by_reference",
        "Spearman's within each reference",
        unit="correlation",
        lower=-1.0,
        aggregation="mean of references",
    ),
    _score("srcc/<distortion>", "Spearman's, one distortion type"),
    _score("krcc/<distortion>", "Kendall's, one distortion type"),
    _score("plcc/<distortion>", "Pearson's without regression, one distortion type"),
)
