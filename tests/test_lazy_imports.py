"""Listing, showing and failing must not wait for heavy packages: each command runs in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lnkit.cli import COMMANDS

HEAVY = ("torch", "torchvision", "timm", "pandas", "numpy", "PIL", "skimage", "lpips", "onnxruntime", "scipy")

RUN = """
import json, sys
from lnkit.cli import run
code = run({arguments!r})
sys.stdout.flush()
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def modules_of(*arguments: str) -> tuple[int, set[str]]:
    """Run a command; return its exit code and the modules it imported."""
    code = RUN.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, modules = json.loads(done.stderr.splitlines()[-1])
    return exit_code, set(modules)


def groups() -> list[list[str]]:
    return (
        [["data", name] for name in ("list", "fetch", "verify", "import", "path")]
        + [["results", name] for name in ("list", "show", "export", "compare")]
        + [["weights", name] for name in ("list", "fetch", "import", "path")]
    )


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), *groups()], ids=" ".join)
def test_help(command: list[str]) -> None:
    code, modules = modules_of(*command, "--help")
    assert code == 0
    assert not modules & {*HEAVY, "rich", "pluggy"}


@pytest.mark.parametrize(
    "command",
    [
        ["list-backbones"],
        ["list-backbones", "--json"],
        ["list-benchmarks"],
        ["list-distances"],
        ["plugins"],
        ["plugins", "--json"],
        ["data", "list"],
        ["weights", "list"],
        ["weights", "path", "vgg16", "timm/resnet18"],
        ["results", "list"],
        ["results", "list", "--json"],
    ],
    ids=" ".join,
)
def test_listing(command: list[str]) -> None:
    code, modules = modules_of(*command)
    assert code == 0
    assert not modules & {*HEAVY, "rich"}, "rich draws on terminals only, and this is a pipe"


@pytest.mark.parametrize(
    "command",
    [
        ["evla"],
        ["eval"],
        ["eval", "--backbone", "vgg61"],
        ["eval", "--backbone", "vgg16", "--point", "lat"],
        ["eval", "--backbone", "vgg16", "--bench", "bap"],
        ["points", "vgg61"],
        ["list-backbones", "--family", "none"],
        ["plugins", "--traceback", "absent"],
    ],
    ids=" ".join,
)
def test_wrong_names(command: list[str]) -> None:
    code, modules = modules_of(*command)
    assert code == 2
    assert not modules & {"torch", "torchvision", "timm", "pandas", "rich"}


def test_the_library() -> None:
    code = "import sys, json, lnkit; print(json.dumps(sorted(sys.modules)))"
    modules = set(json.loads(subprocess.check_output([sys.executable, "-c", code], text=True)))
    assert not modules & {*HEAVY, "rich", "pluggy", "click", "lnkit.specs"}


@pytest.mark.parametrize("package", ["distances", "networks", "training"])
def test_packages_that_export_lazily(package: str) -> None:
    code = f"import sys, json, lnkit.{package}; print(json.dumps(sorted(sys.modules)))"
    modules = set(json.loads(subprocess.check_output([sys.executable, "-c", code], text=True)))
    assert not modules & {*HEAVY, "rich", "pluggy", "click"}


def test_this_test_sees_heavy_imports() -> None:
    code, modules = modules_of("points", "pixel")
    assert code == 0
    assert "torch" in modules
