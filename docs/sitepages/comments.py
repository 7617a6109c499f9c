"""What stands in the comment behind a field of a dataclass: its unit, an example, the source of a value."""

from __future__ import annotations

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
    """Field -> the comment behind it; nothing for fields without one, or where there is no source."""
    try:
        source = inspect.getsource(dataclass)
    except (OSError, TypeError):
        return {}
    text = dedent(source).splitlines()
    comments = trailing_comments(source)
    fields = inspect.get_annotations(dataclass)
    named = {number: text[number - 1].split(":")[0].strip() for number in comments}
    return {named[number]: comment for number, comment in comments.items() if named[number] in fields}
