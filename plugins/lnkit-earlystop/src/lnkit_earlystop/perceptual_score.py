"""The perceptual score of a checkpoint: 100 times its agreement with human choices on BAPPS, or on data like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import lnkit
from lnkit.data import cache_dir, dataset_dir
from lnkit_earlystop.backbones import checkpoint_backbone
from lnkit_earlystop.checkpoints import CheckpointHeader
from lnkit_earlystop.networks.architecture import parse, points

DATASET = "bapps"  # the name of BAPPS's folder in lnkit's cache
BENCHMARK = "perceptual_probes"  # of the plugin lnkit-probes
PROBES = "layers+sensitivity"  # further probes of that benchmark that need no further pass over the triplets
SCORES = ("ps_spatial", "ps_mean_pool", "ps_style")  # Kumar2022 8.1; the first is the standard one


@dataclass(frozen=True, slots=True)
class PerceptualScorer:
    """Scores checkpoints against human judgments."""

    data: Path | None  # in BAPPS's layout; None for BAPPS itself in lnkit's cache
    results: Path  # folder of the records
    device: str

    def scores(self, file: Path, header: CheckpointHeader) -> Mapping[str, float]:
        """Return the perceptual score in percent with each distance, at all points together: ``ps_spatial`` and so on.

        Raises:
            lnkit.LnkitError: the data are missing or damaged, or the disk is full.
        """
        point = points(parse(header.architecture))[-1]  # all of them together, the standard of Kumar2022
        (run,) = lnkit.evaluate(
            checkpoint_backbone(file, header),
            {point.name: point},
            BENCHMARK,
            overrides={"probes": PROBES},
            data=self.data,
            results=self.results,
            device=self.device,
        )
        return {name: run.record.scores[name].value for name in SCORES}


def has_bapps() -> bool:
    """Return whether BAPPS lies in lnkit's cache, so that nothing needs to be downloaded."""
    return dataset_dir(DATASET, cache_dir()).is_dir()
