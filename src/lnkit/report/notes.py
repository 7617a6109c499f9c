"""The caveats of a report: numbered, with a link from each value that one concerns."""

from __future__ import annotations

import pandas as pd

from lnkit.analysis.published.caveats import is_confound
from lnkit.report.markup import Cell, escape


class Notes:
    """The caveats on published scores, numbered in their order.

    Args:
        frame: of measurements.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        doubtful = frame[frame.caveat != ""].drop_duplicates(["benchmark", "caveat"])
        keys = zip(doubtful.benchmark, doubtful.caveat, strict=True)
        self._numbers: dict[tuple[str, str], int] = {key: number for number, key in enumerate(keys, start=1)}

    def mark(self, benchmark: str, caveat: str) -> str:
        """Return a link to the caveat of a value, as HTML; "" if it has none."""
        number = self._numbers.get((benchmark, caveat))
        if number is None:
            return ""
        return (
            f'<sup><a class="note" href="#caveat-{number}" title="{escape(caveat)}" aria-label="caveat {number}">'
            f"{number}</a></sup>"
        )

    def of_benchmark(self, benchmark: str) -> str:
        """Return links to all caveats on published scores of a benchmark, as HTML."""
        return "".join(self.mark(*key) for key in self._numbers if key[0] == benchmark)

    def cell(self, text: str | None, benchmark: str, caveat: str) -> Cell | str | None:
        """Return a cell of a table with a mark behind its text if there is a caveat on it."""
        mark = self.mark(benchmark, caveat)
        return Cell(f"{escape(text or '–')}{mark}", text or "") if mark else text

    def listed(self) -> str:
        """Return all caveats as a numbered list, as HTML; "" if there are none."""
        items = "".join(
            f'<li id="caveat-{number}" value="{number}">{escape(f"{benchmark}: {caveat}.")}</li>'
            for (benchmark, caveat), number in self._numbers.items()
        )
        return f'<ol class="caveat">{items}</ol>' if items else ""


def in_doubt(caveat: str) -> bool:
    """Return whether a caveat says that the order of the values is suspect."""
    return bool(caveat) and not is_confound(caveat)
