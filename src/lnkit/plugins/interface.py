"""Compare the version of the plugin interface that a plugin was made for with lnkit's own."""

from __future__ import annotations

import re
import sys

from lnkit._version import __version__
from lnkit.errors import PluginError
from lnkit.hookspecs import INTERFACE

ATTRIBUTE = "LNKIT_INTERFACE"  # a plugin declares its version as `LNKIT_INTERFACE = 1`
DECLARATION = re.compile(rf"^{ATTRIBUTE}\b[^=\n]*=\s*(\d+)", re.MULTILINE)
DEFAULT = 1  # version of a plugin that declares none


def require_interface(implementation: object, path: str, distribution: str) -> None:
    """Raise PluginError unless a plugin was made for lnkit's version of the interface.

    Args:
        implementation: the module or object that implements the hooks; its own declaration precedes its module's.
        path: where it was imported from: ``package.module`` or ``package.module:attribute``.
        distribution: to name in the message.
    """
    module = sys.modules.get(path.partition(":")[0])
    declared = getattr(implementation, ATTRIBUTE, getattr(module, ATTRIBUTE, DEFAULT))
    if not isinstance(declared, int) or isinstance(declared, bool) or declared < 1:
        raise PluginError(
            f"Expected {ATTRIBUTE}, the version of lnkit's plugin interface that a plugin was made for, to be a whole "
            f"number from 1 such as {INTERFACE}, got {declared!r:.80}."
        )
    if declared != INTERFACE:
        raise PluginError(_mismatch(declared, distribution))


def mismatch_in_source(path: str, distribution: str) -> str:
    """Return the message of require_interface for a plugin that cannot be imported, read from its source.

    Empty if the source declares no version, or lnkit's own.
    """
    declaration = DECLARATION.search(_source(path.partition(":")[0]))
    declared = int(declaration[1]) if declaration else INTERFACE
    return "" if declared == INTERFACE else _mismatch(declared, distribution)


def _mismatch(declared: int, distribution: str) -> str:
    made_for = (
        f"It was made for version {declared} of lnkit's plugin interface, but lnkit {__version__} has {INTERFACE}."
    )
    if declared > INTERFACE:
        return f"{made_for} Upgrade lnkit (pip install --upgrade lnkit), or install an older version of {distribution}."
    return f"{made_for} Upgrade the plugin (pip install --upgrade {distribution}), or install an older lnkit."


def _source(module: str) -> str:
    """Return the source of a module without running it or its parent packages; empty if it cannot be read."""
    from importlib.machinery import PathFinder  # noqa: PLC0415 - only for a plugin that failed
    from itertools import accumulate  # noqa: PLC0415

    spec, path = None, None
    for name in accumulate(module.split("."), "{}.{}".format):
        spec = PathFinder.find_spec(name, path)
        path = (spec and spec.submodule_search_locations) or []
    get_source = getattr(spec and spec.loader, "get_source", None)
    try:
        return (get_source and get_source(module)) or ""
    except (ImportError, OSError, SyntaxError, UnicodeError):  # damaged
        return ""
