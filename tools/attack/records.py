"""Poisoned records: whatever a result says, every reading command passes it over or shows it harmlessly."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

from lnkit.errors import DataError
from lnkit.results.records import from_json, record_id

from .kills import REDUCED
from .material import EVAL, make
from .mutations import make_special, mutate
from .process import Command, run
from .report import Report, printable
from .series import run_series

UNIT, COUNT = "records", 500
MARK = "pwned"  # in every payload, so that it is found in what is written
PAYLOADS = (
    f"\x1b]0;{MARK}\x07\x1b[2J",
    f"\r{MARK}\b\b",
    f"\u202e{MARK}\u2066",
    f"\x9b31m{MARK}",
    f"<script>{MARK}</script>",
    f'"><img src=x onerror={MARK}>',
    f"</script><svg onload={MARK}>",
    f"[{MARK}](javascript:{MARK})",
    f"![{MARK}](http://{MARK}.invalid/x.png)",
    f"{MARK} | {MARK} |\n| {MARK} |",
    f"=HYPERLINK({MARK})",
    f"@{MARK}",
    f"+{MARK}",
    f"-{MARK}",
    f"\t={MARK}",
    f'{MARK},"{MARK}\n{MARK}',
    f"\\input{{{MARK}}}",
    f"../../../{MARK}",
    f"/tmp/{MARK}",
    f"{MARK}\ud800",
    f"{MARK}\0{MARK}",
    MARK * 5000,
    f"javascript:{MARK}",
)
ODD: tuple[Any, ...] = (
    None,
    True,
    [],
    {},
    "",
    0,
    -1,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    [[]],
    {"a": {}},
    [None],
    "x",
    2**63,
)
TABLES = ("csv", "markdown", "latex", "parquet")


def prepare(ground: Path) -> None:
    """Run two benchmarks on small data."""
    make(ground)
    variables = {"LNKIT_CACHE": str(ground / "cache"), "LNKIT_RESULTS": str(ground / "results")}
    bapps = (*EVAL, "--bench", "bapps", "--data", str(ground / "bapps"), "--point", "1", "--point", "3")
    fields = [word for field in REDUCED["superres"].split() for word in ("--set", field)]
    superres = (*EVAL, "--bench", "superres", "--sample", "--point", "1", *fields)
    for arguments in (bapps, superres):
        ended = run(Command(arguments, ground / "work", variables, seconds=300))
        if ended.code:
            raise RuntimeError(f"{ended.command}: {ended.stderr}")


def cases(_seed: int) -> Iterator[str]:
    """Yield cases without end."""
    ways = cycle(("values", "values", "values", "bytes", "special", "arrays"))
    yield from (f"{way}/{number}" for number, way in enumerate(ways))


def attempt(case: str, seed: int, ground: Path, work: Path) -> Report:
    """Poison one record of three, and read them all."""
    report, chance = Report(case), random.Random(f"{seed}/{case}")
    report.counts["records"] += 1
    shutil.copytree(ground / "results", work / "results")
    (work / "out").mkdir()
    target = chance.choice(sorted((work / "results").glob("*_*")))
    good = [path.name for path in sorted((work / "results").glob("*_*")) if path != target]
    target = _poison(case.split("/")[0], target, chance)
    listed = ""
    commands = [_command(words, work) for words in _commands(target.name, good, chance)]
    for ended in run_series(commands):
        report.judge(ended)
        if ended.command.arguments[:2] == ("results", "list"):
            listed += ended.stdout + ended.stderr
        if ended.hung:  # so will the others
            return report
    _check_listing(report, listed, target, good)
    _check_files(report, work)
    return report


def _poison(way: str, target: Path, chance: random.Random) -> Path:
    """Poison a record; return its folder, whose name follows what it says."""
    file = target / "result.json"
    if way == "values":
        content = json.loads(file.read_text(encoding="utf-8"))
        for _ in range(chance.choice((1, 1, 3))):
            _poison_value(content, chance)
        with suppress(UnicodeEncodeError):
            file.write_text(json.dumps(content, ensure_ascii=chance.random() < 0.5), encoding="utf-8")
        return _renamed(target)
    arrays = next(target.glob("*.npz"))
    chosen = arrays if way == "arrays" or chance.random() < 0.3 else file
    if way == "special":
        make_special(chosen, chance)
    else:
        chosen.write_bytes(mutate(chosen.read_bytes(), file.read_bytes(), chance))
    return target


def _renamed(target: Path) -> Path:
    """Give a folder the name that its changed record must have, so that it is read."""
    with suppress(DataError, OSError, ValueError):
        name = record_id(from_json((target / "result.json").read_text(encoding="utf-8"), "").key)
        return target.rename(target.with_name(name))
    return target


def _poison_value(content: Any, chance: random.Random) -> None:
    """Change a value somewhere in nested dictionaries and lists, or a name."""
    while True:
        places = list(content) if isinstance(content, dict) else range(len(content))
        if not places:
            return
        place = chance.choice(places)
        value = content[place]
        if isinstance(value, (dict, list)) and value and chance.random() < 0.9:
            content = value
            continue
        roll = chance.random()
        if roll < 0.1:
            del content[place]
        elif roll < 0.2 and isinstance(content, dict):
            content[chance.choice(PAYLOADS)] = value
        elif roll < 0.4 or not isinstance(value, str):
            content[place] = chance.choice((*ODD, *PAYLOADS))
        else:
            content[place] = chance.choice(PAYLOADS)
        return


def _command(words: tuple[str, ...], work: Path) -> Command:
    variables = {"LNKIT_RESULTS": str(work / "results"), "LNKIT_CACHE": str(work / "cache")}
    return Command(words, work / "out", variables)


def _commands(target: str, good: list[str], chance: random.Random) -> list[tuple[str, ...]]:
    reading: list[tuple[str, ...]] = [
        ("results", "list"),
        ("results", "list", "--json"),
        ("results", "list", "--sample", "--json"),
        ("results", "show", target),
        ("results", "show", target, "--json"),
        ("results", "compare", target, good[0]),
        ("results", "rescore", target),
        ("compare", "--anyway"),
        ("recommend", "--task", "bapps"),
        ("reproduce", "--output", "reproduction.md"),
        ("analyze", "difference", target, good[0]),
        *(("results", "export", "--format", form, "--output", f"table.{form}") for form in TABLES),
        ("results", "export", "--format", "markdown", "--wide"),
        ("analyze", "ranks", "--by", "loss-network", "--format", "csv", "--output", "ranks.csv"),
        ("analyze", "best-points", "--format", "markdown", "--output", "best.markdown"),
    ]
    drawing = [
        ("report", "--output", "report.html", "--from", "own"),
        ("plot", "best-points", "-o", "plot.svg", "--from", "own"),
        ("plot", "score-macs", "-o", "plot.html", "--from", "own"),
        ("analyze", "front", "--from", "own"),
        ("analyze", "correlations", "--from", "own", "--resamples", "100"),
        ("analyze", "proxies", "--from", "own", "--resamples", "100"),
        ("reproduce", "--output", "reproduction.html"),
    ]
    return reading + chance.sample(drawing, 2)


def _check_listing(report: Report, listed: str, target: Path, good: list[str]) -> None:
    """Listings show the good records, and the poisoned one or a sentence that names it."""
    for name in good:
        if name not in listed:
            report.find(f"a good record is not listed beside a poisoned one: {name}")
    if target.name not in listed:
        report.find("a poisoned record is passed over without a word")


def _check_files(report: Report, work: Path) -> None:
    """Find in what was written whatever could steer its reader."""
    for file in sorted((work / "out").iterdir()):
        data = file.read_bytes()
        text = data.decode("utf-8", "replace")
        for fault in _CHECKS.get(file.suffix, lambda _: [])(text):
            report.find(f"{file.name}: {fault[:60]}")
    if {path.name for path in work.iterdir()} - {"results", "out", "cache"} or Path(f"/tmp/{MARK}").exists():
        report.find("a file was written outside its folder")


def _steering_html(text: str) -> list[str]:
    text = re.sub(
        r"<script[^>]*>.*?</script>",
        lambda m: m[0] if MARK in m[0] and "<script>" + MARK in m[0] else "",
        text,
        flags=re.S,
    )
    return [printable(found[0]) for found in re.finditer(rf"<(script|img|svg)[^>]*{MARK}|<script>{MARK}", text)]


def _steering_markdown(text: str) -> list[str]:
    found = re.finditer(
        rf"(?<!\\)<(script|img|svg)\b[^\n]*{MARK}|(?<!\\)\]\((javascript|http)[^\n]*{MARK}|^\| {MARK} \|$", text, re.M
    )
    return [printable(match[0]) for match in found]


def _steering_csv(text: str) -> list[str]:
    cells = (cell for row in csv.reader(io.StringIO(text)) for cell in row)
    return [printable(cell) for cell in cells if cell.lstrip()[:1] in set("=+-@") and MARK in cell]


_CHECKS = {".html": _steering_html, ".markdown": _steering_markdown, ".md": _steering_markdown, ".csv": _steering_csv}
