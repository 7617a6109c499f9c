"""The outcome of a benchmark that trains, collected step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit._text_paths import text_paths
from lnkit.benchmark import Outcome
from lnkit.results.images import Pixels, save_contact_sheet, save_image
from lnkit.results.record_files import place_of

if TYPE_CHECKING:
    from torch import nn

    from lnkit.training_task import TrainingResult


@text_paths
@dataclass
class OutcomeBuilder:
    """Collects the values, files and notes of trainings and tests, and builds the outcome of the run from them.

    Example::

        builder = OutcomeBuilder(context.folder)
        network = builder.add_training(context.services.train(task, settings))
        if network is not None:
            builder.add_values("test/", {"psnr": 24.9})  # for each item
        return builder.build(score_all(builder.arrays, context.protocol, context.seed))
    """

    folder: Path  # of the run, for files on their way to the record
    arrays: dict[str, Any] = field(default_factory=dict)  # arrays, or lists of one value per item
    files: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    collapses: list[str] = field(default_factory=list)

    def add_training(self, result: TrainingResult, name: str = "") -> nn.Module | None:
        """Add the files and notes of a training.

        Args:
            result: of the training.
            name: of the training, for notes, where a run has more than one: "x4".

        Returns:
            The best network in validation; None if the training collapsed before the first validation.
        """
        prefix = f"{name}: " if name else ""
        self.files |= result.files
        if result.collapsed:
            self.collapses.append(f"{prefix}{result.collapsed}")
        if result.network is None:
            self.notes.append(f"{prefix}no scores: the training collapsed before the first validation")
        else:
            self.notes.append(
                f"{prefix}the network after iteration {result.best_iteration:,} was the best in validation"
            )
        self.notes += result.notes
        return result.network

    def add_values(self, prefix: str, values: dict[str, float]) -> None:
        """Append the values of one item to the arrays, whose names are ``prefix`` and the key."""
        for name, value in values.items():
            self.arrays.setdefault(f"{prefix}{name}", []).append(value)

    def add_image(self, name: str, pixels: Pixels) -> None:
        """Save an 8-bit image, RGB (H, W, 3) or gray (H, W), as a PNG file: "images/set5/001.png"."""
        self.files |= save_image(self.folder, name, pixels)

    def add_sheet(
        self,
        name: str,
        columns: Sequence[str],
        rows: Sequence[tuple[str, Sequence[Pixels]]],
        height: int,
        caption: str = "",
    ) -> None:
        """Save a table of images as a PNG file; nothing without rows.

        Args:
            name: of the file: "overlay.png".
            columns: a caption for each column.
            rows: a caption and one 8-bit image for each column.
            height: of the rows, in pixels.
            caption: written below the rows; of a sample, what its images are parts of.
        """
        if rows:
            path = place_of(self.folder, name)
            save_contact_sheet(path, columns, rows, height, caption)
            self.files[name] = path

    def build(self, scored: Outcome) -> Outcome:
        """Return the scores and arrays of ``scored`` with everything else that was collected."""
        return Outcome(scored.scores, scored.arrays, tuple(self.notes), self.files, "; ".join(self.collapses))
