"""Benchmarks on human judgments of similarity, each in the layout in which its data are published.

`nights`: which of two images is more similar to a third? `tid2013`, `kadid10k`, `csiq`, `live` and others: how good
does a distorted image look? `pieapp`: which of two distorted images is more similar to the reference? `things`: which
of three objects is the odd one out? `similarity_matrix`: how similar are any two images of a set?
"""

from __future__ import annotations

from collections.abc import Callable

import lnkit
from lnkit_judgments.matrix import SIMILARITY_MATRIX
from lnkit_judgments.nights import NIGHTS
from lnkit_judgments.opinions.sets import BENCHMARKS
from lnkit_judgments.pieapp import PIEAPP
from lnkit_judgments.things import THINGS

LNKIT_INTERFACE = 1

IQA = lnkit.SuiteSpec(
    name="iqa",
    title="image quality",
    benchmarks=("tid2013", "csiq", "live", "kadid10k", "pipal", "tid2008", "live_md", "pieapp"),
    score="srcc",
    folders={  # what the archives unpack to, those of the authors and of collections
        "csiq": ("CSIQ",),
        "live": ("LIVEIQA_release2", "databaserelease2"),
        "kadid10k": ("kadid10k", "KADID-10k"),
        "pipal": ("PIPAL",),
        "live_md": ("LIVEmultidistortiondatabase",),
        "pieapp": ("PieAPP_dataset_CVPR_2018",),
    },
)


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    for benchmark in (NIGHTS, *BENCHMARKS, PIEAPP, THINGS, SIMILARITY_MATRIX):
        register(benchmark)


@lnkit.hookimpl
def register_suite(register: Callable[[lnkit.SuiteSpec], None]) -> None:
    register(IQA)
