"""The table of all rows, and the JSON file."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape
from rich.table import Table

from bench.gpu.results import CheckResult, Figures, Row
from lnkit.data.atomic import atomic_write

STYLES = {"passed": "green", "failed": "red", "cut short": "yellow", "not run": "yellow"}


def machine(device: torch.device) -> dict[str, Any]:
    """Describe the machine and the card."""
    facts: dict[str, Any] = {
        "device": str(device),
        "card": "none",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type != "cuda":
        return facts
    card = torch.cuda.get_device_properties(device)
    return facts | {
        "card": card.name,
        "memory_gib": round(card.total_memory / 2**30, 1),
        "capability": f"{card.major}.{card.minor}",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


def write_json(file: Path, facts: dict[str, Any], results: Sequence[CheckResult]) -> None:
    """Write all results, replacing the file in one step."""
    content = {"machine": facts, "checks": [dataclasses.asdict(result) for result in results]}
    with atomic_write(file) as tmp:
        tmp.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def make_table(results: Sequence[CheckResult]) -> Table:
    """Return a table with the state of each check and all of its rows."""
    table = Table("check", "subject", "figures", "problem")
    for result in results:
        state = f"[{STYLES[result.state]}]{result.state}[/], {result.seconds:.0f} s"
        table.add_row(f"[bold]{result.name}[/]", state, "", escape(result.reason))
        for row in result.rows:
            table.add_row("", row.subject, figures_text(row.figures), escape(row.problem or _skipped(row)))
        table.add_section()
    return table


def figures_text(figures: Figures) -> str:
    """Return figures in one line: "error 2e-07, limit 3e-05"."""
    return ", ".join(f"{name} {_number(value)}" for name, value in figures.items())


def _number(value: float | int | str) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def _skipped(row: Row) -> str:
    return f"skipped: {row.skipped}" if row.skipped else ""
