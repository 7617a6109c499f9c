"""All measurements of one loss network, as arrays that are stored beside its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MAIN, NATIVE = "main", "native"  # keys: the protocol's distance, and the same at the backbone's own size
LAYER = "layer:"
TID2013 = ("tid2013/reference", "tid2013/opinion", "tid2013/d")


def layer_key(layer: str) -> str:
    """Return the key of the protocol's distance at one layer."""
    return LAYER + layer


@dataclass
class Measurements:
    """All measurements of a loss network."""

    judge: dict[str, Array]  # family -> (N,) in [0, 1], the fraction of people who found p1 closer
    distances: dict[str, dict[str, Array]] = field(default_factory=dict)  # key -> family -> (N, 2): of p0 and p1
    entropy: dict[str, Array] = field(default_factory=dict)  # layer -> (N,), one for each image
    hits: Array | None = None  # (N, measured sides and unfiltered), 1 where an image was classified correctly
    classes: int = 0
    own_head: bool = False  # classified by the backbone's own head, not by nearest class means
    tid2013: tuple[Array, Array, Array] | None = None  # (N,) each: number of the reference, opinion, distance
    eval_size: int = 0  # side in pixels of the images that the backbone was made for; 0: unknown

    def arrays(self) -> dict[str, Array]:
        """Return all arrays by name, to be stored beside the record."""
        arrays = {f"2afc/{family}/judge": judge for family, judge in self.judge.items()}
        for key, families in self.distances.items():
            arrays |= {f"2afc/{family}/d/{key}": distances for family, distances in families.items()}
        arrays |= {f"entropy/{layer}": values for layer, values in self.entropy.items()}
        if self.hits is not None:
            arrays |= {"lowpass/hits": self.hits, "lowpass/classes": np.array(self.classes)}
            arrays["lowpass/own_head"] = np.array(self.own_head)
        if self.tid2013 is not None:
            arrays |= dict(zip(TID2013, self.tid2013, strict=True))
        return arrays | {"native/size": np.array(self.eval_size)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Measurements:
        """Restore what :meth:`arrays` returned."""
        measurements = cls({}, eval_size=int(arrays["native/size"]))
        for name, array in arrays.items():
            part, _, rest = name.partition("/")
            if part == "2afc":
                family, kind, *key = rest.split("/", 2)
                families = measurements.judge if kind == "judge" else measurements.distances.setdefault(key[0], {})
                families[family] = np.asarray(array, np.float64)
            elif part == "entropy":
                measurements.entropy[rest] = np.asarray(array, np.float64)
        if "lowpass/hits" in arrays:
            measurements.hits = np.asarray(arrays["lowpass/hits"])
            measurements.classes = int(arrays["lowpass/classes"])
            measurements.own_head = bool(arrays["lowpass/own_head"])
        if TID2013[0] in arrays:
            reference, opinion, d = (np.asarray(arrays[name]) for name in TID2013)
            measurements.tid2013 = (reference, opinion, d)
        return measurements
