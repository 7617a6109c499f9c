"""Score the distances of any metric on human 2AFC judgments, with intervals and ceilings.

The input is an .npz file with the vectors `<family>/judge`, `<family>/<metric>/d0` and `<family>/<metric>/d1`.
"""

import sys

import numpy as np

from lnkit_bapps.scores import Distances, score_distances

if len(sys.argv) != 3:
    sys.exit("Usage: score_judgments.py JUDGMENTS.npz METRIC")
file, metric = sys.argv[1:]
with np.load(file) as arrays:
    families = [name.removesuffix("/judge") for name in arrays if name.endswith("/judge")]
    metrics = sorted({name.split("/")[1] for name in arrays if name.endswith("/d0")})
    if metric not in metrics:
        sys.exit(f"{file} has no metric {metric!r}; it has: {', '.join(metrics)}.")
    columns = ("judge", f"{metric}/d0", f"{metric}/d1")
    triplets = {
        family: tuple(arrays[f"{family}/{column}"].astype(np.float64) for column in columns) for family in families
    }

for label, score in score_distances(Distances(triplets)).items():
    low, high = score.interval
    ceilings = ", ".join(f"{name} {value:.4f}" for name, value in sorted(score.ceilings.items()))
    print(f"{label:20s} {score.value:.4f} [{low:.4f}, {high:.4f}]  n = {score.n:6d}  ceilings: {ceilings}")
