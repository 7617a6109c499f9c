"""Own results beside the published tables: ours, published, the difference, its reason, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lnkit.analysis.attributes import attributes_of_study, plain_name
from lnkit.analysis.collect import ScoreSet
from lnkit.analysis.published.tables import read_rows
from lnkit.analysis.score_rows import OWN, PUBLISHED, ScoreRow
from lnkit.errors import UsageError
from lnkit.escapes import markdown
from lnkit.results.output_files import output_file
from lnkit.results.records import RunRecord

MACS = "millions of multiply-adds"
REFERENCE = "reference"  # the variant that computes what the published study computed
NUMERALS = {  # the published tables of scores, in their order
    "Table V": "BAPPS: 2AFC and JND",
    "Table VI": "Super-resolution x4: PSNR",
    "Table VII": "Super-resolution x4: SSIM",
    "Table VIII": "Super-resolution x8: PSNR",
    "Table IX": "Super-resolution x8: SSIM",
    "Table X": "Delineation",
    "Table XI": "Autoencoding",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a published value, and ours if there is one."""

    what: str  # "2afc vgg16:late", "depth of vgg16"
    ours: str
    published: str
    difference: str
    why: str  # reasons for a difference


@dataclass(frozen=True, slots=True)
class Part:
    """One table of the published study."""

    title: str  # "Table V: BAPPS: 2AFC and JND"
    lines: tuple[Line, ...]  # of values that we have
    missing: int  # number of values that we do not have
    commands: tuple[str, ...]  # that produce the missing values
    caveat: str = ""


def reproduce(gathered: ScoreSet, variant: str | None = None) -> list[Part]:
    """Compare own results with each published table.

    Args:
        gathered: own records and the published study.
        variant: use results of this protocol variant; None uses comparable results, ``reference`` before others.

    Returns:
        A part for each of Tables I to XI of Pihlgren2023 (arXiv 2302.04032).
    """
    own = _own(gathered, variant)
    reasons = {record.id: _reason(record) for record in gathered.records}
    scores = [_scores(table, title, own, reasons, gathered) for table, title in NUMERALS.items()]
    used = set(own.values())
    ranked = ScoreSet([row for row in gathered.rows if row.origin == OWN and row in used], [], [])
    return [_table_1(), _table_2(), *_tables_3_and_4(ranked), *scores]


def _own(gathered: ScoreSet, variant: str | None) -> dict[tuple[str, str], ScoreRow]:
    """Return (score, loss network) -> our value; of several, that of the reference protocol, else the first."""
    rows = [
        row for row in gathered.rows if row.origin == OWN and (row.variant == variant if variant else row.comparable)
    ]
    rows.sort(key=lambda row: row.variant != REFERENCE)
    values: dict[tuple[str, str], ScoreRow] = {}
    for row in rows:
        values.setdefault((row.score, plain_name(row.loss_network)), row)
    return values


def _reason(record: RunRecord) -> str:
    """Return reasons why a record's scores may differ from the published ones."""
    key = record.key
    reasons = [record.incomparable] if record.incomparable else []
    reasons += [f"protocol {key.variant}"] * (key.variant != REFERENCE)
    reasons += [f"weights {record.weights}"] * (record.weights != "IMAGENET1K_V1")
    return ", ".join([*reasons, *record.deviations])


def _scores(
    table: str, title: str, own: Mapping[tuple[str, str], ScoreRow], reasons: Mapping[str, str], gathered: ScoreSet
) -> Part:
    rows = [row for row in gathered.rows if row.origin == PUBLISHED and row.source.endswith(f", {table}")]
    lines = [
        _line(row, own[row.score, row.loss_network], reasons) for row in rows if (row.score, row.loss_network) in own
    ]
    missing = [row for row in rows if (row.score, row.loss_network) not in own]
    caveat = next((row.caveat for row in rows if row.caveat), "")
    return Part(f"{table}: {title}", tuple(lines), len(missing), tuple(_commands(missing)), caveat)


def _line(published: ScoreRow, ours: ScoreRow, reasons: Mapping[str, str]) -> Line:
    known = [reasons.get(source, "") for source in ours.source.split()]
    if ours.trained:
        known.append(f"mean of {len(ours.spread.seeds)} seeds" if ours.spread else "one training, one seed")
    why = "; ".join(dict.fromkeys(filter(None, known)))
    return Line(
        f"{published.score} {published.loss_network}",
        f"{ours.value:.4f}" + ("" if ours.low is None else f" [{ours.low:.4f}, {ours.high:.4f}]"),
        f"{published.value:g}",
        f"{ours.value - published.value:+.4f}",
        why or "none known",
    )


def _commands(missing: Iterable[ScoreRow]) -> list[str]:
    """Return one command for each backbone and benchmark."""
    points: dict[tuple[str, str], list[str]] = {}
    for row in missing:
        points.setdefault((row.benchmark, row.backbone), []).append(row.point)
    return [
        f"lnkit eval --backbone {backbone} --point {','.join(dict.fromkeys(names))} --bench {bench} "
        f"--protocol {REFERENCE}"
        for (bench, backbone), names in points.items()
    ]


def _table_1() -> Part:
    """Compare the attributes, which need no runs."""
    computed = {name.partition(":")[0]: values for name, values in attributes_of_study().items()}
    lines = [
        Line(f"{name} of {row['backbone']}", f"{ours:g}", f"{theirs:g}", f"{ours - theirs:+g}", _why(name, row))
        for row in read_rows("attributes")
        for name, ours, theirs in _attributes(row, computed[row["backbone"]])
    ]
    return Part("Table I: attributes of the backbones", tuple(lines), 0, ())


