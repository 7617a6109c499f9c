"""The command line. Imports that a command needs are made when it runs, so that help and errors are fast."""

from __future__ import annotations

import gc
import io
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from lnkit._version import __version__
from lnkit.cli._output import Settings, echo, print_lines, print_sentence
from lnkit.cli._plugincommands import load_command, plugin_commands
from lnkit.cli._process import check_call, find_home, open_streams, print_messages
from lnkit.data.atomic import DISK_FULL
from lnkit.errors import LnkitError, did_you_mean, near_names
from lnkit.escapes import printable
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.guard import is_circumstance, no_early_end
from lnkit.plugins.interrupts import counted_interrupts, interrupts_received
from lnkit.plugins.output import private_stdout

if TYPE_CHECKING:
    from lnkit.plugins.entrypoints import EntryPoint

# name -> (where the command is, its line in the help); a test compares the lines with the commands' docstrings
COMMANDS = {
    "eval": ("lnkit.cli.eval:eval_command", "Score loss networks on a benchmark."),
    "search": (
        "lnkit.cli.search:search",
        "Search for the point, the mixture of points, or the loss that serves a benchmark best.",
    ),
    "sweep": ("lnkit.cli.sweep:sweep", "Run a whole study: many loss networks on many benchmarks and devices."),
    "distance": (
        "lnkit.cli.distance:distance",
        "Compare images: two files, two folders, one reference and a folder, or a list.",
    ),
    "list-backbones": ("lnkit.cli.listings:list_backbones", "List the backbones that can be cut into loss networks."),
    "list-benchmarks": (
        "lnkit.cli.listings:list_benchmarks",
        "List the benchmarks, their protocols and their scores, and the suites that they belong to.",
    ),
    "list-distances": ("lnkit.cli.listings:list_distances", "List the distances between features."),
    "points": ("lnkit.cli.points:points", "Show the extraction points of a backbone."),
    "loss": ("lnkit.cli.loss:loss", "Explain losses of several terms, and read those of other projects."),
    "attributes": ("lnkit.cli.attributes:attributes", "Compute the attributes of backbones: depth, macs, structure."),
    "results": ("lnkit.cli.results:results", "List, show, export and compare results."),
    "published": ("lnkit.cli.published:published", "Show, export and audit the published tables."),
    "analyze": ("lnkit.cli.analyze:analyze", "Rank, correlate and compare measured and published scores."),
    "place": ("lnkit.cli.place:place", "Rank own results among the published ones."),
    "recommend": ("lnkit.cli.recommend:recommend", "Recommend a loss network for a task, with reasons."),
    "plot": ("lnkit.cli.plot:plot", "Draw a figure of results and published tables."),
    "report": ("lnkit.cli.report:report", "Write a report of everything into one HTML file that needs no network."),
    "reproduce": (
        "lnkit.cli.reproduce:reproduce",
        "Compare own results with the published tables and list what is missing.",
    ),
    "data": ("lnkit.cli.data:data", "List, fetch, verify and import the data of benchmarks."),
    "weights": (
        "lnkit.cli.weights:weights",
        "List, fetch, import and locate the pretrained weights of backbones.",
    ),
    "plugins": ("lnkit.cli.plugins:plugins", "List the installed plugins, and why one failed."),
}

ALIASES = {"compare": "place"}  # commands under a second name, which help does not list


class _CarriedError(Exception):
    """Carries an exception that click would not pass on."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *self._added()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return load_command(self._added()[cmd_name]) if cmd_name in self._added() else None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, and those of plugins, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
        if added := self._added():
            with formatter.section("Commands of plugins"):
                formatter.write_dl(
                    [(printable(name), printable(f"From {entry.distribution}.")) for name, entry in added.items()]
                )

    def _added(self) -> dict[str, EntryPoint]:
        """Return the commands of plugins; none of them replaces a command of lnkit."""
        return {name: entry for name, entry in plugin_commands().items() if name not in COMMANDS}

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; carry past click what it would take for an interrupt, a closed pipe or an exit code."""
        try:
            super().invoke(ctx)  # what a command returns is no exit code
        except (EOFError, KeyboardInterrupt, OSError, SystemExit) as error:
            raise _CarriedError from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in {**COMMANDS, **ALIASES} and not args[0].startswith("-"):
            names = self.list_commands(ctx)
            if args[0] not in names:
                hint = did_you_mean(near_names(args[0], names))
                ctx.fail(f"There is no command {args[0]!r}.{hint} There are: {', '.join(names)}.")
        return super().resolve_command(ctx, args)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lnkit")
