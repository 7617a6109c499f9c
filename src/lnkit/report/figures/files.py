"""Write charts to files; the ending names the format."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lnkit._text_paths import text_paths
from lnkit.errors import UsageError
from lnkit.escapes import printable
from lnkit.results.output_files import output_file

SCALE = 3  # pixels per unit: about 300 dpi at the width of a column


@text_paths
def save_figure(chart: Any, file: Path) -> None:
    """Write a chart as PNG, SVG, PDF, self-contained HTML, or Vega-Lite JSON.

    Args:
        chart: an Altair chart.
        file: its ending, .png, .svg, .pdf, .html or .json, chooses the format.

    Raises:
        UsageError: ``file`` has another ending.
        LnkitError: the file cannot be written; no part of it is left.
    """
    write = writer_for(file)
    spec = to_spec(chart)
    with output_file(file) as tmp:
        tmp.write_bytes(write(spec))


def writer_for(file: Path) -> Callable[[dict[str, Any]], bytes]:
    """Return the function that turns a Vega-Lite specification into the content of ``file``.

    Raises:
        UsageError: the ending of ``file`` is not supported.
    """
    write = WRITERS.get(file.suffix.lower())
    if write is None:
        raise UsageError(f"Expected a file that ends with one of {', '.join(WRITERS)}, got {file}.")
    return write


def to_spec(chart: Any, *, validate: bool = True) -> dict[str, Any]:
    """Return the Vega-Lite specification of a chart with its data; the same chart always gives the same one.

    Args:
        chart: an Altair chart, with any number of rows.
        validate: check it against the schema of Vega-Lite. This takes longer than all the rest; charts of this package
            do not need it.
    """
    import altair as alt  # noqa: PLC0415 - slow to import

    with alt.data_transformers.enable("default", max_rows=None):
        spec: dict[str, Any] = to_data(chart.to_dict(validate=validate))
    return spec


def to_data(value: Any) -> Any:
    """Replace numbers that JSON does not have by null, and characters that SVG does not have by spaces."""
    if isinstance(value, dict):
        return {printable(name): to_data(item) for name, item in value.items()}
    if isinstance(value, list):
        return [to_data(item) for item in value]
    if isinstance(value, str):
        return printable(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _png(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415 - slow to import

    return bytes(vl_convert.vegalite_to_png(spec, scale=SCALE))


def _svg(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415

    return _renumbered(str(vl_convert.vegalite_to_svg(spec))).encode()


def _renumbered(svg: str) -> str:
    """Number clip paths from 1: Vega counts them through a whole process, so equal figures would give other files."""
    numbers: dict[str, int] = {}

    def renumber(match: re.Match[str]) -> str:
        return f"{match[1]}{numbers.setdefault(match[2], len(numbers) + 1)}"

    return re.sub(r'((?:url\(#|id=")clip)(\d+)', renumber, svg)


def _pdf(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415

    return bytes(vl_convert.vegalite_to_pdf(spec))


def heading(spec: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the title of a specification as one line, and the lines of its subtitle."""
    title = spec.get("title", {})
    known = title if isinstance(title, dict) else {"text": title}
    text, notes = (known.get(name, "") for name in ("text", "subtitle"))
    return " ".join(_lines(text)) or "Figure", _lines(notes)


def _lines(text: str | list[str]) -> list[str]:
    return [text] * bool(text) if isinstance(text, str) else text


def _html(spec: dict[str, Any]) -> bytes:
    from lnkit.report.markup import Figure, Section, page, paragraph  # noqa: PLC0415 - reads the scripts

    title, notes = heading(spec)
    drawn = {name: value for name, value in spec.items() if name != "title"}
    body = paragraph(" ".join(notes), "muted") if notes else ""
    label = " ".join([f"{title}.", *notes])
    return page(title, [Section("figure", "", body, (Figure("figure", drawn, label),))]).encode()


WRITERS: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    ".png": _png,
    ".svg": _svg,
    ".pdf": _pdf,
    ".html": _html,
    ".json": lambda spec: (json.dumps(spec, indent=1, allow_nan=False) + "\n").encode(),
}