def _why(name: str, row: Mapping[str, str]) -> str:
    if name == MACS:
        return "of convolutions and matrix products alone"
    return row["caveat"] if name in row["caveat"] else ""


def _attributes(row: Mapping[str, str], ours: Mapping[str, float | None]) -> Iterable[tuple[str, float, float]]:
    for name in ("imagenet_top1", "depth", "skip_connections", "branches", "conv_1x1", "batch_norm"):
        yield name, ours[name] or 0.0, float(row[name])
    yield MACS, round((ours["macs"] or 0.0) / 1e6), float(row["mflops_224"])


def _table_2() -> Part:
    """Compare the extraction points: the nodes that plugins register under the four names."""
    from lnkit.plugins.load import default_registry  # noqa: PLC0415 - plugins

    registry = default_registry()
    lines = []
    for row in read_rows("extraction_points"):
        points = registry.points_at(row["backbone"])
        for point in ("early", "semi_early", "mid", "late"):
            ours = points[point].node if point in points else "not registered"
            same = "" if ours == row[point] else "differs"
            lines.append(Line(f"{row['backbone']}:{point}", ours, row[point], same, row[f"{point}_desc"]))
    return Part("Table II: extraction points", tuple(lines), 0, ())


def _tables_3_and_4(own: ScoreSet) -> list[Part]:
    """Compare mean ranks and best points of the backbones that have all scores they need."""
    titles = ("Table III: mean ranks", "Table IV: best points")
    caveats = [read_rows(name)[0]["caveat"] for name in ("average_rankings", "best_points")]
    if not own.rows:
        return [Part(title, (), 1, ("(from Tables V to XI, once these have values)",), caveat)
                for title, caveat in zip(titles, caveats, strict=True)]  # fmt: skip
    from lnkit.analysis.rankings import best_points, mean_ranks  # noqa: PLC0415 - pandas

    frame = own.frame()
    return [
        Part(titles[0], tuple(_ranks(mean_ranks(frame))), 0, (), caveats[0]),
        Part(titles[1], tuple(_best(best_points(frame))), 0, (), caveats[1]),
    ]


def _ranks(ours: Any) -> Iterable[Line]:
    count = len(ours)
    for row in read_rows("average_rankings"):
        for benchmark in ("bapps", "superres", "delineation", "autoencoder", "all"):
            if row["backbone"] in ours.index and benchmark in ours.columns:
                value = float(ours.loc[row["backbone"], benchmark])
                if value == value:  # not NaN
                    why = "" if count == 14 else f"ranked among {count} backbones, not 14"
                    yield Line(f"{benchmark} {row['backbone']}", f"{value:.2f}", row[benchmark],
                               f"{value - float(row[benchmark]):+.2f}", why)  # fmt: skip


def _best(ours: Any) -> Iterable[Line]:
    ties = {(row.score, row.backbone): row.ties for row in ours.itertuples()}
    for row in read_rows("best_points"):
        for column in ("2afc", "jnd_map", "x4_ssim_bsd100", "x8_ssim_bsd100", "svhn_accuracy", "stl10_accuracy"):
            if points := ties.get((column, row["backbone"])):
                same = "" if row[column] in points else "differs"
                yield Line(f"{column} {row['backbone']}", " or ".join(points), row[column], same, row["caveat"])


def write_page(parts: Sequence[Part], file: Path) -> None:
    """Write the parts as an HTML page or, for a file that ends with .md, as Markdown.

    Raises:
        UsageError: ``file`` has another ending.
        LnkitError: the file cannot be written.
    """
    forms = {".html": as_html, ".md": as_markdown}
    if file.suffix.lower() not in forms:
        raise UsageError(f"Expected a file that ends with .html or .md, got {file}.")
    with output_file(file) as tmp:
        tmp.write_text(forms[file.suffix.lower()](parts), encoding="utf-8")


COLUMNS = ("what", "ours", "published", "difference", "why")


def as_html(parts: Sequence[Part]) -> str:
    """Return the parts as one self-contained page."""
    from lnkit.report.markup import Section, escape, page, paragraph, table  # noqa: PLC0415 - not for JSON

    sections = []
    for number, part in enumerate(parts):
        rows = [[getattr(line, name) for name in COLUMNS] for line in part.lines]
        body = paragraph(f"{part.caveat}.", "caveat") if part.caveat else ""
        empty = paragraph("There are no own results for this table yet.")
        body += table(COLUMNS, rows, numeric=["difference"]) if rows else empty
        if part.commands and part.missing:
            commands = "\n".join(escape(command) for command in part.commands)
            summary = f"{part.missing} values are missing; these commands compute them"
            body += f"<details><summary>{summary}</summary><pre><code>{commands}</code></pre></details>"
        sections.append(Section(f"part-{number}", part.title, body))
    lead = paragraph("Own results beside Pihlgren et al. 2023, arXiv 2302.04032, table by table.", "muted")
    return page("Reproduction", sections, lead)


def as_markdown(parts: Sequence[Part]) -> str:
    """Return the parts as Markdown."""
    return "\n".join(["# Reproduction\n", *(text for part in parts for text in _markdown(part))])


def _markdown(part: Part) -> Iterable[str]:
    yield f"## {part.title}\n"
    if part.caveat:
        yield f"> {part.caveat}.\n"
    if part.lines:
        yield f"| {' | '.join(COLUMNS)} |\n| {' | '.join('---' for _ in COLUMNS)} |"
        yield from (f"| {' | '.join(markdown(getattr(line, name)) for name in COLUMNS)} |" for line in part.lines)
        yield ""
    if part.commands and part.missing:
        commands = "\n".join(part.commands)  # of published names
        yield f"{part.missing} values are missing; these commands compute them:\n\n```\n{commands}\n```\n"
