"""Writes a chart to a file, in the form that its ending names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lnkit.errors import LnkitError, UsageError
from lnkit.files import whole_file

SCALE = 3  # pixels per unit: about 300 dpi at the width of a column


def save(chart: Any, file: Path) -> None:
    """Write ``chart`` as PNG, SVG, PDF, a page of HTML that needs no network, or the JSON of Vega-Lite.

    Raises:
        UsageError: the ending of ``file`` is none of these.
        LnkitError: the file cannot be written; nothing is left of it.
    """
    write = WRITERS.get(file.suffix.lower())
    if write is None:
        raise UsageError(f"{file} has to end with one of {', '.join(WRITERS)}, which says what is written.")
    spec = plain(chart)
    try:
        with whole_file(file) as draft:
            draft.write_bytes(write(spec))
    except OSError as error:
        raise LnkitError(f"{file} cannot be written ({error.strerror}). Name another place.") from error


def plain(chart: Any) -> dict[str, Any]:
    """The Vega-Lite specification, with names that are the same for the same chart."""
    import altair as alt  # noqa: PLC0415 - slow to import

    with alt.data_transformers.enable("default", max_rows=None, consolidate_datasets=False):
        spec: dict[str, Any] = chart.to_dict()
    return _renamed(spec)


def _renamed(spec: dict[str, Any]) -> dict[str, Any]:
    """Altair numbers views and parameters through a whole process; number them anew."""
    import re  # noqa: PLC0415

    text = json.dumps(spec)
    names = dict.fromkeys(re.findall(r'"((?:view|param)_\d+)"', text))
    for number, name in enumerate(names):
        text = text.replace(f'"{name}"', f'"{name.partition("_")[0]}-{number}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _png(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415 - slow to import

    return bytes(vl_convert.vegalite_to_png(spec, scale=SCALE))


def _svg(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415

    return str(vl_convert.vegalite_to_svg(spec)).encode()


def _pdf(spec: dict[str, Any]) -> bytes:
    import vl_convert  # noqa: PLC0415

    return bytes(vl_convert.vegalite_to_pdf(spec))


def _html(spec: dict[str, Any]) -> bytes:
    from lnkit.report.markup import Figure, page, section  # noqa: PLC0415 - reads the scripts

    title = spec.get("title", {})
    name = title.get("text", "Figure") if isinstance(title, dict) else str(title)
    return page(name, [section("figure", name, figures=[Figure("figure", spec)])]).encode()


def _json(spec: dict[str, Any]) -> bytes:
    return (json.dumps(spec, indent=1) + "\n").encode()


WRITERS: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    ".png": _png,
    ".svg": _svg,
    ".pdf": _pdf,
    ".html": _html,
    ".json": _json,
}
