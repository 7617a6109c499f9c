"""New plugin projects, written from templates."""

from __future__ import annotations

from lnkit.scaffold.parts import PARTS, Part
from lnkit.scaffold.project import Project, plan, usable_name, write

__all__ = ["PARTS", "Part", "Project", "plan", "usable_name", "write"]
