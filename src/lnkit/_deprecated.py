"""Old names of renamed functions, classes and constants: each works, and warns, until a version that it states."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple


class _Renaming(NamedTuple):
    new: str  # "lnkit.stats:spearman"
    removed_in: str  # "0.3"


def deprecated_name(module: str, old: str, *, new: str, removed_in: str) -> None:
    """Keep the old name of something that was renamed or moved; every use of it warns.

    Call it at the end of the module, below ``lazy_exports`` if the module has that. What ``new`` names is imported
    when ``old`` is first used. ``old`` is not in ``__all__``.

    Args:
        module: the ``__name__`` of the module that had the old name.
        old: the old name.
        new: the module and the name of today: ``"lnkit.stats:spearman"``.
        removed_in: the version of lnkit that removes the old name: ``"0.3"``.

    Raises:
        ValueError: the module itself defines ``old``, so its use would not warn.

    Example:
        ``deprecated_name(__name__, "rank_agreement", new="lnkit.stats:spearman", removed_in="0.3")``
    """
    namespace = vars(sys.modules[module])
    if old in namespace:
        raise ValueError(f"Expected {module} without {old!r}, the old name of {new}, got a definition. Remove it.")
    renamings: dict[str, _Renaming] = namespace.setdefault("_renamings", {})
    if not renamings:
        namespace["__getattr__"] = _old_names(module, renamings, namespace.get("__getattr__"))
    renamings[old] = _Renaming(new, removed_in)


def _old_names(
    module: str, renamings: Mapping[str, _Renaming], other_names: Callable[[str], Any] | None
) -> Callable[[str], Any]:
    """Make the ``__getattr__`` (PEP 562) of a module: one for all its old names, so that ``stacklevel`` fits."""

    def get(name: str) -> Any:
        if name in renamings:
            home, _, today = renamings[name].new.partition(":")
            warnings.warn(
                f"{module}.{name} is now {home}.{today}; lnkit {renamings[name].removed_in} removes the old name.",
                DeprecationWarning,
                stacklevel=2,  # the line that uses the name
            )
            return getattr(import_module(home), today)
        if other_names is not None:
            return other_names(name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return get
