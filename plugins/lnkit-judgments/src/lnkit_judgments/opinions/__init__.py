"""Benchmarks on mean opinions, such as `tid2013`: how well do distances predict the quality that people see?

A distorted image is compared with its reference, and the distance with the mean opinion of the distorted image.
"""

from __future__ import annotations

import lnkit


def _score(name: str, description: str, *, primary: bool = False) -> lnkit.ScoreSpec:
    pooled = "one distortion type" if "<" in name else "all images pooled"
    return lnkit.ScoreSpec(name, description, unit="correlation", lower=-1.0, aggregation=pooled, primary=primary)


SCORES = (
    _score("srcc", "Spearman's rank correlation of nearness with mean opinions", primary=True),
    _score("krcc", "Kendall's rank correlation tau-b"),
    _score("plcc", "Pearson's linear correlation of the distances, without regression"),
    _score("plcc_logistic", "the same after the usual logistic regression", primary=True),
    _score("srcc/<distortion>", "Spearman's, one distortion type"),
    _score("krcc/<distortion>", "Kendall's, one distortion type"),
    _score("plcc/<distortion>", "Pearson's without regression, one distortion type"),
)
