"""What agrees with people, beside scores that do not ask them: published 2AFC scores of loss networks on BAPPS."""

from __future__ import annotations

from collections.abc import Iterable

from lnkit.analysis.published.tables import PIHLGREN2023, read_rows
from lnkit.specs import loss_network_label
from lnkit.stats.ranks import tied_ranks

PIXEL_SCORES = ("psnr", "ssim")  # in the names of scores that compare images value by value


def compares_pixels(scores: Iterable[str]) -> bool:
    """Return whether there are scores and all of them are PSNR or SSIM."""
    parts = [any(name in score for name in PIXEL_SCORES) for score in scores]
    return bool(parts) and all(parts)


def agreement_with_people() -> dict[str, float]:
    """Return the published 2AFC score of each loss network: how often it judges patches of images as people do."""
    return {
        loss_network_label(row["backbone"], (row["point"],)): float(row["value"])
        for row in read_rows("performance_scores")
        if (row["benchmark"], row["score"]) == ("bapps", "2afc")
    }


def say_people(loss_network: str) -> str:
    """Say what PSNR and SSIM leave open, and how a loss network does where people were asked."""
    agreement = agreement_with_people()
    best = max(agreement, key=lambda name: agreement[name])
    ranks = tied_ranks(agreement)
    own = (
        f" {loss_network} has {agreement[loss_network]:g}, rank {ranks[loss_network]:g} of {len(ranks)};"
        if loss_network in agreement
        else ""
    )
    return (
        "The order is by PSNR and SSIM, which fail to account for many nuances of human perception (Zhang et al. "
        "2018). The column 2afc tells "
        f"how often a loss network agrees with people on BAPPS ({PIHLGREN2023}, Table V):{own} the highest is "
        f"{agreement[best]:g}, of {best}."
    )


def say_weight() -> str:
    """Say where to start with the weight of a loss network beside L1, and where that is from."""
    return (
        f"The study trains with this loss alone ({PIHLGREN2023}). Beside L1, others start with a weight of 1 (the "
        "default of BasicSR with features of VGG-19; taming-transformers with LPIPS) or 0.01 (the template of "
        "traiNNer-redux). Features differ in scale: print both terms in the first steps, and change the weight until "
        "neither vanishes."
    )


def training_snippet(loss_network: str) -> tuple[str, ...]:
    """Return lines of Python that train with a loss network and the distance of the study; none for own weights."""
    if "@" in loss_network.partition(":")[0]:  # of the user's own weights, which the name does not hold
        return ()
    return (
        "import lnkit",
        "import torch",
        f'loss = lnkit.load_loss("{loss_network}, squared").to(device)  # frozen',
        "weight = 1.0",
        "# in each step, with images in [0, 1]:",
        "total = torch.nn.functional.l1_loss(output, target)",
        "total = total + weight * loss(output, target)",
    )
