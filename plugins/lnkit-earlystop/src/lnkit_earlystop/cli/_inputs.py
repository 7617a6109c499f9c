"""What a training is made from: labelled images, and human judgments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import lnkit
from lnkit.commands import note

if TYPE_CHECKING:
    from lnkit.datasets.labelled import LabelledData
    from lnkit.progress import Progress
    from lnkit_earlystop.scoring import Judges


def open_data(data: Path, resolution: int, options: dict[str, Any], progress: Progress) -> LabelledData:
    """The labelled images, with the classes that were asked for."""
    from lnkit.data.cache import cache_dir  # noqa: PLC0415 - not for help
    from lnkit.datasets.labelled import open_labelled  # noqa: PLC0415
    from lnkit_earlystop.class_selection import choose_classes, with_classes  # noqa: PLC0415
    from lnkit_earlystop.history import read_ranking  # noqa: PLC0415

    opened = open_labelled(data, resolution, cache_dir(), progress)
    count, way, ranking = options["classes"], options["classes_by"], options["class_ranking"]
    if way != "random" and (count is None or ranking is None):
        raise lnkit.UsageError(f"--classes-by {way} needs --classes and --class-ranking, a finished run on these data.")
    if count is None:
        return opened
    known = read_ranking(ranking) if ranking else ()
    return with_classes(opened, choose_classes(opened.classes, count, way, options["seed"], known))


def find_judges(options: dict[str, Any], folder: Path) -> Judges | None:
    """The human judgments at hand; without any, the training goes on and says so."""
    from lnkit_earlystop.scoring import Judges, bapps_is_at_hand  # noqa: PLC0415 - not for help

    if options["no_ps"]:
        return None
    if options["ps_data"] is None and not bapps_is_at_hand():
        note(
            "Note: no human judgments are at hand, so checkpoints get no perceptual score and none is the best. "
            f"`lnkit data fetch bapps` and then `lnkit earlystop score {folder}` score them later; --ps-data names "
            "other data in BAPPS's layout."
        )
        return None
    return Judges(options["ps_data"], folder / "results", options["device"])
