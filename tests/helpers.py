"""Ready-made facts that several tests start from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lnkit.benchmark import RunContext
from lnkit.progress import SilentProgress
from lnkit.results.records import RunKey, RunRecord, ScoreRecord

RUN_KEY = RunKey(
    benchmark="bapps",
    benchmark_version="1",
    variant="paper",
    protocol={"distance": "spatial", "resolution": 64},
    backbone="squeezenet1_1",
    points={"mid": "features.7"},
    weights_sha256="ab" * 32,
    data={"2afc/cnn": "cd" * 32},
    seed=0,
    precision="fp32",
    plugins={"backbone": "lnkit 0.1.0", "benchmark": "lnkit 0.1.0"},
)


def make_record(value: float = 0.7, **changes: Any) -> RunRecord:
    """A record as a run writes it; ``changes`` go to its key, or to the record itself."""
    own = {name: changes.pop(name) for name in list(changes) if name not in RunKey.__slots__}
    key = replace(RUN_KEY, **changes)
    scores = {
        "2afc": ScoreRecord(
            value=value,
            unit="fraction",
            higher_is_better=True,
            primary=True,
            aggregation="mean of 1 family",
            signature=f"2afc|{key.backbone}",
            n=4720,
            interval=(value - 0.01, value + 0.01),
            ceilings={"human": 0.8},
        ),
    }
    record = RunRecord(
        key=key,
        scores=scores,
        weights="IMAGENET1K_V1",
        weights_source="a file",
        family="SqueezeNet",
        own_distance=False,
        sample=False,
        deviations=(),
        notes=(),
        environment={"python": "3.11"},
        created="2026-01-01T00:00:00+00:00",
        seconds=1.0,
    )
    return replace(record, **own)


def opening_context(protocol: Any, cache: Path, data: Path | None = None, *, sample: bool = False) -> RunContext:
    """What a benchmark is given to open its data with; there is no network yet, nor anything that needs one."""
    known = {"protocol": protocol, "cache": cache, "data": data, "sample": sample, "progress": SilentProgress()}
    return RunContext(**{field.name: known.get(field.name) for field in fields(RunContext)})  # type: ignore[arg-type]


def write_judged_family(
    root: Path, part: str, name: str, images: NDArray[np.uint8], judgments: Sequence[float] | NDArray[Any]
) -> Path:
    """Write a family of BAPPS's layout.

    Args:
        root: The folder of the data.
        part: "2afc" or "jnd".
        name: Of the family.
        images: (N, K, H, W, 3); K is 3 (ref, p0, p1) for "2afc" and 2 (p0, p1) for "jnd".
        judgments: (N,), each in [0, 1].

    Returns:
        ``root``.
    """
    columns, label = {"2afc": (("ref", "p0", "p1"), "judge"), "jnd": (("p0", "p1"), "same")}[part]
    folder = root / part / "val" / name
    for column in (*columns, label):
        (folder / column).mkdir(parents=True)
    for row, (pictures, judgment) in enumerate(zip(images, judgments, strict=True)):
        for column, pixels in zip(columns, pictures, strict=True):
            Image.fromarray(pixels).save(folder / column / f"{row:06d}.png")
        np.save(folder / label / f"{row:06d}.npy", np.array([judgment], np.float32))
    return root


def read_terminal(descriptor: int) -> bytes:
    """Return all that is written to a pseudo-terminal until its last process ends, and close it."""
    written = b""
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # the terminal closes with the last process on it
            break
        if not chunk:
            break
        written += chunk
    os.close(descriptor)
    return written
