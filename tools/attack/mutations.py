"""Damage to files: bytes, numbers in headers, splices, and things that are no files."""

from __future__ import annotations

import os
import random
import shutil
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

EXTREME = (0, 1, -1, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, 2**16 - 1, 255)
TEXTS = (
    b"\x1b]0;x\x07\x1b[31m",
    "\u202eevil\u2066".encode(),
    b"\0",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 5000,
    b"1e999",
    b"NaN",
    b"-1",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"<script>",
    b"=1+1",
    b"../../",
    b"\r\n" * 100,
    b"%s%n",
    b"x" * 200_000,
)


def mutate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Damage data in one to three ways.

    Args:
        data: What to damage.
        other: Another file, to splice with.
        chance: Everything is drawn from it.
    """
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        data = _WAYS[chance.randrange(len(_WAYS))](data, other, chance)
    return data


def _flip(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[chance.randrange(min(len(changed), chance.choice((64, 512, 10**9))))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randint(0, chance.choice((16, len(data))))]


def _behead(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    return data[chance.randint(0, min(len(data), 64)) :]


def _double(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    start, end = _range(data, chance)
    return data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]


def _drop(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    start, end = _range(data, chance)
    return data[:start] + data[end:]


def _number(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    """Put an extreme number where a header may have one."""
    number = chance.choice(EXTREME)
    form = chance.choice(("<i", ">i", "<q", ">q", "<h", ">h"))
    bits = 8 * struct.calcsize(form)
    packed: bytes = (number % 2**bits).to_bytes(bits // 8, "little" if form[0] == "<" else "big")
    place = chance.randint(0, min(len(data), chance.choice((16, 64, 256, 10**9))))
    return data[:place] + packed + data[place + len(packed) :]


def _insert(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    place = chance.randint(0, len(data))
    return data[:place] + chance.choice(TEXTS) + data[place:]


def _splice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def _blank(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    start, end = _range(data, chance)
    return data[:start] + chance.choice((b"\0", b"\xff")) * (end - start) + data[end:]


def _replace(_data: bytes, other: bytes, chance: random.Random) -> bytes:
    choices: tuple[bytes, ...] = (b"", b"\n", other, chance.choice(TEXTS), chance.randbytes(300))
    return chance.choice(choices)


def _range(data: bytes, chance: random.Random) -> tuple[int, int]:
    first, second = sorted(chance.randint(0, len(data)) for _ in range(2))
    return first, min(second, first + 5000)


_WAYS: tuple[Callable[[bytes, bytes, random.Random], bytes], ...] = (
    _flip,
    _flip,
    _flip,
    _cut,
    _behead,
    _double,
    _drop,
    _number,
    _number,
    _insert,
    _splice,
    _blank,
    _replace,
)


def make_special(path: Path, chance: random.Random) -> str:
    """Put something that is no readable file in the place of a file; return what."""
    with suppress(FileNotFoundError):
        path.unlink()
    kind = chance.choice(list(_SPECIAL))
    _SPECIAL[kind](path)
    return kind


def _listen(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path may have some hundred characters only
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name[:90])
    finally:
        os.chdir(before)


_SPECIAL: dict[str, Callable[[Path], object]] = {
    "FIFO": os.mkfifo,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "socket": _listen,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "folder": Path.mkdir,
    "empty file": Path.touch,
}


def special_name(chance: random.Random) -> bytes:
    """Return a name that file systems take and programs dislike."""
    return chance.choice(
        (
            b"x" * 255,
            b"\xff\xfe\x80",
            b"a\nb",
            b"\x1b[31mred",
            "\u202egnp".encode(),
            b"-rf",
            b" ",
            b"a;b|c&d",
            b"$(x)",
            b"...",
            "é".encode(),
            "e\u0301".encode(),
            b"con",
            b"%s",
            b"<b>",
            b"a\tb",
            b"'\"",
            b"\\",
            b"*",
            b"~",
        )
    )


def remove(path: Path) -> None:
    """Remove whatever is at a path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
