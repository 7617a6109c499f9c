"""Text from files and plugins for terminals, tables and pages: in each format nothing of it acts, it is only shown.

Names, remarks and signatures come from records, folders and plugins of others. Each format has one function here, and
all writers of that format use it.
"""

from __future__ import annotations

import re

__all__ = ["csv_cell", "csv_text", "html", "latex", "markdown", "printable"]

_FORMULA = re.compile(r"'*\s*[-=+@\uff0b\uff0d\uff1d\uff20]")  # the last four: full-width forms, which some take, too
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(inf|nan)", re.ASCII | re.IGNORECASE)
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: f"{{{character}}}" for character in "[]*"},  # after the end of a row these would be its arguments
    "|": r"\textbar{}",  # these three are other characters in the fonts of plain LaTeX
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}
_MARKDOWN = {
    **{character: f"\\{character}" for character in "\\`*|~$"},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}


def printable(text: str) -> str:
    r"""Return the text on one line, without characters that steer a terminal or change the direction of reading.

    A byte of a file name that is not UTF-8 is shown as a number.

    Example:
        >>> printable("a\x1b[2Jb\u202ec\n\udcff")
        'a [2Jb c \\xff'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _shown(c) for c in text)


def _shown(character: str) -> str:
    byte = ord(character) - 0xDC00  # as Python keeps such a byte
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else " "


def html(text: str) -> str:
    """Return text as HTML, for elements and for attributes in quotes.

    Example:
        >>> html("<b a='1'>")
        '&lt;b a=&#x27;1&#x27;&gt;'
    """
    import html as _html  # noqa: PLC0415 - every command passes here

    return _html.escape(printable(text), quote=True)


def markdown(text: str) -> str:
    r"""Return text as Markdown, also for a cell of a table.

    Example:
        >>> markdown("[x](javascript:1) | semi_early")
        '[x\\](javascript:1) \\| semi_early'
    """
    escaped = "".join(_MARKDOWN.get(character, character) for character in printable(text))
    escaped = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)  # one within a word is no emphasis
    return re.sub(r"\](?=[(\[:])", r"\\]", escaped)  # brackets alone are no link, but intervals


def latex(text: str) -> str:
    r"""Return text as LaTeX, also for a cell of a table.

    Example:
        >>> latex("50 % of a_b")
        '50 \\% of a\\_b'
    """
    return "".join(_LATEX.get(character, character) for character in " ".join(printable(text).split()))


def csv_cell(text: str) -> str:
    """Return text for a cell of a CSV file that no spreadsheet takes for a formula: it gets an apostrophe before it.

    Numbers stay as they are, those below zero too.

    Example:
        >>> csv_cell("=1+1"), csv_cell("-0.5")
        ("'=1+1", '-0.5')
    """
    text = printable(text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def csv_text(cell: str) -> str:
    """Return the text of which :func:`csv_cell` made a cell.

    Example:
        >>> csv_text("'=1+1"), csv_text("'quoted'")
        ('=1+1', "'quoted'")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
