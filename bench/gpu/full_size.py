"""BAPPS at its full size on made images, from packed images to stored records, with every backbone of the study."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.gpu.backbones import STUDY
from bench.gpu.made_bapps import FULL_SIZE, make_families, run_bapps
from bench.gpu.results import Row
from bench.gpu.settings import Settings

QUICK_SIZE = {"2afc": 24, "jnd": 8}
IMAGES_OF = {"2afc": 3, "jnd": 2}  # of an item


def check(settings: Settings) -> Iterator[Row]:
    """Run `bapps` at its full size at the four points of each backbone, one after the other, as a sweep does."""
    items = settings.size(FULL_SIZE, QUICK_SIZE)
    images = sum(count * IMAGES_OF[part] for part, count in items.items())
    before = time.monotonic()
    families = make_families(items, settings.folder / "full-size")
    yield Row("images", {**items, "seconds to make": time.monotonic() - before})
    backbones = settings.size(STUDY, ("squeezenet1_1",))
    total = 0.0
    for backbone in backbones:
        before = time.monotonic()
        runs = run_bapps(families, backbone, settings.folder / "full-size-results", device=settings.device)
        seconds = time.monotonic() - before
        total += seconds
        engine = runs[0].record.environment.get("engine", "")
        yield Row(f"{backbone}, four points", {"seconds": seconds, "images/s": images / seconds, "engine": engine})
    figures = {
        "backbones": len(backbones),
        "minutes": total / 60,
        "backbones in an hour": 3600 * len(backbones) / total,
    }
    yield Row("the study's `bapps`, random weights", figures)
