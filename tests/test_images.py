"""Contact sheets: every image in its place, at one height, with captions that stay in theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from lnkit.results import images
from lnkit.results.images import GAP, LINE, save_contact_sheet

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def flat(color: tuple[int, int, int], height: int = 20, width: int = 20) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def written(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def boxes(sheet: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of all pixels of this color; they must fill their box."""
    hit = (sheet == color).all(2)
    rows, columns = np.flatnonzero(hit.any(1)), np.flatnonzero(hit.any(0))
    assert hit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def test_images_stand_in_rows_and_columns_at_one_height(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    save_contact_sheet(
        path, ["a", "b"], [("one", [flat(RED), flat(GREEN, 40, 80)]), ("two", [flat(BLUE), flat(RED)])], 60
    )
    sheet = written(path)
    green, blue = boxes(sheet, GREEN), boxes(sheet, BLUE)
    assert green[:2] == (LINE + GAP, LINE + GAP + 60)
    assert green[3] - green[2] == 120  # keeps its shape
    assert blue[:2] == (LINE + 2 * GAP + 60, LINE + 2 * GAP + 120)
    assert blue[3] + GAP == green[2]
    assert sheet.shape[1] == green[3] + GAP


def test_small_images_keep_their_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    save_contact_sheet(tmp_path / "sheet.png", [""], [("", [pixels])], height=64)
    sheet = written(tmp_path / "sheet.png")[LINE + GAP : LINE + GAP + 64, 2 * GAP : 2 * GAP + 64]
    np.testing.assert_array_equal(sheet, pixels.repeat(8, 0).repeat(8, 1))


def test_large_images_are_smoothed(tmp_path: Path) -> None:
    pixels = (np.indices((200, 200)).sum(0) % 2 * 255).astype(np.uint8)  # a checkerboard becomes gray
    save_contact_sheet(tmp_path / "sheet.png", [""], [("", [pixels])], height=50)
    middle = written(tmp_path / "sheet.png")[LINE + GAP + 10 : LINE + GAP + 40, 2 * GAP + 10 : 2 * GAP + 40]
    assert abs(middle.astype(int) - 127).max() < 8


def test_gray_images_are_taken(tmp_path: Path) -> None:
    save_contact_sheet(tmp_path / "sheet.png", ["mask"], [("", [np.full((30, 30), 200, np.uint8)])], height=30)
    assert boxes(written(tmp_path / "sheet.png"), (200, 200, 200))[:2] == (LINE + GAP, LINE + GAP + 30)


def test_captions_are_drawn_and_shortened_to_their_column(tmp_path: Path) -> None:
    texts = ["a caption that is far too long for a column of so few pixels", ""]
    save_contact_sheet(tmp_path / "sheet.png", texts, [("", [flat(RED), flat(GREEN)])], height=80)
    sheet = written(tmp_path / "sheet.png")
    dark = (sheet[:LINE] < 128).all(2).any(0)
    left, right = boxes(sheet, RED)[2:]
    assert dark[left:right].any()
    assert not dark[right:].any()


def test_shortening_marks_what_is_cut_off() -> None:
    font = ImageFont.load_default(size=14)
    short = images._shortened("abcdefghijklmnopqrstuvwxyz", font, 80)
    assert short.endswith("...")
    assert font.getlength(short) <= 80
    assert font.getlength(images._shortened("abcdefghijklmnopqrstuvwxyz", font, 400)) <= 400
    assert images._shortened("ab", font, 80) == "ab"
    assert images._shortened("ab", font, 1) == ""


def test_a_caption_is_wrapped_below_the_rows_and_stays_on_the_sheet(tmp_path: Path) -> None:
    rows = [("", [flat(RED, 80, 80), flat(GREEN, 80, 80)])]
    heights = {}
    for caption in ("", "one", "SAMPLE of several photographs", "SAMPLE of several photographs " + "w" * 99):
        save_contact_sheet(tmp_path / "sheet.png", ["", ""], rows, height=80, caption=caption)
        sheet = written(tmp_path / "sheet.png")
        foot = (sheet[LINE + 2 * GAP + 80 :] < 128).all(2)
        assert bool(foot.any()) == bool(caption)
        assert not foot[:, -GAP:].any()
        heights[caption] = len(foot) // LINE
    assert list(heights.values()) == [0, 1, 2, 3]


def test_a_sheet_without_rows_has_captions(tmp_path: Path) -> None:
    save_contact_sheet(tmp_path / "sheet.png", ["a", "b"], [])
    assert (written(tmp_path / "sheet.png") < 128).any()


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([flat(RED)], "Expected 2 images in the row 'row', got 1"),
        ([flat(RED), np.zeros((4, 4, 3))], "8-bit image .* got float64"),
        ([flat(RED), np.zeros((4, 4, 4), np.uint8)], r"got uint8 of shape \(4, 4, 4\)"),
        ([flat(RED), np.zeros((0, 4, 3), np.uint8)], r"got uint8 of shape \(0, 4, 3\)"),
        ([flat(RED), np.zeros(4, np.uint8)], r"got uint8 of shape \(4,\)"),
    ],
)
def test_what_is_no_row_of_images_is_refused_and_nothing_written(
    tmp_path: Path, images: list[np.ndarray], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        save_contact_sheet(tmp_path / "sheet.png", ["a", "b"], [("row", images)])
    assert not list(tmp_path.iterdir())