@click.option("--strict", is_flag=True, help="Stop at the first plugin that fails instead of going on without it.")
@click.option("--traceback", is_flag=True, help="Show where in the code an error arose.")
@click.option("-q", "--quiet", is_flag=True, help="Print only results, warnings and errors: no progress and no notes.")
@click.pass_context
def cli(ctx: click.Context, strict: bool, traceback: bool, quiet: bool) -> None:
    """Evaluate loss networks: pretrained networks that compare images, as a perceptual metric or as a loss."""
    ctx.obj = Settings(strict, traceback, quiet)


def main() -> NoReturn:
    """Run the command line and exit with its code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    open_streams()
    find_home()
    with private_stdout():
        print_messages()
        code = run(sys.argv[1:])
    if "torch" not in sys.modules:  # its libraries complain about objects that are left
        gc.freeze()  # a last garbage collection would take a tenth of the time of `lnkit list-backbones`
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command, print an error as a sentence, and return the exit code."""
    before = interrupts_received()
    with counted_interrupts(), no_early_end():
        try:
            check_call(arguments)
            code = cli.main(arguments, prog_name="lnkit", standalone_mode=False)
            return code if isinstance(code, int) else 0  # one that click.Context.exit() was given
        except click.exceptions.Exit as exit_:
            return exit_.exit_code
        except click.ClickException as error:
            message = io.StringIO()
            error.show(message)
            print_lines(message.getvalue(), err=True)
            return error.exit_code
        except BaseException as error:
            cause = error.__cause__ if isinstance(error, _CarriedError | click.Abort) else None
            return _end(cause or error, interrupts_received() > before, _wants_traceback(arguments))


def _end(error: BaseException, interrupted: bool, show_traceback: bool) -> int:
    """Print why a command ended early, and return its exit code.

    Args:
        error: what it raised.
        interrupted: whether a person interrupted it.
        show_traceback: whether to show where it was raised.
    """
    if isinstance(error, click.Abort) or (isinstance(error, KeyboardInterrupt) and interrupted):
        echo("", err=True)  # closes the line of a terminal's ^C
        return _print_error("Interrupted. Run the same command again to resume.", 130)
    if isinstance(error, BrokenPipeError) and _reader_has_gone():
        return _close_stdout()
    return _print_exception(error, show_traceback)


def _wants_traceback(arguments: list[str]) -> bool:
    """Return whether ``--traceback`` is among the options of lnkit itself."""
    own = arguments[: next((i for i, word in enumerate(arguments) if not word.startswith("-")), len(arguments))]
    return "--traceback" in own


def _print_exception(error: BaseException, show_traceback: bool) -> int:
    if show_traceback:
        import traceback  # noqa: PLC0415 - only with --traceback

        print_lines("".join(traceback.format_exception(error)), err=True)
    if isinstance(error, LnkitError):
        return _print_error(str(error), error.exit_code)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        where = f" while writing {error.filename}" if error.filename else ""
        return _print_error(
            f"The disk is full{where}. Free some space or choose another folder, then run the command again.", 1
        )
    if isinstance(error, OSError) and error.filename and error.strerror:
        return _print_error(f"Cannot use {error.filename} ({error.strerror}). Change it, or name another one.", 1)
    if is_circumstance(error):
        return _print_error(
            f"The memory is full ({sentence_of(error)[:200]}). Use smaller images, a smaller --batch-size, or, for a "
            "GPU's, --device cpu.",
            1,
        )
    return _print_error(f"{sentence_of(error)} (`lnkit --traceback ...` shows where this arose.)", 1)


def _print_error(sentence: str, code: int) -> int:
    print_sentence(f"Error: {sentence}" if code != 130 else sentence, err=True)
    return code


def _reader_has_gone() -> bool:
    """Whether the reader of stdout has gone (``lnkit ... | head``), and not the other end of another pipe or socket."""
    import select  # noqa: PLC0415 - only here

    poll = select.poll()
    with suppress(OSError, ValueError):  # closed, or not a file
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    return False


def _close_stdout() -> int:
    """Close stdout after its reader has gone, so that Python does not complain at exit."""
    import os  # noqa: PLC0415 - only here

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
