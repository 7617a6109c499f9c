"""Start-up time of the command line with all plugins of the repository, against importing its dependencies."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.harness import Ratio, seconds_in_turns
from lnkit.plugins.entrypoints import find_entry_points
from lnkit.plugins.load import load_registry

NO_HOOKS = {"lnkit_calibration"}  # plugins that only add commands
PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
IMPORTS = "import click, pluggy, rich"
# Compiled modules are cached, as for any user (some development machines turn that off), and all plugins are loaded.
UNSET = ("PYTHONDONTWRITEBYTECODE", "LNKIT_PLUGINS")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in UNSET}
LNKIT = str(Path(sys.executable).parent / "lnkit")
TARGETS = {"--help": 100 / 110, "list-backbones": 2.5}  # times the import of click, pluggy and rich


def measure(quick: bool = False) -> list[Ratio]:
    """Measure `lnkit --help` and `lnkit list-backbones`."""
    seconds = seconds_in_turns(
        {
            "imports": lambda: _run(sys.executable, "-c", IMPORTS),
            "torch": lambda: _run(sys.executable, "-c", "import torch"),
            **{command: partial(_run, LNKIT, command) for command in TARGETS},
        },
        repeats=5 if quick else 21,
    )
    notes = {
        "--help": f"importing torch: {1000 * seconds['torch']:.0f} ms",
        "list-backbones": _registered(),
    }
    return [_ratio(command, seconds, notes[command]) for command in TARGETS]


def _ratio(command: str, seconds: Mapping[str, float], note: str) -> Ratio:
    return Ratio(
        f"lnkit {command}",
        f"{1000 * seconds[command]:.0f} ms",
        f"python -c '{IMPORTS}': {1000 * seconds['imports']:.0f} ms",
        seconds[command] / seconds["imports"],
        TARGETS[command],
        at_most=True,
        note=note,
    )


def _registered() -> str:
    """Return the numbers of registered plugins, backbones and points, and the plugins that are missing."""
    registry = load_registry(only=[entry.name for entry in find_entry_points()])  # whatever LNKIT_PLUGINS says
    loaded = {plugin.name for plugin in registry.plugins if plugin.state == "ok"}
    missing = sorted({folder.name.replace("-", "_") for folder in PLUGINS.glob("lnkit[-_]*")} - loaded - NO_HOOKS)
    points = sum(map(len, registry.points.values()))
    text = f"{len(loaded)} plugins, {len(registry.backbones):,} backbones, {points:,} points"
    return f"{text}; without {', '.join(missing)}" if missing else text


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
