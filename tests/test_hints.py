"""Every command that a message, a help text or a page of this project's code names exists, with its options."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lnkit.cli import COMMANDS, cli

ROOT = Path(__file__).parents[1]
FILES = [
    *sorted((ROOT / "src").rglob("*.py")),
    *(file for file in sorted((ROOT / "plugins").rglob("*.py")) if "tests" not in file.parts),
]
VALUE = "X"  # in place of what is filled in when the message is made
STARTS = "|".join([*COMMANDS, "earlystop", "calibrate", "score-range"])
HINT = re.compile(rf"`lnkit ([^`]+)`|\blnkit ((?:{STARTS}) (?:--\S+|[A-Z{{]\S*)[^`;&.]*)")


def texts(file: Path) -> Iterator[str]:
    """Yield the string literals of a file; an f-string is one text."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values)


def hints() -> dict[str, str]:
    """Return each command line that a text names, and the file."""
    found = {}
    for file in FILES:
        for text in texts(file):
            for match in HINT.finditer(text):
                line = " ".join((match[1] or match[2]).split())
                if re.match(r"-|[a-z]", line):  # not a version, nor `lnkit ... | head`
                    found[line] = str(file.relative_to(ROOT))
    return found


def fault(line: str) -> str:
    """Return what is wrong with a command line of lnkit; "" for nothing."""
    words = shlex.split(line.split(" ...")[0].replace("[", " ").replace("]", " "))
    command: click.Command = cli
    context = click.Context(cli, info_name="lnkit")
    positional = 0
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            name, equals, _ = word.partition("=")
            option = next((p for p in command.get_params(context) if name in (*p.opts, *p.secondary_opts)), None)
            if option is None:
                return f"{command.name} has no option {name}"
            if isinstance(option, click.Option) and not (option.is_flag or option.count or equals):
                if not words:
                    return f"{name} of {command.name} needs a value"
                words.pop(0)
        elif isinstance(command, click.Group) and not positional:
            known = command.list_commands(context)
            name = next((name for name in known if re.fullmatch(re.escape(word).replace(VALUE, ".+"), name)), word)
            chosen = command.get_command(context, name)
            if chosen is None:
                return f"{command.name} has no command {word}"
            command, context = chosen, click.Context(chosen, info_name=word, parent=context)
        elif set(word) != set(VALUE):  # what is filled in may be options
            positional += 1
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    if positional > len(arguments) and not any(p.nargs == -1 for p in arguments):
        return f"{command.name} takes {len(arguments)} arguments"
    return ""


def test_there_are_hints() -> None:
    named = {line.split()[0] for line in hints()}
    assert {"eval", "data", "results", "plugins", "attributes", "earlystop"} <= named


@pytest.mark.parametrize("line", sorted(hints()))
def test_a_command_that_a_text_names_exists(line: str) -> None:
    assert fault(line) == "", hints()[line]


@pytest.mark.parametrize(
    "line", ["evaluate --backbone X", "eval --bakbone X", "data get X", "points a b", "results show a --output"]
)
def test_a_wrong_hint_is_found(line: str) -> None:
    assert fault(line)
