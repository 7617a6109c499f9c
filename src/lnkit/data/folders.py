"""What lies in a folder that a user named: its images, and what to say where they are not what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lnkit.errors import DataError

SHOWN = 8  # names in a sentence


def image_names(folder: Path, suffixes: Sequence[str], expected: str) -> list[str]:
    """The names of the images in ``folder``, sorted; hidden files and files of other kinds are passed over.

    Args:
        folder: where they lie.
        suffixes: of images, in small letters: (".png", ".jpg").
        expected: sentences on what was expected, for errors.

    Raises:
        DataError: it is no folder, has no image, or an image whose name cannot be printed.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is missing. {expected} {what_is_there(folder.parent)}")
    names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith("."))
    if not names:
        raise DataError(f"{folder} has no images in it ({', '.join(suffixes)}). {expected}")
    require_printable(folder, names)
    return names


def what_is_there(folder: Path) -> str:
    """A sentence with the names that a folder holds, for the end of an error."""
    if not folder.is_dir():
        return f"{folder} is not a folder."
    names = sorted(path.name for path in folder.iterdir())
    shown = ", ".join(ascii(name)[1:-1] for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{folder} holds {shown}." if names else f"{folder} is empty."


def require_printable(folder: Path, names: Sequence[str]) -> None:
    """Refuse names that could steer a terminal or fail to be written: they appear in scores, records and messages.

    Raises:
        DataError: a name has characters that cannot be printed.
    """
    odd = next((name for name in names if not name.isprintable()), None)
    if odd is not None:
        raise DataError(f"The name {odd!a} in {folder} has characters that cannot be printed. Rename it.")
