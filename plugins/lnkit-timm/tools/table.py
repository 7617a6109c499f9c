"""``python -m table`` checks every architecture of the index and writes ``docs/architectures.md``.

What was checked is kept in a folder, one line per architecture, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch
from checking import Check, as_json, check, from_json
from page import write_page

from lnkit_timm.catalog import Architecture, read_index

TARGET = Path(__file__).parents[2] / "docs" / "architectures.md"
KEPT = Path(tempfile.gettempdir()) / "lnkit-timm-table"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m table", description=__doc__)
    parser.add_argument("names", nargs="*", help="architectures to check (default: all)")
    parser.add_argument("--workers", type=int, default=1, help="processes; several have one thread each (default: 1)")
    parser.add_argument("--kept", type=Path, default=KEPT, help=f"folder of what was checked (default: {KEPT})")
    parser.add_argument("--again", action="store_true", help="check again what did not pass")
    parser.add_argument("--page", type=Path, default=TARGET, help=f"where to write it (default: {TARGET})")
    parser.add_argument("--page-only", action="store_true", help="write it from what was checked so far")
    options = parser.parse_args(arguments)
    options.kept.mkdir(parents=True, exist_ok=True)
    lines = options.kept / "checks.jsonl"
    index = read_index()
    if not options.page_only:
        small_first = sorted(index.architectures, key=lambda one: one.parameters)
        wanted = [one for one in small_first if not options.names or one.name in options.names]
        done = {one.name for one in read_checks(lines) if one.passed or not options.again}
        _run([one for one in wanted if one.name not in done or options.names], options.workers, lines)
    write_page(index, {one.name: one for one in read_checks(lines)}, options.page)


def read_checks(lines: Path) -> Iterator[Check]:
    """What was checked, the latest of an architecture last."""
    if lines.exists():
        yield from (from_json(json.loads(line)) for line in lines.read_text(encoding="utf-8").splitlines())


def _run(wanted: Sequence[Architecture], workers: int, lines: Path) -> None:
    with lines.open("a", encoding="utf-8") as kept:
        for count, found in enumerate(_checks(wanted, workers), 1):
            kept.write(json.dumps(as_json(found)) + "\n")
            kept.flush()
            said = found.problem or ("ok" if found.passed else "differs")
            print(f"{count} of {len(wanted)}: {found.name}: {said} ({found.seconds:.0f} s)", file=sys.stderr)  # noqa: T201


def _checks(wanted: Iterable[Architecture], workers: int) -> Iterator[Check]:
    if workers == 1:
        yield from map(check, wanted)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for future in as_completed([pool.submit(check, one) for one in wanted]):
            yield future.result()


if __name__ == "__main__":
    main()
