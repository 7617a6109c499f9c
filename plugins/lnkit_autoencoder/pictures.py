"""What the decoder makes of test images, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lnkit.results.images import contact_sheet, keep_image
from lnkit_autoencoder.autoencoder import Autoencoder, blocks, reconstruct
from lnkit_autoencoder.images import Images, LabeledSet, Labels

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext
    from lnkit.training.task import FeatureLoss

COLUMNS, PAIRS = 10, 3  # of the overview: classes side by side, and images of each one below the other
ENLARGED_BELOW = 96  # pixels; smaller images are shown at twice their size
MOST_IMAGES = 500  # that are written one by one; SVHN has 26,032

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB


def keep_pictures(
    context: RunContext, network: Autoencoder, data: LabeledSet, test: Images, loss: FeatureLoss
) -> tuple[dict[str, Path], list[str]]:
    """Draw the overview, and write the single images if the user wants them; return the files, and notes on them."""
    if context.protocol.target == "features":
        return {}, [f"{data.name} has no picture: the decoder makes features, not images"]
    files = _overview(context.folder, network, data, test, loss)
    if not context.keep_images:
        return files, []
    cut = f"{data.name}: the first {MOST_IMAGES} of {len(test):,} reconstructions are kept as images"
    notes = [cut] if len(test) > MOST_IMAGES else []
    return files | _single_images(context.folder, network, data, test, loss), notes


def _overview(folder: Path, network: Autoencoder, data: LabeledSet, test: Images, loss: FeatureLoss) -> dict[str, Path]:
    """Test images above their reconstructions, a column for each class."""
    shown = shown_items(data.test_labels[test.chosen])
    columns = [data.classes[label] for label in shown]
    rows = []
    for number in range(min(len(items) for items in shown.values())):
        items = np.array([of_class[number] for of_class in shown.values()])
        rows.append((f"image {number + 1}", to_pixels(test.take(items))))
        rows.append(("reconstruction", to_pixels(reconstruct(network, test, items, loss))))
    name = f"{data.name}-reconstructions.png"
    height = data.side * 2 if data.side < ENLARGED_BELOW else data.side
    contact_sheet(folder / name, columns, rows, height)
    return {name: folder / name}


def shown_items(labels: Labels) -> dict[int, list[int]]:
    """{class: numbers of its first images}, for at most ten classes spread evenly over those that are there."""
    present = np.unique(labels)
    count = min(COLUMNS, len(present))
    chosen = present[np.arange(count) * len(present) // count]
    return {int(label): np.flatnonzero(labels == label)[:PAIRS].tolist() for label in chosen}


def _single_images(
    folder: Path, network: Autoencoder, data: LabeledSet, test: Images, loss: FeatureLoss
) -> dict[str, Path]:
    """The reconstructions of the first test images, each as a PNG."""
    files: dict[str, Path] = {}
    for items in blocks(np.arange(min(len(test), MOST_IMAGES))):
        pixels = to_pixels(reconstruct(network, test, items, loss))
        for item, image in zip(items, pixels, strict=True):
            files |= keep_image(folder, f"images/{data.name}/{item:05d}.png", image)
    return files


def to_pixels(images: Tensor) -> list[Pixels]:
    """8-bit images (H, W, 3) of images (N, 3, H, W) in [0, 1], rounded to the nearest step."""
    eight_bit = (images.clamp(0, 1) * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
    return list(eight_bit)
