"""The hyperparameters of a training as options of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lnkit.commands import FiniteRange

if TYPE_CHECKING:
    from lnkit_earlystop.recipes import Recipe

Command = TypeVar("Command", bound=Callable[..., Any])

MOST = 10**6  # of what is counted: epochs, images in a batch
POSITIVE, NOT_NEGATIVE = FiniteRange(min=0, min_open=True), FiniteRange(min=0)
FRACTION = FiniteRange(min=0, max=1, max_open=True)

OPTIONS = (
    click.option("--epochs", type=FiniteRange(0, MOST, min_open=True), help="Length of the schedule in epochs."),
    click.option("--lr", type=POSITIVE, help="Peak learning rate for the batch size of the recipe (scaled to yours)."),
    click.option("--weight-decay", type=NOT_NEGATIVE, help="Weight decay."),
    click.option("--dropout", type=FRACTION, help="Dropout before the head, in ViTs also in every block."),
    click.option("--label-smoothing", type=FRACTION, help="Label smoothing."),
    click.option("--central-crop", type=FiniteRange(min=0, max=1, min_open=True),
                 help="Use this fraction of the side in the middle, in place of random crops."),
    click.option("--noise", type=NOT_NEGATIVE, help="Largest deviation of Gaussian noise on images in [0, 1]."),
    click.option("--autoaugment/--no-autoaugment", default=None, help="ImageNet's AutoAugment policy."),
)  # fmt: skip
FIELDS = ("epochs", "lr", "weight_decay", "dropout", "label_smoothing", "central_crop", "noise", "autoaugment")


def recipe_options(command: Command) -> Command:
    """Add an option for each hyperparameter; the defaults are those of the family."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def recipe_with(recipe: Recipe, options: dict[str, Any]) -> Recipe:
    """Return the recipe with the options that the user has set."""
    return replace(recipe, **{name: options[name] for name in FIELDS if options.get(name) is not None})
