"""`lnkit earlystop`: train small-image networks. Each command is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

# name -> (module with a click command `command`, its line in the help)
COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("lnkit_earlystop.cli.train", "Train a small-image network, and score every checkpoint."),
    "score": ("lnkit_earlystop.cli.score", "Score the checkpoints of a run, and find the best."),
    "sweep": ("lnkit_earlystop.cli.sweep", "Train once for each value of a hyperparameter."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=_LazyGroup)
def earlystop() -> None:
    """Train small-image networks, and score every checkpoint."""
