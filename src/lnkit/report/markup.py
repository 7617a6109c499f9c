"""Self-contained HTML pages: they load nothing, and text from records is always escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from lnkit import escapes


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in a page."""

    id: str  # of its element: letters, digits and -
    spec: dict[str, Any]  # Vega-Lite, or what another script draws
    label: str = ""  # what a screen reader says
    script: str = "figures.js"  # that draws it


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page with a title, listed in the table of contents."""

    id: str
    title: str  # "" shows none
    body: str = ""  # HTML
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell that holds HTML, or sorts by another value than it shows."""

    shown: str  # HTML
    value: str = ""  # to sort and filter by


def escape(value: Any) -> str:
    """Return text as HTML in which nothing of it acts as markup."""
    return escapes.html(str(value))


def paragraph(text: str, kind: str = "") -> str:
    """Return escaped text as a paragraph; ``kind`` is its CSS class."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(
    columns: Sequence[str | Cell],
    rows: Sequence[Sequence[Any]],
    *,
    caption: str = "",
    numeric: Collection[str] = (),
    choose: Collection[str] = (),
    sortable: bool = True,
) -> str:
    """Return a table whose cells are escaped.

    Args:
        columns: the titles of the columns; a :class:`Cell` is not escaped, and its value is its name.
        rows: of values; a :class:`Cell` is not escaped, and None is shown as a dash.
        caption: above the table.
        numeric: columns to align and sort as numbers.
        choose: columns whose values a reader can choose from a list.
        sortable: let readers sort and filter the table.
    """
    names = [column.value if isinstance(column, Cell) else column for column in columns]
    titles = [column.shown if isinstance(column, Cell) else escape(column) for column in columns]
    heads = "".join(
        f'<th scope="col"{_class(name in numeric)}{" data-choose" * (name in choose)}>{title}</th>'
        for name, title in zip(names, titles, strict=True)
    )
    lines = "".join(
        f"<tr>{''.join(_cell(value, name in numeric) for name, value in zip(names, row, strict=True))}</tr>\n"
        for row in rows
    )
    heading = f"<caption>{escape(caption)}</caption>" if caption else ""
    kind = ' class="sortable"' if sortable else ""
    head = f"{heading}<thead><tr>{heads}</tr></thead>"
    return f'<div class="scroll" tabindex="0"><table{kind}>{head}<tbody>\n{lines}</tbody></table></div>'


def _class(number: bool) -> str:
    return ' class="number"' if number else ""


def _cell(value: Any, number: bool) -> str:
    if isinstance(value, Cell):
        return f'<td{_class(number)} data-value="{escape(value.value)}">{value.shown}</td>'
    return f"<td{_class(number)}>{'–' if value is None else escape(value)}</td>"


def page(title: str, sections: Sequence[Section], lead: str = "") -> str:
    """Return a complete page with scripts and styles inside; it forbids all requests and all other scripts.

    Args:
        title: of the page.
        sections: in order, after a table of contents.
        lead: HTML below the title.
    """
    figures = [figure for section in sections for figure in section.figures]
    drawing = [_asset(name) for name in dict.fromkeys(["figures.js", *(figure.script for figure in figures)])]
    scripts = [_asset("page.js"), *([_vega(), *drawing] if figures else [])]
    contents = "".join(f'<a href="#{section.id}">{escape(section.title)}</a>' for section in sections)
    parts = [f"<h1>{escape(title)}</h1>", lead, *([f"<nav>{contents}</nav>"] if len(sections) > 1 else [])]
    parts += [_section(section) for section in sections]
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


def _section(section: Section) -> str:
    title = f"<h2>{escape(section.title)}</h2>\n" if section.title else ""
    return f'<section id="{section.id}">\n{title}{section.body}\n{"".join(map(_figure, section.figures))}</section>'


def _figure(figure: Figure) -> str:
    kind = figure.script.removesuffix(".js")
    chart = f'<div class="chart" role="img" aria-label="{escape(figure.label)}"></div><figcaption></figcaption>'
    data = f'<script type="application/json" id="{figure.id}-spec">{_as_data(figure.spec)}</script>\n'
    return f'<figure data-{kind}="{figure.id}-spec">{chart}</figure>\n{data}'


def _as_data(spec: dict[str, Any]) -> str:
    """Return JSON in which nothing can end the script element around it."""
    return json.dumps(spec, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (files("lnkit.report") / "assets" / name).read_text(encoding="utf-8")


@cache
def _vega() -> str:
    """Return the scripts that draw figures. They are in vl-convert, so that pages load nothing."""
    import vl_convert  # noqa: PLC0415 - slow to import, and only for figures

    bundle = str(vl_convert.javascript_bundle(None))  # type: ignore[arg-type]  # its stub knows no default
    return bundle.replace("</script", "<\\/script")
