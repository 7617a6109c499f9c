"""Tables for a terminal: columns fold between words, the least important are left out, no name or number is broken."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

GAP = 2  # between columns
READABLE = 18  # a column of sentences is not folded to less
# an interval, a product (64 x 31 x 31), a number with its unit (1.7 M), a sign before a number, a score with its value
# (2afc 0.7012), any other word
WORD = re.compile(
    r"\S*\[[^][]{1,24}\]\S*|\d+(?: x \d+)+|[\d.,]+ (?:[kMGT]?B|[kMGT]|%|s)(?!\S)|[+-] \d\S*"
    r"|\S+ -?\d+\.\d{4},?(?!\S)|\S+"
)
NAME_PARTS = re.compile(r"[^:+|]+[:+|]?|[:+|]")  # of vgg16:early+mid, in a title that is wider than its column


def fit(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int, least: Sequence[str] = ()) -> list[int]:
    """Choose which columns a terminal shows.

    Args:
        columns: the titles of the columns.
        cells: the rows.
        width: columns of the terminal.
        least: titles of the columns that are left out first; the others follow from the last to the second.

    Returns:
        The positions of the columns that fit, in their order. The first column always is among them.
    """
    narrowest = [_narrowest(column, [row[i] for row in cells]) for i, column in enumerate(columns)]
    order = [columns.index(title) for title in least if title in columns]
    order += [i for i in reversed(range(1, len(columns))) if i not in order]
    shown = list(range(len(columns)))
    for i in order:
        if sum(narrowest[j] for j in shown) + GAP * (len(shown) - 1) <= width:
            break
        shown.remove(i)
    return shown


def draw(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Draw a table in bold and dim lines.

    Args:
        columns: the titles of the columns.
        cells: the rows.
        width: of the terminal; None folds nothing.
    """
    natural = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    widths = natural if width is None else _narrowed(columns, cells, natural, width)
    titles = [_folded_title(title, room) for title, room in zip(columns, widths, strict=True)]
    head = [click.style(line, bold=True) for line in _lines(titles, widths)]
    rule = click.style((" " * GAP).join("─" * w for w in widths), dim=True)
    body = [line for row in cells for line in _lines([_folded(c, w) for c, w in zip(row, widths, strict=True)], widths)]
    return [*head, rule, *body]


def _narrowed(columns: Sequence[str], cells: Sequence[Sequence[str]], natural: list[int], width: int) -> list[int]:
    """Take columns of terminal from the widest columns of the table until it fits or none can give more."""
    least = [_narrowest(column, [row[i] for row in cells]) for i, column in enumerate(columns)]
    widths = list(natural)
    while sum(widths) + GAP * (len(widths) - 1) > width:
        giving = [i for i in range(len(widths)) if widths[i] > least[i]]
        if not giving:
            break
        widths[max(giving, key=lambda i: widths[i])] -= 1
    return widths


def _narrowest(title: str, cells: Sequence[str]) -> int:
    """Return the width below which a name or a number would break, or sentences would be hard to read."""
    readable = min(READABLE, max(map(len, cells), default=0))
    words = (len(word) for cell in cells if len(cell) > readable for word in WORD.findall(cell))
    return max(readable, max(words, default=0), *map(len, _title_words(title)), 1)


def _title_words(title: str) -> list[str]:
    return [part for word in WORD.findall(title) for part in NAME_PARTS.findall(word)]


def _folded(text: str, width: int) -> list[str]:
    """Break a text between words; one that fits keeps its spaces, such as an indent."""
    return [text] if len(text) <= width else _joined([(word, " ") for word in WORD.findall(text)], width)


def _folded_title(title: str, width: int) -> list[str]:
    if len(title) <= width:
        return [title]
    split = [NAME_PARTS.findall(word) for word in WORD.findall(title)]
    parts = [(part, "" if number else " ") for word in split for number, part in enumerate(word)]
    return _joined(parts, width)


def _joined(words: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Join words, each with what separates it from the one before, into lines of at most a width if they can be."""
    lines = [""]
    for word, space in words:
        if lines[-1] and len(lines[-1]) + len(space) + len(word) > width:
            lines.append("")
        lines[-1] += (space if lines[-1] else "") + word
    return lines


def _lines(folded: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Set folded cells side by side."""
    height = max(map(len, folded))
    full = [[*cell, *[""] * (height - len(cell))] for cell in folded]
    return [
        (" " * GAP).join(cell[i].ljust(width) for cell, width in zip(full, widths, strict=True)).rstrip()
        for i in range(height)
    ]
