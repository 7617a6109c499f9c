"""What subcommands of plugins use to speak as lnkit's own do.

A plugin announces a click command as an entry point of the group ``lnkit.commands``. Errors that it raises as
:class:`lnkit.LnkitError` become a sentence and an exit code; an interrupt, and ``--traceback``, work as everywhere.
"""

from __future__ import annotations

from lnkit.cli._output import emit_json, json_option, note, print_table, warn
from lnkit.cli._progress import make_progress

__all__ = ["emit_json", "json_option", "make_progress", "note", "print_table", "warn"]
