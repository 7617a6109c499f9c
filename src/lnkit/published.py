"""The published tables that lnkit ships: figures of papers and of their code, as text or as a DataFrame.

Importing this module costs nothing, and :func:`read_rows` needs no pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.analysis.published.frames import table as table
    from lnkit.analysis.published.tables import (
        TABLES as TABLES,
        TableFacts as TableFacts,
        read_rows as read_rows,
        table_facts as table_facts,
    )

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.analysis.published.frames": ("table",),
        "lnkit.analysis.published.tables": ("TABLES", "TableFacts", "read_rows", "table_facts"),
    },
)
