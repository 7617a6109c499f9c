"""Pictures that benchmarks store beside their records, as a section of the report."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lnkit.data.stored_files import read_bytes
from lnkit.errors import DataError
from lnkit.report.markup import Section, escape, paragraph
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord

FOLDER = "report"  # of a record, whose pictures the report shows
TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
LARGEST = 2**22  # bytes of a picture


def pictures(records: Sequence[RunRecord], folder: Path) -> tuple[Section | None, list[str]]:
    """Return the section with the pictures in the folder ``report/`` of each record, and what was left out.

    Pictures stand in the page as data, so that scripts in them do not run and nothing is loaded.

    Args:
        records: of the report.
        folder: of the results.

    Returns:
        The section, or None if no record has a picture; and a sentence for each picture that cannot be shown.
    """
    shown, remarks = [], []
    for record in records:
        for name in filter(_is_picture, record.files):
            try:
                data = read_bytes(ResultsFolder(folder).folder_of(record) / name, LARGEST)
            except DataError as error:
                remarks.append(f"A picture of the record {record.id} is left out. {error}")
                continue
            shown.append(_picture(record, name, data))
    if not shown:
        return None, remarks
    hint = paragraph("Pictures that benchmarks drew of single loss networks.", "muted")
    return Section("pictures", "Pictures", hint + "".join(shown)), remarks


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] == FOLDER and path.suffix in TYPES


def _picture(record: RunRecord, name: str, data: bytes) -> str:
    title = escape(f"{record.loss_network}, {record.protocol_name}: {PurePosixPath(name).stem}")
    source = f"data:{TYPES[PurePosixPath(name).suffix]};base64,{base64.b64encode(data).decode()}"
    return f'<details><summary>{title}</summary><img src="{source}" alt="{title}" loading="lazy"></details>\n'
