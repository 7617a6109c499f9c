"""Own results beside the published tables: ours, published, the difference, its reason, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
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
OURS = "own result"  # the column of values that come from own runs
NUMERALS = {  # the published tables of scores, in their order
    "Table V": "BAPPS: 2AFC and JND",
    "Table VI": "Super-resolution x4: PSNR",
    "Table VII": "Super-resolution x4: SSIM",
    "Table VIII": "Super-resolution x8: PSNR",
    "Table IX": "Super-resolution x8: SSIM",
    "Table X": "Delineation",
    "Table XI": "Autoencoding",
}
RANKED = ("bapps", "superres", "delineation", "autoencoder", "all")  # columns of Table III
POINTS_OF = ("2afc", "jnd_map", "x4_ssim_bsd100", "x8_ssim_bsd100", "svhn_accuracy", "stl10_accuracy")  # of Table IV


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a published value beside ours, or beside the one that lnkit computes without a run."""

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
    missing: int = 0  # number of values that we do not have
    commands: tuple[str, ...] = ()  # that produce the missing values; each stands in one part only
    caveat: str = ""
    column: str = OURS  # where the values of ``lines`` come from
    remedy: str = ""  # a sentence: where the missing values come from


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
    scores = _with_commands([_scores(table, title, own, reasons, gathered) for table, title in NUMERALS.items()])
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


def measured(parts: Sequence[Part]) -> tuple[int, int]:
    """Return how many of the published scores, those of Tables V to XI, have an own result, and how many there are."""
    scores = [part for part in parts if part.title.partition(":")[0] in NUMERALS]
    known = sum(len(part.lines) for part in scores)
    return known, known + sum(part.missing for part in scores)


def _scores(
    table: str, title: str, own: Mapping[tuple[str, str], ScoreRow], reasons: Mapping[str, str], gathered: ScoreSet
) -> tuple[Part, list[ScoreRow]]:
    """Return the part of a table of scores, and the published rows that have no own result."""
    rows = [row for row in gathered.rows if row.origin == PUBLISHED and row.source.endswith(f", {table}")]
    lines = [
        _line(row, own[row.score, row.loss_network], reasons) for row in rows if (row.score, row.loss_network) in own
    ]
    missing = [row for row in rows if (row.score, row.loss_network) not in own]
    caveat = next((row.caveat for row in rows if row.caveat), "")
    return Part(f"{table}: {title}", tuple(lines), len(missing), caveat=caveat), missing


def _with_commands(scores: Sequence[tuple[Part, list[ScoreRow]]]) -> list[Part]:
    """Add each command to the first table that needs it: a run computes the scores of several tables."""
    every = [row for _, missing in scores for row in missing]
    tables: dict[str, str] = {}  # benchmark -> the table with its commands
    parts = []
    for part, missing in scores:
        benchmarks = list(dict.fromkeys(row.benchmark for row in missing))
        new = [name for name in benchmarks if name not in tables]
        tables |= dict.fromkeys(new, part.title.partition(":")[0])
        commands = _commands(row for row in every if row.benchmark in new)
        remedy = (
            "These commands compute them" if new else f"The commands under {tables.get(benchmarks[0])} compute them"
        )
        parts.append(replace(part, commands=tuple(commands), remedy=f"{remedy}.") if missing else part)
    return parts


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


def write_study(file: Path) -> None:
    """Write the whole published study as a file for `lnkit sweep`, which runs what has no result yet.

    Raises:
        LnkitError: The file cannot be written.
    """
    points = list(dict.fromkeys(row["point"] for row in read_rows("performance_scores")))
    benches = "\n".join(f'[[bench]]\nname = "{name}"\nprotocol = "{REFERENCE}"\n' for name in RANKED[:-1])
    text = f'backbones = ["@pihlgren2023"]\npoints = {json.dumps(points)}\n\n{benches}'
    with output_file(file) as tmp:
        tmp.write_text(text, encoding="utf-8")


def _table_1() -> Part:
    """Compare the attributes, which need no runs."""
    computed = {name.partition(":")[0]: values for name, values in attributes_of_study().items()}
    lines = [
        Line(f"{name} of {row['backbone']}", f"{ours:g}", f"{theirs:g}", f"{ours - theirs:+g}", _why(name, row))
        for row in read_rows("attributes")
        for name, ours, theirs in _attributes(row, computed[row["backbone"]])
    ]
    return Part("Table I: attributes of the backbones", tuple(lines), column="computed by lnkit")


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
    return Part("Table II: extraction points", tuple(lines), column="registered node")


