"""Results of runs: records, the folder that holds them, tables made from them, and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.results.folder import ResultsFolder as ResultsFolder
    from lnkit.results.images import save_contact_sheet as save_contact_sheet, save_image as save_image
    from lnkit.results.records import (
        RunKey as RunKey,
        RunRecord as RunRecord,
        ScoreRecord as ScoreRecord,
        SeedSpread as SeedSpread,
    )
    from lnkit.results.seeds import means_over_seeds as means_over_seeds
    from lnkit.results.tables import scores_frame as scores_frame, wide_frame as wide_frame

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.results.folder": ("ResultsFolder",),
        "lnkit.results.images": ("save_contact_sheet", "save_image"),
        "lnkit.results.records": ("RunKey", "RunRecord", "ScoreRecord", "SeedSpread"),
        "lnkit.results.seeds": ("means_over_seeds",),
        "lnkit.results.tables": ("scores_frame", "wide_frame"),
    },
)
