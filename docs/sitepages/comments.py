"""Comments behind the fields of a dataclass (a unit, an example, the source of a value), and plain docstrings."""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from textwrap import dedent

ROLE = re.compile(r":\w+:`~?([^`]+)`")  # :func:`name`
LITERAL = re.compile(r"::$", re.MULTILINE)  # "Example::", before an indented block


def plain_docstring(text: str) -> str:
    """Return a docstring without the roles and double colons of reStructuredText."""
    return LITERAL.sub(":", ROLE.sub(r"`\1`", text))


def trailing_comments(source: str) -> dict[int, str]:
    """Return {line number from 1: the comment behind the code of that line}."""
    tokens = list(tokenize.generate_tokens(io.StringIO(dedent(source)).readline))
    return {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokens
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip()
    }


def field_comments(dataclass: type) -> dict[str, str]:
    """Return {field: the comment behind it}, with inherited fields, without fields that have no comment."""
    comments: dict[str, str] = {}
    for cls in reversed(dataclass.__mro__[:-1]):
        comments |= _own_comments(cls)
    return comments


def _own_comments(cls: type) -> dict[str, str]:
    """Return the comments of the class's own fields; a field may span several lines."""
    try:
        source = dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # not read from a file
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
