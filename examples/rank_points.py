"""Rank the extraction points of a backbone by their 2AFC score.

This runs on the small sample that lnkit contains; for all data replace ``sample=True`` with ``data=Path(...)``.
"""

import lnkit

runs = lnkit.evaluate("efficientnet_lite0", "all", bench="bapps", sample=True)

for run in sorted(runs, key=lambda run: run.record.scores["2afc"].value, reverse=True):
    score = run.record.scores["2afc"]
    low, high = score.interval
    print(f"{run.record.loss_network:32s} 2AFC {score.value:.4f} [{low:.4f}, {high:.4f}]")
