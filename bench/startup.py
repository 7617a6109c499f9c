"""How long the command line takes to answer, against importing what it stands on."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from bench.harness import Ratio, seconds_in_turns

# Compiled modules are kept, as for any user: some development machines switch that off.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
LNKIT = str(Path(sys.executable).parent / "lnkit")
# Milliseconds asked for on a machine where importing click, pluggy and rich takes 110 ms.
TARGETS = {"--help": 100 / 110, "list-backbones": 150 / 110}


def measure(quick: bool = False) -> list[Ratio]:
    imports = "import click, pluggy, rich"
    seconds = seconds_in_turns(
        {
            "imports": lambda: _run(sys.executable, "-c", imports),
            "torch": lambda: _run(sys.executable, "-c", "import torch"),
            **{command: partial(_run, LNKIT, command) for command in TARGETS},
        },
        repeats=5 if quick else 11,
    )
    torch_note = f"importing torch: {1000 * seconds['torch']:.0f} ms"
    return [
        Ratio(
            f"lnkit {command}",
            f"{1000 * seconds[command]:.0f} ms",
            f"python -c '{imports}': {1000 * seconds['imports']:.0f} ms",
            seconds[command] / seconds["imports"],
            target,
            at_most=True,
            note=torch_note,
        )
        for command, target in TARGETS.items()
    ]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
