"""Formats, depths, orientations and sizes of images: decoded rightly, or refused by name."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import EpsImagePlugin, Image, ImageFile

from lnkit.data.pack.decode import read_image, read_rgb
from lnkit.errors import DataError, UsageError

Pixels = NDArray[np.uint8]

PIXELS = np.random.default_rng(16).integers(0, 256, (6, 8, 3), dtype=np.uint8)
ANY = Path("x.png")


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def pixels_of(data: bytes) -> Pixels:
    return np.asarray(read_rgb(data, ANY)[0])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(bits: int, channels: int, sample_format: int = 1) -> bytes:
    """Two by two black pixels, uncompressed."""
    data = bytes(4 * channels * bits // 8)
    kind, photometric = 3, 2 if channels == 3 else 1
    arrays = struct.pack("<8H", *[bits] * 4, *[sample_format] * 4) + data
    tags = [(256, 1, 2), (257, 1, 2), (258, channels, 0), (259, 1, 1), (262, 1, photometric), (273, 1, 0)]
    tags += [(277, 1, channels), (278, 1, 2), (279, 1, len(data)), (339, channels, 0)]
    after = 8 + 2 + 12 * len(tags) + 4
    offsets = {258: after, 273: after + 16, 339: after + 8}
    alone = {258: bits, 339: sample_format}  # one value stands in the tag itself
    entries = b"".join(
        struct.pack("<HHII", tag, kind, count, alone[tag] if tag in alone and count == 1 else offsets.get(tag, value))
        for tag, count, value in tags
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + arrays


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_promised_formats_are_known_by_content(form: str) -> None:
    np.testing.assert_array_equal(pixels_of(encoded(Image.fromarray(PIXELS), form)), PIXELS)


@pytest.mark.parametrize(("form", "options"), [("JPEG", {"quality": 100}), ("WEBP", {"quality": 100})])
def test_promised_formats_that_lose(form: str, options: dict[str, int]) -> None:
    smooth = np.broadcast_to(np.arange(0, 256, 32, dtype=np.uint8)[:, None], (6, 8, 3)).copy()
    decoded = pixels_of(encoded(Image.fromarray(smooth), form, **options))
    assert np.abs(decoded.astype(int) - smooth).max() <= 4


def test_a_gif_of_one_frame() -> None:
    palette = (PIXELS // 128 * 255).astype(np.uint8)  # eight colors, so that a palette holds them
    np.testing.assert_array_equal(pixels_of(encoded(Image.fromarray(palette), "GIF")), palette)


@pytest.mark.parametrize("form", ["EPS", "JPEG2000", "ICO", "DIB", "DDS", "PCX", "SGI", "ICNS"])
def test_other_formats_are_named_and_not_opened(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.fromarray(PIXELS), form)

    def no(*arguments: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setitem(Image.OPEN, form, (no, Image.OPEN[form][1]))
    with pytest.raises(DataError, match=rf"Expected an image as PNG, JPEG, .* or PPM, got {form}: x\.png\. Convert"):
        read_rgb(data, ANY)


def test_an_eps_starts_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *arguments, **options: started.append(arguments))
    with pytest.raises(DataError, match="got EPS"):
        read_rgb(encoded(Image.fromarray(PIXELS), "EPS"), ANY)
    assert started == []


@pytest.mark.parametrize(
    ("color", "channels", "says"), [(0, 1, "I;16"), (2, 3, "16 bits"), (4, 2, "16 bits"), (6, 4, "16 bits")]
)
def test_sixteen_bits_in_a_png(color: int, channels: int, says: str) -> None:
    """Values of a camera of 12 bits: the high byte alone leaves 16 of 4,096 steps."""
    row = b"\0" + struct.pack(f">{2 * channels}H", *[4095] * 2 * channels)
    with pytest.raises(DataError, match=rf"Expected an 8-bit image, got .*{says}"):
        read_rgb(png(2, 2, 16, color, row * 2), ANY)


@pytest.mark.parametrize(("bits", "channels"), [(16, 1), (16, 3)])
def test_sixteen_bits_in_a_tiff(bits: int, channels: int) -> None:
    with pytest.raises(DataError, match="Expected an 8-bit image"):
        read_rgb(tiff(bits, channels), ANY)


def test_eight_bits_in_the_same_tiff() -> None:
    np.testing.assert_array_equal(pixels_of(tiff(8, 3)), np.zeros((2, 2, 3)))


def test_signed_values_in_a_tiff() -> None:
    """Pillow takes -1 for 255."""
    with pytest.raises(DataError, match="unsigned"):
        read_rgb(tiff(8, 1, sample_format=2), ANY)


@pytest.mark.parametrize("largest", [256, 4095, 65535])
@pytest.mark.parametrize("magic", [b"P3", b"P5", b"P6"])
def test_more_than_eight_bits_in_a_ppm(magic: bytes, largest: int) -> None:
    body = b" ".join([b"%d" % largest] * 12) if magic == b"P3" else struct.pack(">12H", *[largest] * 12)
    with pytest.raises(DataError, match="Expected an 8-bit image"):
        read_rgb(magic + b" 2 2 %d\n" % largest + body, ANY)


def test_a_ppm_of_another_maximum_is_scaled() -> None:
    values = [0, 1, 7, 50, 99, 100, 100, 25, 10, 75, 3, 60]
    expected = np.array([round(value * 255 / 100) for value in values]).reshape(2, 2, 3)
    np.testing.assert_array_equal(pixels_of(b"P6 2 2 100\n" + bytes(values)), expected)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_fewer_bits_fill_the_range(bits: int) -> None:
    most = 2**bits - 1
    row = [0, most, most // 2, most]
    packed = int("".join(f"{value:0{bits}b}" for value in row).ljust(-(-4 * bits // 8) * 8, "0"), 2)
    data = png(4, 1, bits, 0, b"\0" + packed.to_bytes(-(-4 * bits // 8), "big"))
    np.testing.assert_array_equal(pixels_of(data)[0, :, 0], [value * 255 // most for value in row])


STORED: dict[int, Callable[[Pixels], Pixels]] = {  # EXIF 2.3, 4.6.4: where the first row and the first column are
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_images_are_upright(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](PIXELS)))
    options = {"lossless": True} if form == "WEBP" else {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
    decoded = pixels_of(encoded(stored, form, exif=exif, **options))
    assert decoded.shape == PIXELS.shape
    assert np.abs(decoded.astype(int) - PIXELS).max() <= (8 if form == "JPEG" else 0)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01"]
)
def test_damaged_metadata_leave_an_image_as_it_is(exif: bytes) -> None:
    image = Image.fromarray(PIXELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of corrupt EXIF data
        np.testing.assert_array_equal(pixels_of(encoded(image, "JPEG", exif=exif)), pixels_of(encoded(image, "JPEG")))


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_frames_are_refused(form: str) -> None:
    first, second = Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1].copy())
    with pytest.raises(DataError, match=f"Expected one image, got a {form} with several frames"):
        read_rgb(encoded(first, form, save_all=True, append_images=[second]), ANY)


def test_a_photograph_with_a_preview_is_its_first_picture() -> None:
    first, second = Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1].copy())
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    np.testing.assert_array_equal(pixels_of(data), pixels_of(encoded(first, "JPEG")))


HUGE = png(14_000, 13_000, 1, 0, b"\0" * 8)  # 182 million pixels, as its header says


def test_a_huge_image_says_how_large_and_how_to_allow_it() -> None:
    with pytest.raises(DataError, match=r"too large: it has 14,000 x 13,000 pixels, 182 million, .*=182000000\."):
        read_rgb(HUGE, ANY)


def test_the_limit_of_pixels_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.fromarray(PIXELS), "PNG")
    monkeypatch.setenv("LNKIT_MAX_PIXELS", "48")
    np.testing.assert_array_equal(pixels_of(data), PIXELS)
    monkeypatch.setenv("LNKIT_MAX_PIXELS", "47")
    with pytest.raises(DataError, match="too large: it has 8 x 6 pixels"):
        read_rgb(data, ANY)
    monkeypatch.setenv("LNKIT_MAX_PIXELS", "many")
    with pytest.raises(UsageError, match=r"Expected a number of pixels in LNKIT_MAX_PIXELS, .* got 'many'"):
        read_rgb(data, ANY)


def test_a_large_image_that_is_allowed_gives_no_warning() -> None:
    """Pillow warns from 89 million pixels on; warnings are errors here."""
    image, mode = read_rgb(encoded(Image.new("1", (9500, 9500)), "PNG"), ANY)
    assert (image.size, mode) == ((9500, 9500), "1")


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_an_image_without_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="is not a readable image"):
        read_rgb(png(*size, 8, 2, b""), ANY)


def test_a_long_strip() -> None:
    assert pixels_of(encoded(Image.new("L", (1, 65_500)), "PNG")).shape == (65_500, 1, 3)


def test_a_png_that_holds_far_more_than_its_pixels() -> None:
    """100 MB of zeros behind four pixels are not unpacked."""
    rows = b"".join(b"\0" + bytes(6) for _ in range(2)) + bytes(100_000_000)
    np.testing.assert_array_equal(pixels_of(png(2, 2, 8, 2, rows)), np.zeros((2, 2, 3)))


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_text_that_expands_too_much(kind: bytes) -> None:
    bomb = chunk(kind, b"key\0\0" + zlib.compress(bytes(100_000_000)))
    with pytest.raises(DataError, match="not a readable image"):
        read_rgb(png(2, 2, 8, 2, b"\0" * 14, bomb), ANY)


def test_bytes_after_a_jpeg_do_not_matter() -> None:
    data = encoded(Image.fromarray(PIXELS), "JPEG")
    np.testing.assert_array_equal(pixels_of(data + b"more" * 100), pixels_of(data))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"])
def test_an_image_that_is_cut_short(form: str) -> None:
    data = encoded(Image.fromarray(np.tile(PIXELS, (20, 20, 1))), form)
    with pytest.raises(DataError, match=r"x\.png is not a readable image"):
        read_rgb(data[: len(data) // 2], ANY)


def test_pillow_is_not_to_fill_in_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(DataError, match="LOAD_TRUNCATED_IMAGES is set"):
        read_rgb(encoded(Image.fromarray(PIXELS), "PNG"), ANY)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "dangling.png").symlink_to("nowhere")
    found = {"fifo": "got a FIFO", "device": "got a device", "folder": "got a folder", "dangling": "is missing"}
    for name, says in found.items():
        with pytest.raises(DataError, match=says):
            read_image(tmp_path / f"{name}.png")


def test_a_palette_with_transparency_gives_no_warning() -> None:
    palette = Image.fromarray((PIXELS // 128 * 255).astype(np.uint8)).convert("P")
    np.testing.assert_array_equal(
        pixels_of(encoded(palette, "PNG", transparency=bytes(range(100)))), np.asarray(palette.convert("RGB"))
    )
