"""BAPPS at its full size on made images, from packed images to a stored record, and what the whole study would take."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.gpu.backbones import FOUR_POINTS, STUDY, load_network
from bench.gpu.made_bapps import FULL_SIZE, SIDE, make_families, run_bapps
from bench.gpu.results import Row
from bench.gpu.settings import Settings
from bench.harness import seconds_in_turns
from bench.inputs import make_triplets
from lnkit.distances.comparer import ImageComparer
from lnkit.specs import DistanceConfig

BACKBONE = "squeezenet1_1"
QUICK_SIZE = {"2afc": 24, "jnd": 8}
TRIPLETS = 1_024  # of the measurement of each backbone
IMAGES_OF = {"2afc": 3, "jnd": 2}  # of an item


def check(settings: Settings) -> Iterator[Row]:
    """Run `bapps` at its full size with one backbone, and extrapolate to all backbones of the study."""
    items = settings.size(FULL_SIZE, QUICK_SIZE)
    images = sum(count * IMAGES_OF[part] for part, count in items.items())
    before = time.monotonic()
    families = make_families(items, settings.folder / "full-size")
    yield Row("images", {**items, "seconds to make": time.monotonic() - before})
    before = time.monotonic()
    runs = run_bapps(families, BACKBONE, settings.folder / "full-size-results", device=settings.device)
    seconds = time.monotonic() - before
    engine = runs[0].record.environment.get("engine", "")
    yield Row(f"{BACKBONE}, four points", {"seconds": seconds, "images/s": images / seconds, "engine": engine})
    yield from extrapolate(settings, images, seconds)


def extrapolate(settings: Settings, images: int, seconds: float) -> Iterator[Row]:
    """Measure every backbone briefly, and add up what all of them would take on as many images.

    Args:
        settings: The settings of all checks.
        images: Number of images of the full run.
        seconds: Duration of the full run with ``BACKBONE``; what is not comparing is taken to be the same for all.
    """
    rates: dict[str, float] = {}
    for backbone in settings.size(STUDY, (BACKBONE,)):
        rates[backbone] = images_per_second(backbone, settings)
        yield Row(backbone, {"images/s": rates[backbone]})
    rest = max(0.0, seconds - images / rates[BACKBONE])
    total = sum(rest + images / rate for rate in rates.values())
    figures = {"backbones": len(rates), "minutes, extrapolated": total / 60, "seconds beside comparing": rest}
    yield Row("the study on these images, four points", figures)


def images_per_second(backbone: str, settings: Settings) -> float:
    """Measure the comparer with the engine eager at the four points of a backbone."""
    images = make_triplets(settings.size(TRIPLETS, 8), SIDE)
    network = load_network(backbone)
    points = [(point,) for point in FOUR_POINTS]
    comparer = ImageComparer(network, points, DistanceConfig(), device=settings.device, engine="eager")
    seconds = seconds_in_turns({"lnkit": lambda: comparer.compare(*images)}, repeats=2)["lnkit"]
    return 3 * len(images[0]) / seconds
