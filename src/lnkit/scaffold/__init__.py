"""Write new plugin projects from templates."""

from __future__ import annotations

from lnkit.scaffold.parts import PARTS, Part
from lnkit.scaffold.project import Project, normalize_name, plan, write

__all__ = ["PARTS", "Part", "Project", "normalize_name", "plan", "write"]
