"""Subcommands that plugins add."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakeplugins import FakePlugins, fake_plugins

from lnkit.cli import run
from lnkit.cli._plugincommands import plugin_commands

__all__ = ["fake_plugins"]

GREET = """
    import click, lnkit
    from lnkit.commands import print_table

    @click.command()
    @click.option("--fail", is_flag=True)
    def greet(fail):
        "Say hello."
        if fail:
            raise lnkit.DataError("No hello is left.")
        print_table(["word"], [["hello"]])

    number = 3
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    plugin_commands.cache_clear()
    yield
    plugin_commands.cache_clear()


def announce(plugins: FakePlugins, name: str, value: str, distribution: str = "fake-greetings") -> None:
    folder: Path = plugins.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.0\n")
    with (folder / "entry_points.txt").open("a") as opened:
        opened.write(f"[lnkit.commands]\n{name} = {value}\n")


@pytest.fixture
def plugins(fake_plugins: FakePlugins) -> FakePlugins:
    (fake_plugins.folder / "greetings.py").write_text("\n".join(line[4:] for line in GREET.splitlines()))
    announce(fake_plugins, "greet", "greetings:greet")
    return fake_plugins


def test_it_runs_and_is_listed(plugins: FakePlugins, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greet"]) == 0
    assert "hello" in capsys.readouterr().out
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "greet" in shown.partition("Commands of plugins:")[2]
    assert "From fake-greetings." in shown


def test_its_errors_are_sentences(plugins: FakePlugins, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greet", "--fail"]) == 1
    assert capsys.readouterr().err == "Error: No hello is left.\n"
    assert run(["--traceback", "greet", "--fail"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_misspelled_command_gets_a_suggestion(plugins: FakePlugins, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greeet"]) == 2
    assert "Did you mean 'greet'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("greetings:missing", "AttributeError"),
        ("nowhere:greet", "ModuleNotFoundError"),
        ("greetings:number", "Expected a click command in greetings:number"),
    ],
)
def test_a_broken_command_is_named(
    value: str, said: str, plugins: FakePlugins, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(plugins, "broken", value, "fake-broken")
    assert run(["broken"]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "of fake-broken" in error
    assert run(["greet"]) == 0  # the others go on


def test_no_plugin_replaces_a_command_of_lnkit(plugins: FakePlugins, capsys: pytest.CaptureFixture[str]) -> None:
    announce(plugins, "list-distances", "greetings:greet", "fake-thief")
    assert run(["list-distances"]) == 0
    assert "spatial" in capsys.readouterr().out
    run(["--help"])
    assert "fake-thief" not in capsys.readouterr().out


ENDS = """
import sys
import click

@click.command()
@click.argument("way")
def end(way):
    if way == "raise":
        1 / 0
    if way.startswith("exit"):
        sys.exit({"exit 0": None, "exit 3": 3}.get(way, "no more"))
    if way == "ctx":
        click.get_current_context().exit(4)
    if way in ("KeyboardInterrupt", "EOFError"):
        raise getattr(__import__("builtins"), way)
    return 5
"""


@pytest.mark.parametrize(
    ("way", "code", "said"),
    [
        ("exit 0", 0, ""),
        ("exit 3", 3, ""),
        ("exit words", 1, "no more\n"),
        ("ctx", 4, ""),
        ("return", 0, ""),
        (
            "raise",
            1,
            "Error: The command 'end' of fake-ends failed in its code: ZeroDivisionError: division by zero "
            "(site/ends.py, line 9). Tell its author. `lnkit --traceback ...` shows more.\n",
        ),
        (
            "EOFError",
            1,
            "Error: The command 'end' of fake-ends failed in its code: EOFError was raised (site/ends.py",
        ),
        ("KeyboardInterrupt", 1, "Error: KeyboardInterrupt was raised"),
    ],
)
def test_the_exit_code_of_a_command(
    way: str, code: int, said: str, fake_plugins: FakePlugins, capsys: pytest.CaptureFixture[str]
) -> None:
    (fake_plugins.folder / "ends.py").write_text(ENDS)
    announce(fake_plugins, "end", "ends:end", "fake-ends")
    assert run(["end", way]) == code
    err = capsys.readouterr().err
    assert err.startswith(said) if said else not err


def test_a_command_whose_module_exits_is_broken(fake_plugins: FakePlugins, capsys: pytest.CaptureFixture[str]) -> None:
    (fake_plugins.folder / "leaver.py").write_text("import sys; sys.exit(0)")
    announce(fake_plugins, "leave", "leaver:leave", "fake-leaver")
    assert run(["leave"]) == 1
    assert "The command 'leave' of fake-leaver cannot be used: SystemExit: 0. Install" in capsys.readouterr().err
