"""What is measured of one loss network, as arrays that are kept beside its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MAIN, NATIVE = "main", "native"  # measures: the protocol's distance, and the same at the backbone's own size
LAYER = "layer:"
TID2013 = ("tid2013/reference", "tid2013/opinion", "tid2013/d")


def layer_measure(layer: str) -> str:
    """The protocol's distance at one layer."""
    return LAYER + layer


@dataclass
class Found:
    """What was measured of a loss network."""

    judge: dict[str, Array]  # family -> (N,) in [0, 1], the fraction of people who found p1 closer
    distances: dict[str, dict[str, Array]] = field(default_factory=dict)  # measure -> family -> (N, 2): of p0 and p1
    entropy: dict[str, Array] = field(default_factory=dict)  # layer -> (N,), one for each image
    hits: Array | None = None  # (N, sides and unfiltered), 1 where an image was classified rightly
    classes: int = 0
    tid2013: tuple[Array, Array, Array] | None = None  # (N,) each: number of the reference, opinion, distance
    eval_size: int = 0  # side in pixels of the images that the backbone was made for; 0: unknown

    def arrays(self) -> dict[str, Array]:
        """All of it by name, to be kept beside the record."""
        found = {f"2afc/{family}/judge": judge for family, judge in self.judge.items()}
        for measure, families in self.distances.items():
            found |= {f"2afc/{family}/d/{measure}": distances for family, distances in families.items()}
        found |= {f"entropy/{layer}": values for layer, values in self.entropy.items()}
        if self.hits is not None:
            found |= {"lowpass/hits": self.hits, "lowpass/classes": np.array(self.classes)}
        if self.tid2013 is not None:
            found |= dict(zip(TID2013, self.tid2013, strict=True))
        return found | {"native/size": np.array(self.eval_size)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Found:
        """Read back what :meth:`arrays` gave."""
        found = cls({}, eval_size=int(arrays["native/size"]))
        for name, array in arrays.items():
            part, _, rest = name.partition("/")
            if part == "2afc":
                found._take_distances(rest, np.asarray(array, np.float64))
            elif part == "entropy":
                found.entropy[rest] = np.asarray(array, np.float64)
        if "lowpass/hits" in arrays:
            found.hits, found.classes = np.asarray(arrays["lowpass/hits"]), int(arrays["lowpass/classes"])
        if TID2013[0] in arrays:
            reference, opinion, d = (np.asarray(arrays[name]) for name in TID2013)
            found.tid2013 = (reference, opinion, d)
        return found

    def _take_distances(self, name: str, array: Array) -> None:
        family, kind, *measure = name.split("/", 2)
        if kind == "judge":
            self.judge[family] = array
        else:
            self.distances.setdefault(measure[0], {})[family] = array
