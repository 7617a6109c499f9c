"""What stands in the comment behind a field of a dataclass: its unit, an example, the source of a value."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from textwrap import dedent


def trailing_comments(source: str) -> dict[int, str]:
    """Line number, from 1, -> the comment behind the code of that line."""
    tokens = list(tokenize.generate_tokens(io.StringIO(dedent(source)).readline))
    return {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokens
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip()
    }


def field_comments(dataclass: type) -> dict[str, str]:
    """Field -> the comment behind it, inherited fields too; nothing for those without one."""
    found: dict[str, str] = {}
    for cls in reversed(dataclass.__mro__[:-1]):
        found |= _own_comments(cls)
    return found


def _own_comments(cls: type) -> dict[str, str]:
    """Of the fields in the class's own source, on however many lines each stands."""
    try:
        source = dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # it was not read from a file
        return {}
    comments = trailing_comments(source)
    (definition,) = ast.parse(source).body
    fields = [node for node in ast.walk(definition) if isinstance(node, ast.AnnAssign)]
    return {
        field.target.id: comments[line]
        for field in fields
        if isinstance(field.target, ast.Name)
        for line in range(field.lineno, (field.end_lineno or field.lineno) + 1)
        if line in comments
    }
