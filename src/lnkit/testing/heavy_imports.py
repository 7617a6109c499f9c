"""Print, as JSON, where one plugin imports heavy packages when it registers.

Runs as a script, so that no heavy package is loaded before the plugin: ``python -P heavy_imports.py lnkit_mine
lnkit_mine torch numpy`` takes the name of the plugin's entry point, the name of its package, and the heavy packages.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from importlib.abc import MetaPathFinder
from typing import Any


class ImportRecorder(MetaPathFinder):
    """Finds no module, but records the first import of each heavy package."""

    def __init__(self, package: str, heavy: list[str]) -> None:
        self.package, self.heavy = package, heavy
        self.imports: dict[str, str] = {}  # "torch" -> "lnkit_mine, line 3"

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname in self.heavy and fullname not in self.imports and (importer := self._importer()):
            self.imports[fullname] = importer

    def _importer(self) -> str:
        """Return the line of the plugin that caused the import; empty if another heavy package imports this one."""
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
    recorder = ImportRecorder(package, heavy)
    sys.meta_path.insert(0, recorder)
    from lnkit.plugins.load import load_registry  # noqa: PLC0415 - its imports are recorded too

    with redirect_stdout(sys.stderr):
        load_registry(only=[plugin])
    print(json.dumps(recorder.imports))  # noqa: T201 - the output of this script


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
