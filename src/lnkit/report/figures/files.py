"""Writes a chart to a file, in the form that its ending names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lnkit.data.atomic import atomic_write
from lnkit.errors import LnkitError, UsageError

SCALE = 3  # pixels per unit: about 300 dpi at the width of a column


def save(chart: Any, file: Path) -> None:
    """Write ``chart`` as PNG, SVG, PDF, a page of HTML that needs no network, or the JSON of Vega-Lite.

    Raises:
        UsageError: the ending of ``file`` is none of these.
        LnkitError: the file cannot be written; nothing is left of it.
    """
    write = writer_for(file)
    spec = to_spec(chart)
    try:
        with atomic_write(file) as draft:
            draft.write_bytes(write(spec))
    except OSError as error:
        raise LnkitError(f"{file} cannot be written ({error.strerror}). Name another place.") from error


def writer_for(file: Path) -> Callable[[dict[str, Any]], bytes]:
    """What makes the content of such a file.

    Raises:
        UsageError: the ending of ``file`` is none of those that can be written.
    """
    write = WRITERS.get(file.suffix.lower())
    if write is None:
        raise UsageError(f"{file} has to end with one of {', '.join(WRITERS)}, which says what is written.")
    return write


def to_spec(chart: Any, *, validate: bool = True) -> dict[str, Any]:
    """The Vega-Lite specification with its data, however many rows; the same for the same chart.

    Args:
        chart: of Altair.
        validate: hold it against the schema of Vega-Lite, which takes longer than all the rest; needless for our own.
    """
    import altair as alt  # noqa: PLC0415 - slow to import

    with alt.data_transformers.enable("default", max_rows=None):
        spec: dict[str, Any] = _without_nan(chart.to_dict(validate=validate))
    return spec


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN: a number that is missing is null."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _png(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415 - slow to import

    return bytes(vl_convert.vegalite_to_png(spec, scale=SCALE))


def _svg(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415

    return _renumbered(str(vl_convert.vegalite_to_svg(spec))).encode()


def _renumbered(svg: str) -> str:
    """Vega counts clip paths through a whole process; count them anew, so that the same figure is the same file."""
    numbers: dict[str, int] = {}

    def anew(match: re.Match[str]) -> str:
        return f"{match[1]}{numbers.setdefault(match[2], len(numbers) + 1)}"

    return re.sub(r'((?:url\(#|id=")clip)(\d+)', anew, svg)


def _pdf(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415

    return bytes(vl_convert.vegalite_to_pdf(spec))


def _html(spec: dict[str, Any]) -> bytes:
    from lnkit.report.markup import Figure, page, section  # noqa: PLC0415 - reads the scripts

    title = spec.get("title", {})
    name = title.get("text", "Figure") if isinstance(title, dict) else str(title)
    return page(name, [section("figure", name, figures=[Figure("figure", spec)])]).encode()


def _json(spec: dict[str, Any]) -> bytes:
    return (json.dumps(spec, indent=1, allow_nan=False) + "\n").encode()


WRITERS: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    ".png": _png,
    ".svg": _svg,
    ".pdf": _pdf,
    ".html": _html,
    ".json": _json,
}
