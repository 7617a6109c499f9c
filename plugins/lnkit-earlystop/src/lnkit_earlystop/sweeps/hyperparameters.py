"""The hyperparameters of sweeps, and the command line of the training for each value. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import lnkit
from lnkit_earlystop.networks.architecture import Architecture, parse


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """A hyperparameter that Kumar2022 sweeps over."""

    title: str
    values: tuple[str, ...]  # by default
    option: str = ""  # of `lnkit earlystop train`: "--weight-decay"
    change: Callable[[Architecture, str], Architecture] | None = None  # for a property of the architecture
    more: tuple[str, ...] = ()  # further words of the command line, the same for every value
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of values that are no argument of the option
    by_family: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # default values that differ
    ranked: bool = False  # whether it needs a ranking of the classes


def _width(architecture: Architecture, value: str) -> Architecture:
    return replace(architecture, width=float(value))


def _depth(architecture: Architecture, value: str) -> Architecture:
    if architecture.family == "vit":
        return replace(architecture, blocks=int(value))
    if architecture.family == "efficientnet":
        return replace(architecture, depth_factor=float(value))
    return replace(architecture, variant=str(int(value)))


def _skip(architecture: Architecture, value: str) -> Architecture:
    if value not in ("yes", "no"):
        raise ValueError(value)
    return replace(architecture, skip=value == "yes")


CLASSES = ("50", "100", "200", "500", "900")  # 50 to 900: Kumar2022, 8.4 and App. E; those in between are ours
HYPERPARAMETERS = {
    # Kumar2022, section 6. Its text does not give the values of most sweeps; where no other source is named, they are
    # ours. Its "train epochs" are the checkpoints of one training, which `lnkit earlystop train` draws.
    "epochs": Hyperparameter("length of the training", ("1", "2", "5", "10", "20", "50", "90"), "--epochs"),
    "width": Hyperparameter(
        "width factor",
        ("0.25", "0.5", "1", "2", "4"),  # .25 and 1 are its best for ResNets
        change=_width,
        by_family={
            "vit": ("0.06", "0.12", "0.25", "0.5", "1"),  # .06 and .12 are its best for ViTs
            "efficientnet": ("0.1", "0.25", "0.5", "1"),  # ours; App. I: best at an "extremely small width"
        },
    ),
    "depth": Hyperparameter(
        "depth",
        ("2", "3", "4", "5", "6", "10", "18", "34", "50", "101", "152", "200"),  # 2 to 10: section 5; 6 to 200: 4
        change=_depth,
        by_family={
            "vit": ("2", "4", "6", "9", "12"),  # 2 blocks are its best
            "efficientnet": ("0.1", "0.25", "0.5", "1"),  # ours, factors; App. I: best at an "extremely small" depth
        },
    ),
    "central_crop": Hyperparameter(
        "central crop in place of random crops",
        ("random", "1", "0.75", "0.5"),  # the fractions are ours
        "--central-crop",
        words={"random": ()},
    ),
    "weight_decay": Hyperparameter(
        "weight decay",
        ("0", "1e-5", "1e-4", "1e-3", "1e-2"),
        "--weight-decay",
        by_family={"vit": ("0", "0.03", "0.1", "0.3", "1")},
    ),
    "dropout": Hyperparameter("dropout", ("0", "0.2", "0.4", "0.6", "0.8"), "--dropout"),
    "label_smoothing": Hyperparameter("label smoothing", ("0", "0.1", "0.2", "0.4", "0.6"), "--label-smoothing"),
    # Kumar2022, App. D. For the recipe's batch size; ours.
    "lr": Hyperparameter(
        "peak learning rate",
        ("0.01", "0.03", "0.1", "0.3", "1"),
        "--lr",
        by_family={
            "vit": ("1e-4", "3e-4", "1e-3", "3e-3", "1e-2"),
            "efficientnet": ("0.016", "0.032", "0.064", "0.128", "0.256"),
        },
    ),
    # Kumar2022, App. G, which has the four noise factors; 0 is the training without noise.
    "noise": Hyperparameter("Gaussian noise factor", ("0", "0.1", "0.2", "0.5", "1"), "--noise"),
    "autoaugment": Hyperparameter(
        "AutoAugment", ("no", "yes"), words={"no": ("--no-autoaugment",), "yes": ("--autoaugment",)}
    ),
    # Kumar2022, 8.4, and App. E for the easiest and the hardest.
    "classes_random": Hyperparameter("classes at random", CLASSES, "--classes", more=("--classes-by", "random")),
    "classes_top": Hyperparameter("easiest classes", CLASSES, "--classes", more=("--classes-by", "top"), ranked=True),
    "classes_bottom": Hyperparameter(
        "hardest classes", CLASSES, "--classes", more=("--classes-by", "bottom"), ranked=True
    ),
    # Kumar2022, 8.5.
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
    if value in hyperparameter.words:
        return [architecture.name, *hyperparameter.words[value]]
    if hyperparameter.option:
        return [architecture.name, hyperparameter.option, value, *hyperparameter.more]
    try:
        if hyperparameter.change is None:
            raise ValueError(value)
        changed = hyperparameter.change(architecture, value)
    except ValueError:
        examples = ", ".join(sweep_values(name, architecture))
        raise lnkit.UsageError(f"Expected a value of {name}, such as {examples}, got {value!r}.") from None
    return [parse(changed.name).name]


def sweep_values(name: str, architecture: Architecture, chosen: Sequence[str] = ()) -> list[str]:
    """Return the values to sweep over, each once: the chosen ones, or the defaults for the architecture."""
    hyperparameter = HYPERPARAMETERS[name]
    return list(dict.fromkeys(chosen)) or list(hyperparameter.by_family.get(architecture.family, hyperparameter.values))
