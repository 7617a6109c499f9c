"""Which extraction point judges similarity best? Here on the embedded sample; give `data=Path(...)` for real data."""

import lnkit
from lnkit.results.tables import scores_frame

runs = lnkit.evaluate("efficientnet_lite0", "all", bench="bapps", sample=True)

scores = scores_frame(run.record for run in runs).query("score == '2afc'")
print(
    scores.sort_values("value", ascending=False)[["backbone", "points", "value", "low", "high"]].to_string(index=False)
)
