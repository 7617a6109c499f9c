"""Registers one plugin in a process of its own and prints, as JSON, who imported which heavy package.

Run as a script, so that nothing is loaded before the plugin: ``python -P watched.py lnkit_mine lnkit_mine torch numpy``
takes the name of its entry point, that of its package, and the heavy ones.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from importlib.abc import MetaPathFinder
from typing import Any


class Watch(MetaPathFinder):
    """Finds no module; notes who asks for a heavy one first."""

    def __init__(self, package: str, heavy: list[str]) -> None:
        self.package, self.heavy = package, heavy
        self.seen: dict[str, str] = {}  # "torch" -> "lnkit_mine, line 3"

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname in self.heavy and fullname not in self.seen and (importer := self._importer()):
            self.seen[fullname] = importer

    def _importer(self) -> str:
        """The line of the plugin's package that led to an import; empty where another heavy package is in between."""
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            module = str(frame.f_globals.get("__name__", ""))
            if module.partition(".")[0] in self.heavy:
                return ""
            if module.partition(".")[0] == self.package:
                return f"{module}, line {frame.f_lineno}"
        return "in a package that it imports"


def main(plugin: str, package: str, heavy: list[str]) -> None:
    """Register ``plugin`` and print {heavy package: where it was imported}."""
    watch = Watch(package, heavy)
    sys.meta_path.insert(0, watch)
    from lnkit.plugins.load import load_registry  # noqa: PLC0415 - to be watched as well

    with redirect_stdout(sys.stderr):
        load_registry(only=[plugin])
    print(json.dumps(watch.seen))  # noqa: T201 - what this script is for


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
