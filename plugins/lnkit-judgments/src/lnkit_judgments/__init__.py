"""Benchmarks on human judgments of similarity, each in the layout in which its data are published.

`nights`: which of two images is more similar to a third? `tid2013` and `kadid10k`: how good does a distorted image
look? `pieapp`: which of two distorted images is more similar to the reference? `things`: which of three objects is the
odd one out? `similarity_matrix`: how similar are any two images of a set?
"""

from __future__ import annotations

from collections.abc import Callable

import lnkit
from lnkit_judgments.matrix import SIMILARITY_MATRIX
from lnkit_judgments.nights import NIGHTS
from lnkit_judgments.opinions import KADID10K, TID2013
from lnkit_judgments.pieapp import PIEAPP
from lnkit_judgments.things import THINGS

LNKIT_INTERFACE = 1


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    for benchmark in (NIGHTS, TID2013, KADID10K, PIEAPP, THINGS, SIMILARITY_MATRIX):
        register(benchmark)
