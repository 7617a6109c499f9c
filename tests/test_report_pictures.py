"""Pictures beside records in the report: shown as data, whatever stands in them and whatever happened to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from helpers import make_record

from lnkit.analysis.collect import gather
from lnkit.report.page import build_report
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NAME = "report/curves.svg"
IMAGE = '<img src="data:image/'


def write(results: Path, *names: str) -> tuple[RunRecord, Path]:
    """Store a record with these files."""
    for name in names:
        path = results / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SVG)
    record = replace(make_record(0.7), files=names)
    return record, ResultsFolder(results).write(record, {}, {name: results / "made" / name for name in names})


def test_pictures_stand_in_the_report_as_data(tmp_path: Path) -> None:
    write(tmp_path, NAME, "report/notes.txt", "overlay.png")
    text = build_report(gather(tmp_path, "own"))
    assert text.count(IMAGE) == 1, "only pictures in the folder report"
    assert "alert(1)" not in text
    assert '<a href="#pictures">Pictures</a>' in text


def test_a_report_without_pictures_has_no_section_for_them(tmp_path: Path) -> None:
    write(tmp_path)
    assert "Pictures" not in build_report(gather(tmp_path, "own"))


def test_a_picture_that_is_missing_is_named(tmp_path: Path) -> None:
    record, folder = write(tmp_path, NAME)
    (folder / NAME).unlink()
    text = build_report(gather(tmp_path, "own"))
    assert IMAGE not in text
    assert f"A picture of the record {record.id} is left out." in text
