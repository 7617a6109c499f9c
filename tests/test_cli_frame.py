"""The frame of the command line: help, listings, and every way in which a command can end."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import groupby

import click
import pytest
from fakeplugins import BACKBONE, FakePlugins, fake_plugins
from helpers import read_terminal

import lnkit
from lnkit.cli import COMMANDS, cli, listings, run
from lnkit.cli._output import print_table
from lnkit.cli._progress import MessageProgress, make_progress
from lnkit.errors import DataError, UsageError
from lnkit.plugins.load import default_registry
from lnkit.progress import activity

__all__ = ["fake_plugins"]

Capture = pytest.CaptureFixture[str]
Raise = Callable[[BaseException], None]


@pytest.fixture(autouse=True)
def _fresh_registry() -> None:
    default_registry.cache_clear()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Raise:
    """Let `lnkit list-distances` raise whatever the test says."""

    def let_raise(error: BaseException) -> None:
        def callback(**_: object) -> None:
            raise error

        monkeypatch.setattr(import_module("lnkit.cli.listings").list_distances, "callback", callback)

    return let_raise


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_each_line_of_the_help_is_the_commands_own(name: str) -> None:
    place, line = COMMANDS[name]
    module, _, attribute = place.partition(":")
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.get_short_help_str(limit=200) == line


def test_help_lists_every_command(capsys: Capture) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in out
        assert " ".join(line.split()) in " ".join(out.split())


def test_no_arguments_show_the_help(capsys: Capture) -> None:
    assert run([]) == 2
    assert "list-backbones" in capsys.readouterr().err


def test_version(capsys: Capture) -> None:
    assert run(["--version"]) == 0
    assert lnkit.__version__ in capsys.readouterr().out


def test_python_m_lnkit() -> None:
    out = subprocess.check_output([sys.executable, "-m", "lnkit", "--version"], text=True)
    assert out == f"lnkit, version {lnkit.__version__}\n"


# Ways to end


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list-bakbones"], "There is no command 'list-bakbones'. Did you mean 'list-backbones'"),
        (["zzz"], "There is no command 'zzz'. There are: eval,"),
        (["list-backbones", "--famly", "x"], "--famly"),
        (["list-backbones", "vgg*", "extra"], "extra"),
        (["list-backbones", "vhh*"], "No backbone's name matches 'vhh*'"),
        (["--nonsense"], "--nonsense"),
        (["list-backbones", "--family", "Vgk"], "No backbone belongs to a family 'Vgk'"),
        (["plugins", "--traceback", "absent"], "No plugin is called 'absent'"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: Capture) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataError("The archive is cut off."), 1, "Error: The archive is cut off.\n"),
        (UsageError("Give one of the two."), 2, "Error: Give one of the two.\n"),
        (
            OSError(errno.ENOSPC, "No space left", "/x/y"),
            1,
            "Error: The disk is full while writing /x/y. Free some space",
        ),
        (ValueError("odd\nthing"), 1, "Error: ValueError: odd thing (`lnkit --traceback ...` shows where"),
        (KeyboardInterrupt(), 1, "Error: KeyboardInterrupt was raised (`lnkit"),  # by code: no person sent it
        (EOFError("cut off"), 1, "Error: EOFError: cut off (`lnkit"),
        (SystemExit(0), 1, "Error: SystemExit: 0 (`lnkit"),
        (GeneratorExit(), 1, "Error: GeneratorExit was raised (`lnkit"),
        (type("Outcome", (BaseException,), {})("x" * 10**7), 1, f"Error: Outcome: {'x' * 1000}... (`lnkit"),
        (type("Mute", (Exception,), {"__str__": lambda self: sys.exit(0)})(), 1, "Error: Mute was raised (`lnkit"),
        (BrokenPipeError(errno.EPIPE, "of a socket"), 1, "Error: BrokenPipeError: [Errno 32] of a socket (`lnkit"),
        (RecursionError("too deep"), 1, "Error: RecursionError: too deep (`lnkit"),
        (MemoryError("x"), 1, "Error: The memory is full (MemoryError: x)."),
        (RuntimeError("\x1b[2J\u202e"), 1, "Error: RuntimeError: [2J (`lnkit"),
        (click.Abort(), 130, "Interrupted. Run the same command again to resume.\n"),  # at a prompt
    ],
)
def test_errors_are_sentences(error: BaseException, code: int, said: str, failing: Raise, capsys: Capture) -> None:
    failing(error)
    assert run(["list-distances"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_an_interrupt_of_a_person(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(listings.list_distances, "callback", lambda **_: os.kill(os.getpid(), signal.SIGINT))
    assert run(["list-distances"]) == 130
    assert capsys.readouterr().err == "\nInterrupted. Run the same command again to resume.\n"


def test_what_a_command_returns_is_no_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings.list_distances, "callback", lambda **_: 3)
    assert run(["list-distances"]) == 0


def test_traceback_on_request(failing: Raise, capsys: Capture) -> None:
    failing(DataError("The archive is cut off."))
    assert run(["--traceback", "list-distances"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("Error: The archive is cut off.\n")


def test_a_reader_that_leaves() -> None:
    """`lnkit ... | head -0`: silence on stderr. The output is larger than what a pipe holds."""
    code = """
