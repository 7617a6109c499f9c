"""The table of distances: a CSV file with one line for each pair."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from lnkit.escapes import csv_cell
from lnkit.pairs.find import HEADER
from lnkit.pairs.measure import SizedPair
from lnkit.results.output_files import output_file


def write_table(file: Path, sized: Sequence[SizedPair], distances: Sequence[float], loss: str) -> None:
    """Write one line for each pair: the paths, the size in pixels, the distance and the loss.

    Raises:
        LnkitError: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEADER, "width", "height", "distance", "loss"])
    for one, distance in zip(sized, distances, strict=True):
        paths = [csv_cell(str(path)) for path in (one.pair.first, one.pair.second)]
        writer.writerow([*paths, *one.size, repr(distance), csv_cell(loss)])
    with output_file(file) as tmp:
        tmp.write_text(text.getvalue(), encoding="utf-8")