def _tables_3_and_4(own: ScoreSet) -> list[Part]:
    """Compare mean ranks and best points of the backbones that have all scores they need."""
    titles = ("Table III: mean ranks", "Table IV: best points")
    caveats = [read_rows(name)[0]["caveat"] for name in ("average_rankings", "best_points")]
    ranks: list[Line] = []
    best: list[Line] = []
    if own.rows:
        from lnkit.analysis.rankings import best_points, mean_ranks  # noqa: PLC0415 - pandas

        frame = own.frame()
        ranks, best = list(_ranks(mean_ranks(frame))), list(_best(best_points(frame)))
    counts = [len(read_rows(name)) * len(columns) for name, columns in
              (("average_rankings", RANKED), ("best_points", POINTS_OF))]  # fmt: skip
    return [
        Part(
            title,
            tuple(lines),
            count - len(lines),
            caveat=caveat,
            remedy="They follow from own results of Tables V to XI.",
        )
        for title, lines, count, caveat in zip(titles, (ranks, best), counts, caveats, strict=True)
    ]


def _ranks(ours: Any) -> Iterable[Line]:
    count = len(ours)
    for row in read_rows("average_rankings"):
        for benchmark in RANKED:
            if row["backbone"] in ours.index and benchmark in ours.columns:
                value = float(ours.loc[row["backbone"], benchmark])
                if value == value:  # not NaN
                    why = "" if count == 14 else f"ranked among {count} backbones, not 14"
                    yield Line(f"{benchmark} {row['backbone']}", f"{value:.2f}", row[benchmark],
                               f"{value - float(row[benchmark]):+.2f}", why)  # fmt: skip


def _best(ours: Any) -> Iterable[Line]:
    ties = {(row.score, row.backbone): row.ties for row in ours.itertuples()}
    for row in read_rows("best_points"):
        for column in POINTS_OF:
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


def as_html(parts: Sequence[Part]) -> str:
    """Return the parts as one self-contained page."""
    from lnkit.report.markup import Section, page, paragraph  # noqa: PLC0415 - not for JSON

    sections = [Section(f"part-{number}", part.title, _html(part)) for number, part in enumerate(parts)]
    return page("Reproduction", sections, paragraph(_lead(parts)))


def _lead(parts: Sequence[Part]) -> str:
    known, count = measured(parts)
    study = "Pihlgren et al. 2023, arXiv 2302.04032"
    return f"{known:,} of {count:,} published scores measured. Own results beside {study}, table by table."


def _html(part: Part) -> str:
    from lnkit.report.markup import escape, paragraph, table  # noqa: PLC0415 - not for JSON

    body = paragraph(f"{part.caveat}.", "caveat") if part.caveat else ""
    if part.lines:
        body += table(_columns(part), [astuple(line) for line in part.lines], numeric=["difference"])
    if part.missing:
        body += paragraph(_say_missing(part))
    if part.commands:
        commands = "\n".join(escape(command) for command in part.commands)
        body += f"<details><summary>{len(part.commands)} commands</summary><pre><code>{commands}</code></pre></details>"
    return body


def _columns(part: Part) -> tuple[str, ...]:
    return ("value", part.column, "published", "difference", "possible reasons")


def _say_missing(part: Part) -> str:
    count = len(part.lines) + part.missing
    return f"{part.missing:,} of {count:,} values {'are' if part.missing > 1 else 'is'} missing. {part.remedy}"


def as_markdown(parts: Sequence[Part]) -> str:
    """Return the parts as Markdown."""
    return "\n".join(["# Reproduction\n", f"{_lead(parts)}\n", *(text for part in parts for text in _markdown(part))])


def _markdown(part: Part) -> Iterable[str]:
    yield f"## {part.title}\n"
    if part.caveat:
        yield f"> {part.caveat}.\n"
    if part.lines:
        columns = _columns(part)
        yield f"| {' | '.join(columns)} |\n| {' | '.join('---' for _ in columns)} |"
        yield from (f"| {' | '.join(map(markdown, astuple(line)))} |" for line in part.lines)
        yield ""
    if part.missing:
        yield f"{_say_missing(part)}\n"
    if part.commands:
        commands = "\n".join(part.commands)  # of published names
        yield f"```\n{commands}\n```\n"
