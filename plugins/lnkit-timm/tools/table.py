"""``python plugins/lnkit-timm/tools/table.py`` checks every architecture and writes ``docs/architectures.md``.

Results are stored in a folder, a line for each architecture, so that an interrupted run is resumed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import torch
from checks import Check, check, from_json
from page import write_page

from lnkit_timm.catalog import Architecture, read_index

TARGET = Path(__file__).parents[1] / "docs" / "architectures.md"
STORE = Path(tempfile.gettempdir()) / "lnkit-timm-table"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="architectures to check (default: all)")
    parser.add_argument("--workers", type=int, default=1, help="number of processes (default: 1)")
    parser.add_argument("--store", type=Path, default=STORE, help=f"folder of results (default: {STORE})")
    parser.add_argument("--again", action="store_true", help="repeat failed checks")
    parser.add_argument("--page", type=Path, default=TARGET, help=f"file to write (default: {TARGET})")
    parser.add_argument(
        "--page-only", action="store_true", help="check nothing, and write the page from the stored results"
    )
    options = parser.parse_args(arguments)
    options.store.mkdir(parents=True, exist_ok=True)
    lines = options.store / "checks.jsonl"
    index = read_index()
    if not options.page_only:
        small_first = sorted(index.architectures, key=lambda row: row.parameters)
        chosen = [row for row in small_first if not options.names or row.name in options.names]
        done = {result.name for result in read_checks(lines) if result.passed or not options.again}
        _run([row for row in chosen if row.name not in done or options.names], options.workers, lines)
    write_page(index, {result.name: result for result in read_checks(lines)}, options.page)


def read_checks(lines: Path) -> Iterator[Check]:
    """Yield the stored results; the last one of an architecture counts."""
    if lines.exists():
        yield from (from_json(json.loads(line)) for line in lines.read_text(encoding="utf-8").splitlines())


def _run(architectures: Sequence[Architecture], workers: int, lines: Path) -> None:
    with lines.open("a", encoding="utf-8") as stream:
        for count, result in enumerate(_checks(architectures, workers), 1):
            stream.write(json.dumps(asdict(result)) + "\n")
            stream.flush()
            verdict = result.problem or ("ok" if result.passed else "differs")
            progress = f"{count} of {len(architectures)}: {result.name}: {verdict} ({result.seconds:.0f} s)"
            print(progress, file=sys.stderr)  # noqa: T201 - a command's progress


def _checks(architectures: Iterable[Architecture], workers: int) -> Iterator[Check]:
    if workers == 1:
        yield from map(check, architectures)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for future in as_completed([pool.submit(check, row) for row in architectures]):
            yield future.result()


if __name__ == "__main__":
    main()
