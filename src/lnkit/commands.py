"""Output of plugins' commands in the style of lnkit's own: lines, tables, JSON, progress bars, notes and warnings.

A plugin registers a click command as an entry point of the group ``lnkit.commands``. Errors that the command raises as
:class:`lnkit.LnkitError` become a sentence and an exit code; interrupts and ``--traceback`` work as in lnkit's own
commands.

Example:
    >>> import click
    >>> @click.command("count")
    ... @json_option
    ... def count(as_json: bool) -> None:
    ...     with make_progress().task("Counting", 3, unit="images") as advance:
    ...         for _ in range(3):
    ...             advance(1)
    ...     if as_json:
    ...         emit_json({"images": 3})
    ...     else:
    ...         print_table(["images"], [[3]])
    >>> count.main([], standalone_mode=False)
    images
    3
"""

from __future__ import annotations

from lnkit.cli._numbers import SEED, FiniteRange
from lnkit.cli._output import echo, emit_json, json_option, note, print_table, warn
from lnkit.cli._progress import make_progress

__all__ = ["SEED", "FiniteRange", "echo", "emit_json", "json_option", "make_progress", "note", "print_table", "warn"]
