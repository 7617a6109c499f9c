"""Use a checkout as if lnkit and its plugins were installed from it; nothing here imports lnkit."""

from __future__ import annotations

import atexit
import os
import runpy
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def use_checkout(root: Path = ROOT) -> bool:
    """Put a checkout on the path of this process and of its children, unless lnkit is installed.

    Args:
        root: Folder of the checkout.

    Returns:
        Whether the checkout is used.
    """
    try:
        distribution("lnkit")
    except PackageNotFoundError:
        metadata = Path(tempfile.mkdtemp(prefix="lnkit-checkout-"))
        atexit.register(shutil.rmtree, metadata, ignore_errors=True)
        _add_to_path([root, *write_metadata(root, metadata), metadata])
        return True
    return False


def write_metadata(root: Path, folder: Path) -> Iterator[Path]:
    """Write the metadata of every distribution of a checkout, which names its plugins; yield the folders of its code.

    Args:
        root: Folder of the checkout.
        folder: Gets one folder for each distribution.
    """
    yield from (root / "src", root / "plugins")
    version = runpy.run_path(str(root / "src" / "lnkit" / "_version.py"))["__version__"]
    for file in (root / "pyproject.toml", *sorted(root.glob("plugins/*/pyproject.toml"))):
        project: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        stem = f"{project['name'].replace('-', '_')}-{version}"
        described = folder / f"{stem}.dist-info"
        described.mkdir()
        text = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n"
        (described / "METADATA").write_text(text, encoding="utf-8")
        (described / "entry_points.txt").write_text(_entry_points(project), encoding="utf-8")
        if (file.parent / "src").is_dir() and file.parent != root:
            yield file.parent / "src"


def _entry_points(project: dict[str, Any]) -> str:
    groups: dict[str, dict[str, str]] = project.get("entry-points", {})
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    return "\n".join(lines) + "\n"


def _add_to_path(folders: list[Path]) -> None:
    names = [str(folder) for folder in folders]
    sys.path[:0] = names
    os.environ["PYTHONPATH"] = os.pathsep.join([*names, *filter(None, [os.environ.get("PYTHONPATH")])])