import sys, click
from lnkit.cli import listings, run
listings.list_distances.callback = lambda **_: [click.echo("x" * 1000) for _ in range(500)]
sys.exit(run(["list-distances"]))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=30)
    assert err == b""


# Plugins


def test_failed_plugins_are_named_on_stderr_and_json_stays_whole(fake_plugins: FakePlugins, capsys: Capture) -> None:
    fake_plugins.add("broken", "print('noise'); import absent_package")
    assert run(["list-backbones", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "vgg16" in [one["name"] for one in json.loads(out)]
    warnings = [line for line in err.splitlines() if line.startswith("Warning")]
    assert len(warnings) == 1
    assert "'broken' failed (import): ModuleNotFoundError: No module named 'absent_package'" in warnings[0]


def test_what_a_plugin_prints_is_no_result(fake_plugins: FakePlugins, capsys: Capture) -> None:
    fake_plugins.add(
        "noisy",
        """
        import lnkit

        def load(pretrained):
            import torch
            print("noise")
            return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))

        @lnkit.hookimpl
        def register_backbone(register):
            register(lnkit.BackboneSpec("noisy", "Fake", load=load))

        @lnkit.hookimpl
        def register_extraction_points(register):
            register("noisy", lnkit.ExtractionPoint("only", node="0"))
        """,
    )
    for command in (["points", "noisy"], ["eval", "--backbone", "noisy", "--weights", "random", "--sample"]):
        assert run([*command, "--json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)
        assert "noise" in err


def test_a_traceback_steers_no_terminal(fake_plugins: FakePlugins, capsys: Capture) -> None:
    fake_plugins.add("evil", "raise ValueError('\\x07red')")
    assert run(["plugins", "--traceback", "evil"]) == 0
    out = capsys.readouterr().out
    assert "red" in out
    assert "\x07" not in out


def test_a_name_that_a_plugin_left_out_may_have_is_said(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNKIT_PLUGINS", "none")
    assert run(["points", "efficientnet_lite0"]) == 2
    assert re.search("LNKIT_PLUGINS leaves out .*lnkit_timm", capsys.readouterr().err)


def test_strict_stops(fake_plugins: FakePlugins, capsys: Capture) -> None:
    fake_plugins.add("broken", "import absent_package")
    assert run(["--strict", "list-backbones"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: Plugin 'broken' failed (import): ModuleNotFoundError")


def test_plugins_are_listed_with_what_they_add(fake_plugins: FakePlugins, capsys: Capture) -> None:
    dangling = """
    @lnkit.hookimpl
    def register_extraction_points(register, backbones):
        register("absent_net", lnkit.ExtractionPoint("late", node="a"))
    """
    fake_plugins.add("good", BACKBONE.format(name="net") + dangling, version="4.2")
    fake_plugins.add("broken", "import absent_package")
    assert run(["plugins"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "plugin distribution version state adds"
    assert "good good 4.2 ok 1 backbone, 1 point" in lines
    assert "broken broken 1.0 failed -" in lines
    assert "broken failed (import): ModuleNotFoundError: No module named 'absent_package'" in lines
    assert "Dangling: late (good) for the backbone 'absent_net', which is not installed." in lines


def test_plugins_as_json(fake_plugins: FakePlugins, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_plugins.add("good", BACKBONE.format(name="net"))
    fake_plugins.add("other", BACKBONE.format(name="other_net"))
    monkeypatch.setenv("LNKIT_PLUGINS", "good")
    assert run(["plugins", "--json"]) == 0
    facts = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert facts["good"]["adds"] == {"backbones": ["net"]}
    assert (facts["good"]["state"], facts["other"]["state"]) == ("ok", "off")
    assert facts["lnkit_torchvision"]["distribution"] == "lnkit"


def test_the_traceback_of_a_plugin(fake_plugins: FakePlugins, capsys: Capture) -> None:
    fake_plugins.add("broken", "def inner():\n    raise ValueError('why')\n\ninner()")
    assert run(["plugins", "--traceback", "broken"]) == 0
    out = capsys.readouterr().out
    assert "in inner" in out
    assert "ValueError: why" in out


# Listings


def test_listings_agree_with_the_registry(capsys: Capture) -> None:
    registry = default_registry()
    for command, known in (
        ("list-backbones", registry.backbones),
        ("list-benchmarks", registry.benchmarks),
        ("list-distances", registry.distances),
    ):
        assert run([command]) == 0
        table = capsys.readouterr().out.partition("\n\n")[0]  # the suites stand below the benchmarks
        assert [line.split()[0] for line in table.splitlines()[1:]] == list(known)
        assert run([command, "--json"]) == 0
        assert [one["name"] for one in json.loads(capsys.readouterr().out)] == list(known)


def test_benchmarks_as_json_say_what_each_protocol_sets(capsys: Capture) -> None:
    assert run(["list-benchmarks", "--json"]) == 0
    bapps = next(one for one in json.loads(capsys.readouterr().out) if one["name"] == "bapps")
    assert bapps["protocols"]["paper"]["resolution"] == 64
    assert bapps["protocols"]["reference"]["epsilon"] == "reference"
    assert bapps["scores"]["2afc"]["aggregation"] == "mean of families"
    assert (bapps["scores"]["2afc"]["lower"], bapps["scores"]["2afc"]["upper"]) == (0, 1)


@pytest.mark.parametrize("group", ["data", "results"])
def test_no_line_of_a_groups_help_is_cut_off(group: str, capsys: Capture) -> None:
    assert run([group, "--help"]) == 0
    assert "..." not in capsys.readouterr().out.split("Commands:")[1]


@pytest.mark.parametrize(("pattern", "some", "none"), [("vgg1?", "vgg11", "vgg16_bn"), ("gg16", "vgg16_bn", "vgg11")])
def test_listing_names_that_match(pattern: str, some: str, none: str, capsys: Capture) -> None:
    assert run(["list-backbones", pattern, "--json"]) == 0
    names = [fact["name"] for fact in json.loads(capsys.readouterr().out)]
    assert some in names
    assert none not in names


def test_listing_one_family(capsys: Capture) -> None:
    assert run(["list-backbones", "--family", "vgg", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {"vgg11", "vgg16", "vgg16_bn", "vgg19"} <= {one["name"] for one in facts}
    assert {one["family"] for one in facts} == {"VGG"}


def test_a_piped_table_is_whole_and_aligned(capsys: Capture) -> None:
    print_table(["a", "long column"], [["x" * 300, "1"], ["[bold]y[/]", "\x1b[31m2\nz"]], title="[red]title")
    title, header, first, second = capsys.readouterr().out.splitlines()
    assert title == "[red]title"
    assert first == "x" * 300 + "  1"
    assert header.index("long column") == first.index("  1") + 2 == second.index(" [31m2 z")
    assert second.startswith("[bold]y[/]")


def test_no_control_character_is_printed(capsys: Capture) -> None:
    print_table(["name"], [["a\x1b[2Jb\x9b2Jc\x07d\u202ee\u200bf\x7fg"]])
    assert capsys.readouterr().out == "name\na [2Jb 2Jc d e f g\n"


@pytest.mark.parametrize("columns", [60, 200])
def test_a_drawn_table_obeys_no_markup_and_breaks_no_name(columns: int) -> None:
    """A name wider than the terminal is left to the terminal, and what is not shown is named."""
    table = "print_table(['n[b]ame', 'what'], [['[red]' + 'q' * 70, 'v' * 9]])"
    out = draw(f"from lnkit.cli._output import print_table; {table}", columns)
    assert "[red]" + "q" * 70 in out
    assert "n[b]ame" in out
    assert ("v" * 9 in out, "1 column left out: what" in out) == (columns == 200, columns == 60)


def draw(code: str, columns: int) -> str:
    """Run Python code on a terminal of so many columns and return what it showed."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = read_terminal(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def test_progress_is_drawn_on_a_terminal() -> None:
    code = """
import time
from lnkit.cli._progress import make_progress
progress = make_progress()
with progress.task("Comparing [x]", 4000, unit="pairs") as advance:
    for _ in range(4):
        advance(1000); time.sleep(0.15)
    progress.say("1.3 GB will be [fetched].")
"""
    shown = draw(code, 160)
    assert "Comparing [x]" in shown
    assert "of 4,000 pairs" in shown
    assert "/s" in shown
    assert "1.3 GB will be [fetched]." in shown


def test_what_counts_nothing_is_one_line_and_hides_what_is_around_it() -> None:
    code = """
import time
from lnkit.cli._progress import make_progress
from lnkit.progress import activity
progress = make_progress()
with progress.task("comparing images with timm/a_network_with_a_rather_long_name", 40000, unit="triplets") as advance:
    advance(12345)
    time.sleep(0.3)
    with activity("building the engine"):
        time.sleep(0.4)
    time.sleep(0.3)
"""
    frames = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame).strip() for frame in re.split("[\r\n]+", draw(code, 80))]
    lines = [frame for frame in frames if frame]
    kinds = [line.split()[0] for line in lines]
    assert all(len(line) <= 80 for line in lines)
    assert [kind for kind, _ in groupby(kinds)] == ["comparing", "building", "comparing"]
    assert all(re.search(r" \d s$", line) for line in lines if line.startswith("building"))
    assert any("12,345 of 40,000 triplets" in line for line in lines)


def test_activities_are_silent_in_a_library_call_and_in_a_pipe(capsys: Capture) -> None:
    make_progress()
    with activity("loading"):
        pass
    assert capsys.readouterr() == ("", "")


def test_progress_is_silent_in_a_pipe(capsys: Capture) -> None:
    progress = make_progress()
    assert isinstance(progress.progress, MessageProgress)
    with progress.task("Comparing", 2, unit="pairs") as advance:
        advance(2)
    progress.say("1.3 GB will be fetched.")
    assert capsys.readouterr() == ("", "1.3 GB will be fetched.\n")


@pytest.mark.parametrize(("options", "said"), [([], "Remark.\n"), (["-q"], "")])
def test_quiet_leaves_remarks_out(
    options: list[str], said: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = import_module("lnkit.cli.listings")
    monkeypatch.setattr(listing.list_distances, "callback", lambda **_: make_progress().say("Remark."))
    assert run([*options, "list-distances"]) == 0
    assert capsys.readouterr() == ("", said)


def all_commands(group: click.Group = cli, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command of lnkit and its plugins with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from all_commands(command, *words, name)
        else:
            yield (*words, name), command


def test_o_is_short_for_output_wherever_there_is_output() -> None:
    options = {
        words: parameter.opts
        for words, command in all_commands()
        for parameter in command.params
        if "--output" in parameter.opts or "-o" in parameter.opts
    }
    assert {("plot",), ("report",), ("reproduce",), ("results", "export"), ("published", "export")} <= set(options)
    assert [words for words, opts in options.items() if not {"-o", "--output"} <= set(opts)] == []


def test_only_results_are_compared_by_a_command_called_compare() -> None:
    assert [words for words, _ in all_commands() if words[-1] == "compare"] == [("results", "compare")]
    assert run(["place", "--help"]) == 0
