"""Command lines and values of protocols, at random."""

from __future__ import annotations

import random
from pathlib import Path

import click

from lnkit.cli import COMMANDS, cli

from .material import EVAL

WORDS = {"protocol values": 6, "options": 6}  # kind -> how often it is taken
VALUES = (
    "",
    "0",
    "-1",
    "1",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1e-400",
    str(10**30),
    "9" * 5000,
    "true",
    "None",
    "a,b",
    "a+b",
    "+",
    "=",
    "x" * 10_000,
    "\x1b[31m",
    "\u202e",
    "\udcff",
    "é",
    "../..",
    "/dev/null",
    "/dev/zero",
    "{}",
    "[1]",
    "%s",
    "$(id)",
    "0x10",
    "１",
    "1_0",
    "spatial",
    "lin",
    "style+sort",
    "spatial+spatial",
    "all",
    "1+3",
    "1+1",
    "64",
    "65",
    "cpu",
    "random",
    "-h",
    "--",
)
BENCHES = (
    "bapps",
    "tid2013",
    "similarity_matrix",
    "perceptual_probes",
    "superres",
    "autoencoder",
    "delineation",
    "nights",
)
FIELDS = (
    "distance",
    "channel_norm",
    "epsilon",
    "lin_weights",
    "normalization",
    "transform_input",
    "parts",
    "resolution",
    "resize_filter",
    "loss_mode",
    "batch_size",
    "lr",
    "size",
    "crop",
    "factors",
    "seed",
    "split",
    "threshold",
    "nothing",
    "",
)
UNTRIED = {"fetch", "train", "sweep", "calibrate", "new", "check"}  # they reach for the network, or take long


def random_words(kind: str, folder: Path, chance: random.Random) -> tuple[str, ...]:
    """Return a command line without NUL, which no process can be given; the folder has judged images."""
    if kind == "protocol values":
        value, field = chance.choice(VALUES), chance.choice(FIELDS)
        bench = chance.choice(BENCHES)
        words: tuple[str, ...] = (
            *EVAL,
            "--point",
            "1",
            "--bench",
            bench,
            "--data",
            f"{folder}/data",
            "--set",
            f"{field}={value}",
        )
    else:
        words = _options(chance)
    return tuple(word for word in words if "\0" not in word)


def _options(chance: random.Random) -> tuple[str, ...]:
    """Take a command, and some of its options with any values."""
    words: list[str] = []
    command: click.Command = cli
    while isinstance(command, click.Group):
        names = list(COMMANDS) if command is cli else sorted(command.commands)
        name = chance.choice([name for name in names if name not in UNTRIED] or [""])
        words.append(name)
        context = click.Context(command)
        command = command.get_command(context, name) or command
    for parameter in command.params:
        if chance.random() < 0.4 or parameter.required:
            words += _given(parameter, chance)
    return tuple(words)


def _given(parameter: click.Parameter, chance: random.Random) -> list[str]:
    if isinstance(parameter, click.Argument):
        return [chance.choice(VALUES) for _ in range(chance.choice((1, 1, 2)))]
    name = chance.choice(parameter.opts)
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [name]
    if isinstance(parameter.type, click.Choice) and chance.random() < 0.7:
        return [name, chance.choice([str(choice) for choice in parameter.type.choices])]
    if parameter.name in {"output", "results", "data", "weights"}:
        return [name, chance.choice(("{here}/results", "{here}/attacked.py", "{here}/nothing/x", "", "/dev/null"))]
    return [name, chance.choice(VALUES)]
