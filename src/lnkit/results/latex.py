"""Tables for papers: LaTeX that needs the package booktabs, and longtable for tables of more than a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lnkit.escapes import latex

LONGEST = 40  # rows on one page


@dataclass(frozen=True, slots=True)
class Caption:
    """The texts around a table."""

    text: str
    label: str  # "tab:bapps-paper"
    notes: tuple[str, ...] = ()  # sentences below the table


def latex_table(
    cells: pd.DataFrame,
    numeric: Sequence[bool],
    caption: Caption | None = None,
    row_notes: Sequence[Sequence[str]] = (),
) -> str:
    """Return a table as LaTeX: numbers are right-aligned, and notes stand below the table, linked by letters.

    Args:
        cells: escaped text, and escaped titles of the columns.
        numeric: for each column, whether it has numbers.
        caption: of the table; None returns a tabular without a caption.
        row_notes: plain texts on each row; equal texts are one note, and one on all rows has no letter.
    """
    every = list(dict.fromkeys(text for texts in row_notes for text in texts if text))
    shared = [text for text in every if all(text in texts for texts in row_notes)]
    letters = {text: _letter(i) for i, text in enumerate(text for text in every if text not in shared)}
    rows = [list(row) for row in cells.itertuples(index=False)]
    for row, texts in zip(rows, row_notes, strict=bool(row_notes)):
        row[0] += _marks([letters[text] for text in texts if text in letters])
    head = " & ".join(rf"\multicolumn{{1}}{{r}}{{{name}}}" if number else name
                      for name, number in zip(cells.columns, numeric, strict=True))  # fmt: skip
    lines = [" & ".join(row) + r" \\" for row in rows]
    spec = "".join("r" if number else "l" for number in numeric)
    notes = [latex(text) for text in (*(caption.notes if caption else ()), *shared)]
    notes += [rf"$^{{{letter}}}$\,{latex(text)}" for text, letter in letters.items()]
    layout = _long if caption and len(lines) > LONGEST else _short
    return "\n".join(layout(spec, rf"{head} \\", lines, caption, notes)) + "\n"


def _letter(number: int) -> str:
    return (_letter(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)


def _marks(letters: Sequence[str]) -> str:
    return f"$^{{{','.join(letters)}}}$" if letters else ""


def _short(spec: str, head: str, lines: Sequence[str], caption: Caption | None, notes: Sequence[str]) -> list[str]:
    tabular = [
        rf"\begin{{tabular}}{{{spec}}}",
        r"\toprule",
        head,
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    body = [*tabular, *_below(notes)]
    if caption is None:
        return body
    needs = "% Needs \\usepackage{booktabs}"
    return [needs, r"\begin{table}", r"\centering\small", *_above(caption), *body, r"\end{table}"]


def _long(spec: str, head: str, lines: Sequence[str], caption: Caption | None, notes: Sequence[str]) -> list[str]:
    above = _above(caption) if caption else []
    return [
        "% Needs \\usepackage{booktabs,longtable}",
        rf"\begin{{longtable}}{{{spec}}}",
        *above,
        r"\\",
        *(r"\toprule", head, r"\midrule", r"\endfirsthead"),
        *(r"\toprule", head, r"\midrule", r"\endhead"),
        *(r"\bottomrule", r"\endfoot"),
        *lines,
        r"\end{longtable}",
        *_below(notes),
    ]


def _above(caption: Caption) -> list[str]:
    return [rf"\caption{{{latex(caption.text)}}}", rf"\label{{{caption.label}}}"]


def _below(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    start = r"\par\smallskip\noindent\begin{minipage}{\linewidth}\footnotesize\raggedright"
    return [start, "\\par\n".join(notes), r"\end{minipage}"]
