"""Show that a change of the code changes no score: write down scores and arrays of runs of every benchmark, or compare.

Run it before the change and after it, with the same torch, on the same machine::

    python tools/unchanged_scores.py write before.json
    python tools/unchanged_scores.py check before.json

All runs use one thread and the eager engine. Runs on real data are made where they are (see ``real_data.py``).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from real_data import data_folders, locate, read_entries

import lnkit

NETWORK = "efficientnet_lite0"  # its weights come with a package, so that nothing is fetched

SAMPLES: tuple[tuple[str, str, dict[str, Any]], ...] = (  # benchmark, points, options
    ("bapps", "all", {}),
    ("bapps", "early+late", {"overrides": {"distance": "style+sort"}}),
    ("nights", "all", {}),
    ("tid2013", "all", {}),
    ("kadid10k", "all", {}),
    ("pieapp", "all", {}),
    ("things", "all", {}),
    ("csiq", "all", {}),
    ("live", "all", {}),
    ("live_md", "all", {}),
    ("pipal", "all", {}),
    ("similarity_matrix", "all", {}),
    ("perceptual_probes", "all", {}),
    ("superres", "early", {}),
    ("delineation", "early", {}),
    ("autoencoder", "early", {}),
)


def sample_runs() -> Iterator[tuple[str, list[lnkit.FinishedRun]]]:
    """Run every benchmark on its sample."""
    for bench, points, options in SAMPLES:
        title = f"{bench}, sample, {NETWORK}:{points}, {options}"
        yield title, evaluate(NETWORK, points, bench, sample=True, **options)


def real_runs() -> Iterator[tuple[str, list[lnkit.FinishedRun]]]:
    """Run `bapps` on human judgments with the real SqueezeNet, at all points and with LPIPS's learned weights."""
    entries, folders = read_entries(), data_folders()
    data, weights = (locate(entries[path], folders) for path in ("human_2afc", "weights/squeezenet1_1.safetensors"))
    if data is None or weights is None:
        print(f"No real data in {' or '.join(map(str, folders))}: only samples are run.", file=sys.stderr)
        return
    for points, overrides in (("all", {}), ("lpips", {"distance": "lin", "lin_weights": "lpips"})):
        runs = evaluate("squeezenet1_1", points, "bapps", data=data, weights=str(weights), overrides=overrides)
        yield f"bapps, human_2afc, squeezenet1_1:{points}", runs


def evaluate(backbone: str, points: str, bench: str, **options: Any) -> list[lnkit.FinishedRun]:
    """Run a benchmark anew, in a results folder of its own."""
    return lnkit.evaluate(backbone, points, bench, force=True, device="cpu", engine="eager", **options)


def facts(run: lnkit.FinishedRun) -> dict[str, Any]:
    """Scores, and hashes of the arrays and trained weights that are kept beside them."""
    scores = {
        name: [score.value, score.interval, dict(score.ceilings), dict(score.baselines), score.n]
        for name, score in run.record.scores.items()
    }
    kept: dict[str, str] = {}
    for file in sorted(run.folder.rglob("*")):
        name = str(file.relative_to(run.folder))
        if file.suffix == ".npz":
            with np.load(file) as arrays:
                kept |= {f"{name}/{key}": array_hash(arrays[key]) for key in sorted(arrays)}
        elif file.suffix == ".safetensors" or name.startswith("images/"):  # other pictures have captions
            kept[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"scores": json.loads(json.dumps(scores)), "kept": kept}


def array_hash(array: np.ndarray[Any, Any]) -> str:
    """SHA-256 of type, shape and content."""
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def collect() -> dict[str, Any]:
    """Run everything; {run: {loss network: facts}}."""
    found: dict[str, Any] = {}
    for runs in (sample_runs(), real_runs()):
        for title, finished in runs:
            found[title] = {run.record.loss_network: facts(run) for run in finished}
            print(f"{title}: {sum(len(run.record.scores) for run in finished)} scores", file=sys.stderr)
    return found


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Every place in which two nested dictionaries differ."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield f"{where}: was {before}, is {after}"
        return
    for key in sorted(before.keys() | after.keys()):
        yield from differences(before.get(key), after.get(key), f"{where} / {key}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("write", "check"))
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LNKIT_RESULTS"] = folder
        after = collect()
    if arguments.action == "write":
        arguments.file.write_text(json.dumps(after, indent=1, sort_keys=True), encoding="utf-8")
        return 0
    changed = list(differences(json.loads(arguments.file.read_text(encoding="utf-8")), after))
    print("\n".join(changed) or "All scores and arrays are unchanged.")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
