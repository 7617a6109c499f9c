"""Griffe extension: document dataclass fields by their comments, and remove reStructuredText roles."""

from __future__ import annotations

from typing import Any

from griffe import Class, Extension, Object

from sitepages.comments import plain_docstring, trailing_comments


class FieldComments(Extension):
    """Reads ``name: str  # "vgg16"`` as a documented field."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Remove the roles and double colons of reStructuredText from a docstring."""
        if obj.docstring is not None:
            obj.docstring.value = plain_docstring(obj.docstring.value)

    def on_class_members(self, *, cls: Class, **_: Any) -> None:
        """Add an attributes section to a class whose fields have comments."""
        comments = {name: _comment(member) for name, member in cls.members.items() if member.is_attribute}
        described = [f"    {name}: {comment}" for name, comment in comments.items() if comment]
        if described and cls.docstring is not None:
            cls.docstring.value = "\n".join([cls.docstring.value, "", "Attributes:", *described])


def _comment(attribute: Any) -> str:
    """Return the comment behind the field, or behind the last line of a field that spans several."""
    comments = list(trailing_comments(attribute.source).values()) if attribute.lineno else []
    return comments[-1].replace("<", "&lt;") if comments else ""
