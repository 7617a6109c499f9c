"""What plugins may import is promised in CONTRIBUTING.md, exported, and importable without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(lnkit[\w.]*)` \| (.*) \|$", TEXT, re.MULTILINE)
PROMISED = {module: re.findall(r"`(\w+)`", names) for module, names in ROWS if "`" in names}


def test_the_table_is_there() -> None:
    assert {"lnkit", "lnkit.benchmark", "lnkit.data", "lnkit.datasets.two_afc", "lnkit.stats"} <= set(PROMISED)


@pytest.mark.parametrize("module", PROMISED)
def test_promised_names_are_exported_and_exported_names_promised(module: str) -> None:
    exported = import_module(module).__all__
    assert sorted(PROMISED[module], key=str.lower) == sorted(exported, key=str.lower)
    for name in exported:
        assert hasattr(import_module(module), name)


def test_the_door_opens_without_torch() -> None:
    heavy = "{'torch', 'pandas'} & set(sys.modules)"
    code = f"import sys\nfor name in {list(PROMISED)}: __import__(name)\nprint({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_files_to_copy_and_rooms_of_the_map_exist() -> None:
    root = Path(__file__).parents[1]
    table = TEXT.partition("## I want to add")[2].partition("## What a plugin")[0]
    paths = [name for name in re.findall(r"`([\w/.-]+/[\w/.-]*)`", table) if name != "lnkit.commands"]
    assert len(paths) >= 10
    assert [path for path in paths if not (root / path).exists()] == []
    shown = set(re.findall(r"\b[a-z_]+\b", TEXT.partition("## The map")[2].partition("## Before")[0]))
    package = root / "src" / "lnkit"
    rooms = {path.stem for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert {room for room in rooms if not room.startswith("_")} - shown == set()


@pytest.mark.parametrize("module", PROMISED)
def test_no_export_has_the_name_of_a_module(module: str) -> None:
    """Importing ``package.name`` would replace the export by the module."""
    package = import_module(module)
    names = {info.name for info in iter_modules(package.__path__)} if hasattr(package, "__path__") else set()
    assert names & set(package.__all__) == set()
