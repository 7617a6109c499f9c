"""What the copy button of a block copies: of commands, the commands alone; output has no button."""

from __future__ import annotations

import re
from html import unescape

from markupsafe import escape

BLOCK = re.compile(r'<div class="language-(\w+) highlight">(.*?)</div>', re.DOTALL)
CODE = re.compile(r"<code>(.*)</code>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")
PROMPT = "$ "
COMMAND = re.compile(r"(lnkit|pip|python|make|git) (?!.*\[OPTIONS\])")  # a usage line is no command


def with_copies(html: str) -> str:
    """Return a page whose buttons copy commands without prompts and output, and whose output has no button."""
    return BLOCK.sub(lambda block: _block(block[0], block[1], _text(block[2])), html)


def commands_of(console: str) -> str:
    """Return the commands of a block of a console: what is behind a prompt, with the lines that continue it."""
    commands: list[str] = []
    for line in console.splitlines():
        if line.startswith(PROMPT):
            commands.append(line.removeprefix(PROMPT))
        elif commands and commands[-1].endswith("\\"):
            commands[-1] += f"\n{line}"
    return "\n".join(commands)


def _block(html: str, language: str, text: str) -> str:
    if language == "console":
        return html.replace("<div ", f'<div data-copy="{escape(commands_of(text))}" ', 1)
    if language == "text" and not COMMAND.match(text):
        return html.replace('highlight">', 'highlight no-copy">', 1)
    return html


def _text(block: str) -> str:
    code = CODE.search(block)
    return unescape(TAG.sub("", code[1])) if code else ""
