"""The perceptual score of a checkpoint: 100 times its agreement with human choices on BAPPS, or on data like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import lnkit
from lnkit.data.cache import cache_dir, dataset_dir
from lnkit.progress import Progress
from lnkit_earlystop.checkpoints import Facts
from lnkit_earlystop.networks.architecture import parse, points
from lnkit_earlystop.registration import of_checkpoint

DATASET = "bapps"  # the name of BAPPS's folder in lnkit's cache
BENCHMARK = "perceptual_probes"
PARTS = "layers+sensitivity"  # of it, beside the scores below: what needs no further pass over the triplets
SCORES = ("ps_spatial", "ps_mean_pool", "ps_style")  # K, section 8.1; the first is the standard one


@dataclass(frozen=True, slots=True)
class Judges:
    """Human judgments to score checkpoints against, and how."""

    data: Path | None  # in BAPPS's layout; None for BAPPS itself in lnkit's cache
    results: Path  # where records are kept
    device: str
    sample: bool = False

    def scores(self, file: Path, facts: Facts, progress: Progress | None = None) -> Mapping[str, float]:
        """The perceptual score in percent with each distance, of all points together; ``ps_spatial`` and so on.

        Raises:
            lnkit.LnkitError: the data are missing or damaged, or the disk is full.
        """
        spec = of_checkpoint(file, facts)
        point = points(parse(facts.architecture))[-1]  # the last is all of them together, K's standard
        (finished,) = lnkit.evaluate(
            spec,
            {point.name: point},
            BENCHMARK,
            overrides={"probes": PARTS},
            data=self.data,
            sample=self.sample,
            results=self.results,
            device=self.device,
            progress=progress,
        )
        return {name: finished.record.scores[name].value for name in SCORES}


def bapps_is_at_hand() -> bool:
    """Whether BAPPS lies in lnkit's cache, so that nothing needs to be fetched."""
    return dataset_dir(DATASET, cache_dir()).is_dir()
