"""Cells of a sheet of an Excel workbook (.xlsx), which is a zip archive of XML files (ECMA-376, part 1)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lnkit._text_paths import text_paths
from lnkit.data.stored_files import open_regular
from lnkit.datasets.text_tables import Row
from lnkit.errors import DataError

LARGEST = 2**24  # bytes of an XML file; the sheet of CSIQ has some 100,000
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@text_paths
def read_sheet(path: Path, sheet: str) -> list[Row]:
    """Read the cells of a sheet as text; an empty cell is "".

    Args:
        path: The workbook.
        sheet: Its name, in any case.

    Raises:
        DataError: The file is no workbook, or has no such sheet.
    """
    with open_regular(path) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                place = _sheet_path(archive, sheet, path)
                shared = _shared_strings(archive)
                rows = [dict(_cells(row, shared)) for row in _parse(archive, place).iter(f"{MAIN}row")]
        except DataError:
            raise
        except Exception as error:  # zipfile, zlib and the XML parser each have errors of their own for damage
            raise DataError(
                f"{path} is not a readable .xlsx workbook ({type(error).__name__}: {error!s:.80}). Get it again."
            ) from error
    width = max((max(row, default=-1) + 1 for row in rows), default=0)
    return [
        Row(f"{path}, row {number}", [row.get(column, "") for column in range(width)])
        for number, row in enumerate(rows, start=1)
    ]


def _parse(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    with archive.open(name) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST or b"<!DOCTYPE" in data or b"<!ENTITY" in data:  # entities may expand without limit
        raise ValueError(f"{name} is too large, or defines entities")
    return ElementTree.fromstring(data)


def _sheet_path(archive: zipfile.ZipFile, sheet: str, path: Path) -> str:
    elements = _parse(archive, "xl/workbook.xml").iter(f"{MAIN}sheet")
    sheets: dict[str, str] = {element.attrib["name"]: element.attrib[LINK] for element in elements}
    match = next((link for name, link in sheets.items() if name.lower() == sheet.lower()), None)
    if match is None:
        raise DataError(f"{path} has no sheet {sheet}. It has {', '.join(map(ascii, sheets))}. Get it again.")
    links = _parse(archive, "xl/_rels/workbook.xml.rels")
    target: str = next(element.attrib["Target"] for element in links if element.attrib["Id"] == match)
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [_text(item) for item in _parse(archive, "xl/sharedStrings.xml").iter(f"{MAIN}si")]


def _cells(row: ElementTree.Element, shared: list[str]) -> Iterator[tuple[int, str]]:
    """Give the column, from 0, and the text of each cell."""
    for position, cell in enumerate(row.iter(f"{MAIN}c")):
        value, kind = cell.find(f"{MAIN}v"), cell.attrib.get("t", "n")
        text = (value.text or "") if value is not None else ""
        if kind == "s":
            text = shared[int(text)]
        elif kind == "inlineStr":
            text = _text(cell)
        yield _column(cell.attrib, position), text.strip()


def _column(attributes: Any, position: int) -> int:
    letters = re.match(r"[A-Z]*", attributes.get("r", ""))
    if letters is None or not letters[0]:
        return position
    column = 0
    for letter in letters[0]:
        column = 26 * column + ord(letter) - ord("A") + 1
    if column > 2**14:  # Excel has no more
        raise ValueError(f"column {letters[0]}")
    return column - 1


def _text(element: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in element.iter(f"{MAIN}t"))
