"""What can be swept over: how each value of a hyperparameter becomes a training. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import lnkit
from lnkit_earlystop.networks.architecture import Architecture, parse


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One of K's sweeps."""

    title: str
    values: tuple[str, ...]  # unless others are asked for; our choice. () where they depend on the data
    option: str = ""  # of `lnkit earlystop train`: "--weight-decay"
    change: Callable[[Architecture, str], Architecture] | None = None  # where the architecture is what changes
    more: tuple[str, ...] = ()  # further words of the command line, for every value


def _width(architecture: Architecture, value: str) -> Architecture:
    return replace(architecture, width=float(value))


def _depth(architecture: Architecture, value: str) -> Architecture:
    number = int(value)
    return (
        replace(architecture, blocks=number)
        if architecture.family == "vit"
        else replace(architecture, variant=str(number))
    )


def _skip(architecture: Architecture, value: str) -> Architecture:
    if value not in ("yes", "no"):
        raise ValueError(value)
    return replace(architecture, skip=value == "yes")


HYPERPARAMETERS = {
    "epochs": Hyperparameter("length of the training", ("1", "2", "5", "10", "20", "50", "90"), "--epochs"),
    "width": Hyperparameter("width factor", ("0.25", "0.5", "1", "2", "4"), change=_width),
    "depth": Hyperparameter("depth", ("3", "4", "5", "6", "10", "18", "34", "50"), change=_depth),
    "weight_decay": Hyperparameter("weight decay", ("0", "1e-5", "1e-4", "1e-3", "1e-2"), "--weight-decay"),
    "dropout": Hyperparameter("dropout", ("0", "0.2", "0.4", "0.6", "0.8"), "--dropout"),
    "label_smoothing": Hyperparameter("label smoothing", ("0", "0.1", "0.2", "0.4", "0.6"), "--label-smoothing"),
    "lr": Hyperparameter("peak learning rate", ("0.01", "0.03", "0.1", "0.3", "1"), "--lr"),
    "central_crop": Hyperparameter("central crop", ("0.25", "0.5", "0.75", "1"), "--central-crop"),
    "noise": Hyperparameter("Gaussian noise", ("0", "0.05", "0.1", "0.2", "0.4"), "--noise"),
    "autoaugment": Hyperparameter("AutoAugment", ("no", "yes")),
    "classes_random": Hyperparameter("classes at random", (), "--classes", more=("--classes-by", "random")),
    "classes_top": Hyperparameter("easiest classes", (), "--classes", more=("--classes-by", "top")),
    "classes_bottom": Hyperparameter("hardest classes", (), "--classes", more=("--classes-by", "bottom")),
    "skip": Hyperparameter("skip connections", ("yes", "no"), change=_skip),
}


def words_of(name: str, value: str, architecture: Architecture) -> list[str]:
    """The words after `lnkit earlystop train` for one value.

    Raises:
        lnkit.UsageError: the value is none of this hyperparameter, or the architecture cannot be built with it.
    """
    one = HYPERPARAMETERS[name]
    if name == "autoaugment":
        if value not in ("yes", "no"):
            raise lnkit.UsageError(f"autoaugment is yes or no, and {value!r} came.")
        return [architecture.name, "--autoaugment" if value == "yes" else "--no-autoaugment"]
    if one.change is None:
        return [architecture.name, one.option, value, *one.more]
    try:
        changed = one.change(architecture, value)
    except ValueError:
        raise lnkit.UsageError(
            f"{value!r} is no value of {name}; expected are such as {', '.join(one.values)}."
        ) from None
    return [parse(changed.name).name]


def values_of(name: str, asked: Sequence[str]) -> list[str]:
    """The values to sweep over, each once. Raises lnkit.UsageError where none are known."""
    values = list(dict.fromkeys(asked)) or list(HYPERPARAMETERS[name].values)
    if not values:
        raise lnkit.UsageError(
            f"A sweep over {name} needs --values, such as --values 10,20,50: how many classes to keep."
        )
    return values
