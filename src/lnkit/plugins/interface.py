"""Whether a plugin was made for the version of the plugin interface that this lnkit has."""

from __future__ import annotations

import re
import sys

from lnkit._version import __version__
from lnkit.errors import PluginError
from lnkit.hookspecs import INTERFACE

ATTRIBUTE = "LNKIT_INTERFACE"  # a plugin states it as `LNKIT_INTERFACE = 1`; where it does not, 1 counts
STATED = re.compile(rf"^{ATTRIBUTE}\b[^=\n]*=\s*(\d+)", re.MULTILINE)
UNSTATED = 1


def require_interface(implementation: object, place: str, distribution: str) -> None:
    """Raise PluginError unless a plugin, which was imported from ``place``, fits this lnkit.

    An object may state its version itself; else that of its module counts.
    """
    module = sys.modules.get(place.partition(":")[0])
    stated = getattr(implementation, ATTRIBUTE, getattr(module, ATTRIBUTE, UNSTATED))
    if not isinstance(stated, int) or isinstance(stated, bool) or stated < 1:
        raise PluginError(
            f"{ATTRIBUTE} is the version of lnkit's plugin interface that a plugin was made for, a whole number from 1 "
            f"such as {INTERFACE}, and {stated!r:.80} came."
        )
    if stated != INTERFACE:
        raise PluginError(_misfit(stated, distribution))


def _misfit(stated: int, distribution: str) -> str:
    """Say what to do about a plugin that was made for another version."""
    made_for = f"It was made for version {stated} of lnkit's plugin interface, and lnkit {__version__} has {INTERFACE}."
    if stated > INTERFACE:
        return f"{made_for} Upgrade lnkit (pip install --upgrade lnkit), or install an older version of {distribution}."
    return f"{made_for} Upgrade the plugin (pip install --upgrade {distribution}), or install an older lnkit."


def misfit_in_source(place: str, distribution: str) -> str:
    """What require_interface would say of a plugin that cannot be imported, by its source; empty where it fits."""
    found = STATED.search(_source(place.partition(":")[0]))
    stated = int(found[1]) if found else INTERFACE
    return "" if stated == INTERFACE else _misfit(stated, distribution)


def _source(module: str) -> str:
    """The source of a module, read without running it or the packages that it lies in."""
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
