"""What the published study says, with pandas: who ranks first, and whether ImageNet accuracy or cost foretell it.

Your own results join in with `analysis.gather(Path("results"), "both")`.
"""

from lnkit import analysis

found = analysis.gather(origin="published")
frame, attributes = found.frame(), found.attributes()

print(analysis.mean_ranks(frame).head(5).round(2).to_string(), end="\n\n")

wanted = ["imagenet_top1", "point_macs", "fraction_depth"]
scores = frame[frame.caveat == ""].pivot(index="loss_network", columns="score", values="value")
print(scores.join(attributes[wanted]).corr("spearman").loc[["2afc", "x4_psnr_set5", "svhn_accuracy"], wanted].round(2))
