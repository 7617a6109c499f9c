"""The HTML of pages: self-contained, without a request, and with nothing in it that is taken for markup but ours."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# What turns the direction of reading could make a name look like another one.
DIRECTIONS = dict.fromkeys(
    map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"), "\ufffd"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in a page."""

    id: str  # of its element: letters, digits and -
    spec: dict[str, Any]  # Vega-Lite


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page with a title, to which the page's list of contents leads."""

    id: str
    title: str
    body: str  # HTML
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that sorts by another value than it shows, or holds HTML of our own."""

    shown: str  # HTML
    value: str = ""  # to sort and to choose by


def escape(value: Any) -> str:
    """Text as HTML: what it says, and nothing that it could do."""
    return html.escape(str(value).translate(DIRECTIONS), quote=True)


def section(id: str, title: str, body: str = "", figures: Sequence[Figure] = ()) -> Section:  # noqa: A002 - HTML's name
    return Section(id, title, body, tuple(figures))


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    caption: str = "",
    numeric: Collection[str] = (),
    choose: Collection[str] = (),
    sortable: bool = True,
) -> str:
    """A table whose cells are escaped.

    Args:
        columns: their titles.
        rows: of values; a :class:`Cell` is taken as it is, None is shown as a dash.
        caption: above the table.
        numeric: columns that are aligned and sorted as numbers.
        choose: columns whose values can be chosen from a list.
        sortable: a reader may sort and filter it.
    """
    heads = "".join(
        f'<th scope="col"{_class(name in numeric)}{" data-choose" * (name in choose)}>{escape(name)}</th>'
        for name in columns
    )
    lines = "".join(
        f"<tr>{''.join(_cell(value, name in numeric) for name, value in zip(columns, row, strict=True))}</tr>\n"
        for row in rows
    )
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="scroll"><table{kind}>{said}<thead><tr>{heads}</tr></thead><tbody>\n{lines}</tbody></table></div>'
    )


def _class(number: bool) -> str:
    return ' class="number"' if number else ""


def _cell(value: Any, number: bool) -> str:
    if isinstance(value, Cell):
        return f'<td{_class(number)} data-value="{escape(value.value)}">{value.shown}</td>'
    return f"<td{_class(number)}>{'–' if value is None else escape(value)}</td>"


def page(title: str, sections: Sequence[Section], lead: str = "") -> str:
    """A whole page: ``lead`` (HTML) stands below its title, a list of contents follows, then the sections.

    Scripts and styles are inside, and the page itself forbids every request and every script that is not its own.
    """
    figures = [figure for one in sections for figure in one.figures]
    scripts = [*([_vega(), _asset("figures.js")] if figures else []), _asset("page.js")]
    contents = "".join(f'<a href="#{one.id}">{escape(one.title)}</a>' for one in sections)
    parts = [f"<h1>{escape(title)}</h1>", lead, *([f"<nav>{contents}</nav>"] if len(sections) > 1 else [])]
    parts += [_section(one) for one in sections]
    parts += [f"<script>{script}</script>" for script in scripts]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{_head(title, scripts)}</head>\n<body>\n{body}\n</body>\n</html>\n'
    )


def _head(title: str, scripts: Sequence[str]) -> str:
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {hashes}"
    return (
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_asset('page.css')}</style>\n"
    )


def _section(one: Section) -> str:
    figures = "".join(
        f'<figure data-figure="{figure.id}-spec"></figure>\n'
        f'<script type="application/json" id="{figure.id}-spec">{_as_data(figure.spec)}</script>\n'
        for figure in one.figures
    )
    return f'<section id="{one.id}">\n<h2>{escape(one.title)}</h2>\n{one.body}\n{figures}</section>'


def _as_data(spec: dict[str, Any]) -> str:
    """JSON in which nothing can end the element around it."""
    return json.dumps(spec, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (files("lnkit.report") / "assets" / name).read_text(encoding="utf-8")


@cache
def _vega() -> str:
    """The scripts that draw, from the package that draws pictures too, so that nothing is fetched."""
    import vl_convert  # noqa: PLC0415 - slow to import, and only for figures

    bundle = str(vl_convert.javascript_bundle(None))  # type: ignore[arg-type]  # its stub knows no default
    return bundle.replace("</script", "<\\/script")
