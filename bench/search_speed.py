"""A search over all nodes of SqueezeNet, beside one `lnkit eval` for each node."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.harness import Ratio

FASTER = 10.0  # target: times as fast as an evaluation for each node
BACKBONE = "squeezenet1_1"  # random weights, the sample of `bapps`
NODES = ("features.2", "features.6.squeeze", "features.9.cat", "classifier.1")  # from the first to the last


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure commands, as users run them."""
    with tempfile.TemporaryDirectory(prefix="lnkit-bench-") as folder:
        results = Path(folder)
        shared = ("--backbone", BACKBONE, "--weights", "random", "--sample", "--device", "cpu")
        _run(("eval", *shared, "--point", "early", "--results", str(results / "first")))  # makes the sample
        nodes = NODES[: 1 if quick else None]
        each = sum(
            _run(("eval", *shared, "--point", node, "--results", str(results / "each"))) for node in nodes
        ) / len(nodes)
        found = _run(("search", *shared, "--results", str(results / "search")))
        count = len(list((results / "search").glob("*/result.json")))
    yield Ratio(
        f"a search over {count} nodes",
        f"search: {found:.1f} s",
        f"{count} evaluations of {each:.1f} s: {count * each:.0f} s",
        count * each / found,
        FASTER,
    )


def _run(words: Sequence[str]) -> float:
    """Run a command, and return its seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "lnkit", "--quiet", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
