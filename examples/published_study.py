"""Analyze the published study with pandas: which backbones rank first, and do accuracy or cost predict the scores?

To include your own results, call ``analysis.gather(Path("results"), "both")``.
"""

from lnkit import analysis

measurements = analysis.gather(origin="published")
frame, attributes = measurements.frame(), measurements.attributes()

print(analysis.mean_ranks(frame).head(5).round(2).to_string(), end="\n\n")

predictors = ["imagenet_top1", "point_macs", "fraction_depth"]
targets = ["2afc", "jnd_map", "x4_psnr_set5"]  # without caveats
scores = frame[frame.caveat == ""].pivot(index="loss_network", columns="score", values="value")
print(scores.join(attributes[predictors]).corr("spearman").loc[targets, predictors].round(2))
