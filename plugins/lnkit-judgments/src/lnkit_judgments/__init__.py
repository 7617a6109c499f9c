"""Benchmarks on human judgments of similarity, each in the layout in which its data are published.

`nights`: which of two images is more similar to a third? `tid2013`, `kadid10k`, `csiq`, `live` and others: how good
does a distorted image look? `similarity_matrix`: how similar are any two images of a set?
"""

from __future__ import annotations

from collections.abc import Callable

import lnkit
from lnkit_judgments.matrix import SIMILARITY_MATRIX
from lnkit_judgments.nights import NIGHTS
from lnkit_judgments.opinions.sets import BENCHMARKS

LNKIT_INTERFACE = 1


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    for benchmark in (NIGHTS, *BENCHMARKS, SIMILARITY_MATRIX):
        register(benchmark)
