"""Score a metric's distances on human 2AFC judgments, with intervals and ceilings, without any network.

The file is an .npz with `<family>/judge`, `<family>/<metric>/d0` and `<family>/<metric>/d1`, one vector each.
"""

import sys

import numpy as np

from lnkit_bapps.scores import Distances, score_distances

if len(sys.argv) != 3:
    sys.exit("Give a file of judgments and a metric in it: score_judgments.py JUDGMENTS.npz METRIC")
file, metric = sys.argv[1:]
with np.load(file) as stored:
    families = [name.removesuffix("/judge") for name in stored if name.endswith("/judge")]
    metrics = sorted({name.split("/")[1] for name in stored if name.endswith("/d0")})
    if metric not in metrics:
        sys.exit(f"{file} has no metric {metric!r}; it has: {', '.join(metrics)}.")
    columns = ("judge", f"{metric}/d0", f"{metric}/d1")
    triplets = {f: tuple(stored[f"{f}/{column}"].astype(np.float64) for column in columns) for f in families}

for name, score in score_distances(Distances(triplets)).items():
    low, high = score.interval
    ceilings = ", ".join(f"{what} {value:.4f}" for what, value in sorted(score.ceilings.items()))
    print(f"{name:20s} {score.value:.4f} [{low:.4f}, {high:.4f}]  n = {score.n:6d}  ceilings: {ceilings}")
