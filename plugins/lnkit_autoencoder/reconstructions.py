"""Reconstructions of test images, as a contact sheet and as single images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lnkit.training import evenly_spread, to_pixels
from lnkit_autoencoder.autoencoder import Autoencoder, blocks, reconstruct
from lnkit_autoencoder.images import Images, LabeledSet, Labels
from lnkit_autoencoder.sample import CAPTION

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext
    from lnkit.training import FeatureLoss, OutcomeBuilder

COLUMNS, PAIRS = 10, 3  # of the sheet: classes side by side, and images of each one below the other
ENLARGED_BELOW = 96  # pixels; smaller images are shown at twice their size
MOST_IMAGES = 500  # written one by one; SVHN has 26,032


def add_reconstructions(
    builder: OutcomeBuilder,
    context: RunContext,
    network: Autoencoder,
    data: LabeledSet,
    test: Images,
    loss: FeatureLoss,
) -> None:
    """Draw the contact sheet, and write single images if the user wants them.

    Args:
        builder: receives files and notes.
        context: of the run.
        network: the trained autoencoder.
        data: the data set.
        test: its test images that are used.
        loss: computes features for an encoder of features.
    """
    if context.protocol.target == "features":
        builder.notes.append(f"{data.name} has no reconstructions: the decoder makes features, not images")
        return
    _add_sheet(builder, network, data, test, loss, CAPTION if context.sample else "")
    if not context.keep_images:
        return
    if len(test) > MOST_IMAGES:
        builder.notes.append(
            f"{data.name}: the first {MOST_IMAGES} of {len(test):,} reconstructions are kept as images"
        )
    for items in blocks(np.arange(min(len(test), MOST_IMAGES))):
        pixels = to_pixels(reconstruct(network, test, items, loss))
        for item, image in zip(items, pixels, strict=True):
            builder.add_image(f"images/{data.name}/{item:05d}.png", image)


def _add_sheet(
    builder: OutcomeBuilder, network: Autoencoder, data: LabeledSet, test: Images, loss: FeatureLoss, caption: str
) -> None:
    """Draw test images above their reconstructions, a column for each class."""
    shown = shown_items(data.test_labels[test.chosen])
    columns = [data.classes[label] for label in shown]
    rows = []
    for number in range(min(len(items) for items in shown.values())):
        items = np.array([of_class[number] for of_class in shown.values()])
        rows.append((f"image {number + 1}", list(to_pixels(test.take(items)))))
        rows.append(("reconstruction", list(to_pixels(reconstruct(network, test, items, loss)))))
    height = data.side * 2 if data.side < ENLARGED_BELOW else data.side
    builder.add_sheet(f"{data.name}-reconstructions.png", columns, rows, height, caption)


def shown_items(labels: Labels) -> dict[int, list[int]]:
    """Return {class: numbers of its first images} for ten classes at most, spread evenly over all."""
    present = np.unique(labels)
    chosen = present[evenly_spread(len(present), COLUMNS)]
    return {int(label): np.flatnonzero(labels == label)[:PAIRS].tolist() for label in chosen}
