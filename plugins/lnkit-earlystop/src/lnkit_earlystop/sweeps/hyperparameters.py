"""The hyperparameters of sweeps, and the command line of the training for each value. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import lnkit
from lnkit_earlystop.networks.architecture import Architecture, parse


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """A hyperparameter that Kumar2022 sweeps over (section 5)."""

    title: str
    values: tuple[str, ...]  # by default; our choice. () where they depend on the data
    option: str = ""  # of `lnkit earlystop train`: "--weight-decay"
    change: Callable[[Architecture, str], Architecture] | None = None  # for a property of the architecture
    more: tuple[str, ...] = ()  # further words of the command line, the same for every value


def _width(architecture: Architecture, value: str) -> Architecture:
    return replace(architecture, width=float(value))


def _depth(architecture: Architecture, value: str) -> Architecture:
    if architecture.family == "vit":
        return replace(architecture, blocks=int(value))
    return replace(architecture, variant=str(int(value)))


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


def command_words(name: str, value: str, architecture: Architecture) -> list[str]:
    """Return the words after `lnkit earlystop train` for one value.

    Args:
        name: of the hyperparameter.
        value: of it, as the user writes it.
        architecture: to train.

    Raises:
        lnkit.UsageError: the value does not fit the hyperparameter, or the architecture cannot be built with it.
    """
    hyperparameter = HYPERPARAMETERS[name]
    if name == "autoaugment":
        if value not in ("yes", "no"):
            raise lnkit.UsageError(f"Expected yes or no for autoaugment, got {value!r}.")
        return [architecture.name, "--autoaugment" if value == "yes" else "--no-autoaugment"]
    if hyperparameter.change is None:
        return [architecture.name, hyperparameter.option, value, *hyperparameter.more]
    try:
        changed = hyperparameter.change(architecture, value)
    except ValueError:
        examples = ", ".join(hyperparameter.values)
        raise lnkit.UsageError(f"Expected a value of {name}, such as {examples}, got {value!r}.") from None
    return [parse(changed.name).name]


def sweep_values(name: str, chosen: Sequence[str]) -> list[str]:
    """Return the values to sweep over, each once: the chosen ones, or the defaults.

    Raises:
        lnkit.UsageError: none are chosen, and there are no defaults.
    """
    values = list(dict.fromkeys(chosen)) or list(HYPERPARAMETERS[name].values)
    if not values:
        raise lnkit.UsageError(f"A sweep over {name} needs numbers of classes, such as --values 10,20,50.")
    return values
