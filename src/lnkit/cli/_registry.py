"""What is installed, for the commands that need to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit.cli._output import warn
from lnkit.cli._settings import settings

if TYPE_CHECKING:
    from lnkit.registry import Registry


def open_registry() -> Registry:
    """Load all plugins and name on stderr, once, those that failed."""
    from lnkit.registry import default_registry, load_registry  # noqa: PLC0415 - not for help

    registry = load_registry(strict=True) if settings().strict else default_registry()
    for failure in registry.failures:
        warn(
            f"Plugin {failure.plugin!r} failed ({failure.stage}): {failure.reason.rstrip('.')}. "
            f"`lnkit plugins --traceback {failure.plugin}` shows more."
        )
    return registry
