"""What is installed, for the commands that need to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit.cli._output import note, warn
from lnkit.cli._settings import settings

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry


MOST = 10  # failures and remarks that are shown before a result; a plugin can have thousands


def open_registry() -> Registry:
    """Load all plugins and name on stderr, once, those that failed or of which there is something to remark."""
    from lnkit.plugins.load import default_registry, load_registry  # noqa: PLC0415 - not for help

    registry = load_registry(strict=True) if settings().strict else default_registry()
    for failure in registry.failures[:MOST]:
        warn(
            f"Plugin {failure.plugin!r} failed ({failure.stage}): {failure.reason.rstrip('.')}. "
            f"`lnkit plugins --traceback {failure.plugin}` shows more."
        )
    remarks = [remark for plugin in registry.plugins for remark in plugin.warnings]
    for remark in remarks[:MOST]:
        note(remark)
    if len(registry.failures) > MOST or len(remarks) > MOST:
        note("There are more of these: `lnkit plugins` shows all.")
    return registry
