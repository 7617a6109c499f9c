"""Installs lnkit as a stranger does: builds every distribution, installs it into an empty environment, runs it there.

``python tools/stranger_install.py`` takes minutes and gigabytes, because torch is installed anew. ``--python
python3.13`` takes another Python, and ``--lowest`` takes every package at the lowest version that lnkit declares. The
commands of lnkit run without internet.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOWHERE = "http://127.0.0.1:9"  # a proxy that does not answer
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?[>=]=([\d.]+)")

CORE = (
    "--version",
    "--help",
    "list-backbones",
    "list-benchmarks",
    "list-distances",
    "plugins",
    "data list",
    "results list",
    "recommend --task superres",
    "eval --backbone pixel --point all --bench bapps --sample",
)
TIMM = ("list-backbones timm/vit_*", "eval --backbone efficientnet_lite0 --point all --bench bapps --sample")
ALL = ("--strict plugins", "calibrate --help", "earlystop --help", "plot ranks --from published --output ranks.png")


class Check:
    """Runs one command after the other, and prints how each ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failed = 0
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LNKIT_"))}
        home = {name: str(folder / name.lower()) for name in ("LNKIT_CACHE", "LNKIT_RESULTS", "TORCH_HOME", "HF_HOME")}
        self.environment = kept | home

    def run(self, command: Sequence[str | Path], title: str, **environment: str) -> bool:
        """Run a command in the folder; print its title, the seconds that it took, and its output if it failed."""
        start = time.monotonic()
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        passed = done.returncode == 0
        print(f"{'ok    ' if passed else 'FAILED'} {time.monotonic() - start:6.1f} s  {title}", flush=True)
        if not passed:
            self.failed += 1
            print(done.stdout, flush=True)
        return passed


class EmptyEnvironment:
    """A virtual environment in which only pip is installed."""

    def __init__(self, python: str, check: Check, pip_options: Sequence[str | Path] = ()) -> None:
        self._check = check
        self._place = check.folder / "environment"
        self._options = pip_options
        check.run([python, "-m", "venv", self._place], f"an empty environment of {python}")

    def install(self, files: Iterable[Path], title: str, *options: str) -> None:
        """Install files with what they need, and print the size of the environment."""
        command = [self._place / "bin" / "python", "-m", "pip", "install", "--quiet", *options, *self._options, *files]
        if self._check.run(command, f"pip install {title}"):
            size = sum(file.lstat().st_size for file in self._place.rglob("*") if file.is_file())
            print(f"                 {size / 1e9:.2f} GB installed", flush=True)

    def lnkit(self, commands: Iterable[str]) -> None:
        """Run commands of lnkit without internet."""
        offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
        for command in commands:
            words: list[str | Path] = [self._place / "bin" / "lnkit", *command.split()]
            self._check.run(words, f"lnkit {command}", no_proxy="", NO_PROXY="", **offline)


def lowest_versions(projects: Iterable[Path]) -> dict[str, str]:
    """Return package -> the lowest version that all projects allow.

    Args:
        projects: folders with a pyproject.toml; requirements on these projects themselves are left out.
    """
    tables = [tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"] for folder in projects]
    own = {table["name"] for table in tables}
    lowest: dict[str, str] = {}
    for table in tables:
        optional: Mapping[str, list[str]] = table.get("optional-dependencies", {})
        for requirement in [*table["dependencies"], *(line for lines in optional.values() for line in lines)]:
            found = REQUIREMENT.match(requirement)
            if found is None:
                if requirement not in own:
                    raise ValueError(f"Expected a requirement with >= or ==, got {requirement!r} of {table['name']}.")
                continue
            name, version = found.groups()
            if name not in own:
                lowest[name] = max(lowest.get(name, version), version, key=_numbers)
    return lowest


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def build(projects: Iterable[Path], check: Check) -> Path:
    """Build the wheel and the source distribution of each project; return their folder."""
    dist = check.folder / "dist"
    for folder in projects:
        check.run(
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, folder],
            f"build {'lnkit' if folder == ROOT else folder.name}",
        )
    check.run([sys.executable, "-m", "twine", "check", "--strict", *sorted(dist.iterdir())], "twine check")
    return dist


def check_sdist(archive: Path, check: Check) -> None:
    """Unpack the source distribution of the core and let pytest collect its tests, which import the unpacked code."""
    with tarfile.open(archive) as file:
        file.extractall(check.folder / "unpacked", filter="data")
    (folder,) = (check.folder / "unpacked").iterdir()
    sources = [folder / "src", folder / "plugins", *folder.glob("plugins/lnkit-*/src")]
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "--rootdir", str(folder), str(folder)]
    check.run(command, "collect the tests of the sdist", PYTHONPATH=os.pathsep.join(map(str, sources)))


def main() -> int:
    """Check everything; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="Python of the empty environment")
    parser.add_argument("--lowest", action="store_true", help="install the lowest declared version of every package")
    arguments = parser.parse_args()
    projects = [ROOT, *sorted(ROOT.glob("plugins/lnkit-*"))]
    with tempfile.TemporaryDirectory(prefix="lnkit-stranger-") as name:
        check = Check(Path(name))
        dist = build(projects, check)
        options: list[str | Path] = ["--find-links", dist]
        if arguments.lowest:
            pins = "".join(f"{package}=={version}\n" for package, version in lowest_versions(projects).items())
            (check.folder / "lowest.txt").write_text(pins, encoding="utf-8")
            options += ["--constraint", check.folder / "lowest.txt"]
        environment = EmptyEnvironment(arguments.python, check, options)
        environment.install(dist.glob("lnkit-*.whl"), "lnkit")
        environment.lnkit(CORE)
        environment.install(dist.glob("lnkit_timm-*.whl"), "lnkit-timm")
        environment.lnkit(TIMM)
        environment.install(dist.glob("*.whl"), "every distribution")
        environment.lnkit(ALL)
        environment.install(dist.glob("*.tar.gz"), "every sdist over them", "--force-reinstall", "--no-deps")
        environment.lnkit((*CORE, *TIMM, *ALL))
        check_sdist(next(dist.glob("lnkit-*.tar.gz")), check)
    print(f"{check.failed} failed" if check.failed else "All passed.")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
