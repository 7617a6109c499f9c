"""`lnkit distance`, as a user runs it, on files of many kinds."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kill_at_event import KILLED, until_event
from PIL import Image

from lnkit.cli import cli, run
from lnkit.distances.comparer import ImageComparer
from lnkit.pairs.unfinished import open_unfinished
from lnkit.stats import mean_interval

PIXELS = ("--loss", "pixel:image, squared")  # the mean squared difference of values in [0, 1]
Capture = pytest.CaptureFixture[str]


def save(path: Path, seed: int, size: tuple[int, int] = (24, 16), mode: str = "RGB", **options: Any) -> Path:
    """An image of noise; the same seed, the same image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def squares(first: Path, second: Path) -> float:
    one, other = (np.asarray(Image.open(path).convert("RGB")) / 255 for path in (first, second))
    return float(((one - other) ** 2).mean())


def measured(capsys: Capture, *arguments: str | Path, loss: tuple[str, ...] = PIXELS) -> dict[str, Any]:
    code = run(["distance", *map(str, arguments), *loss, "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return json.loads(printed.out)


def refused(capsys: Capture, code: int, *arguments: str | Path, loss: tuple[str, ...] = PIXELS) -> str:
    assert run(["distance", *map(str, arguments), *loss]) == code
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert printed.out == ""
    return printed.err


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Five pairs in two folders with a sub-folder, in two sizes; the last has another format on the other side."""
    for index, name in enumerate(("a.png", "b.png", "sub/a.png", "sub/deep/c.png", "d.png")):
        size = (24, 16) if index < 3 else (20, 20)
        save(tmp_path / "one" / name, index, size)
        save(tmp_path / "two" / name.replace("d.png", "d.bmp"), 10 + index, size)
    return tmp_path / "one", tmp_path / "two"


def test_two_images_and_the_same_image_twice(capsys: Capture, tmp_path: Path) -> None:
    first, second = save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 2)
    (pair,) = measured(capsys, first, second)["pairs"]
    assert pair["distance"] == pytest.approx(squares(first, second), rel=1e-5)
    assert (pair["width"], pair["height"]) == (24, 16)
    assert measured(capsys, first, first)["mean"] == 0


def test_the_table_of_two_folders_with_the_mean_and_its_interval(capsys: Capture, folders: tuple[Path, Path]) -> None:
    one, two = folders
    assert run(["distance", str(one), str(two), *PIXELS]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["a.png", "b.png", "d.png", "sub/a.png", "sub/deep/c.png"]
    values = [squares(one / name, two / name.replace("d.png", "d.bmp")) for name in names]
    assert [line.split() for line in lines[1:6]] == [[n, f"{v:.5g}"] for n, v in zip(names, values, strict=True)]
    low, high = mean_interval(np.array(values)) or (0, 0)
    assert f"Mean of 5 pairs: {np.mean(values):.5g}, 95 % interval {low:.5g} to {high:.5g}" in lines
    assert "Loss: pixel:image, squared" in lines
    assert any("fewer than 14" in line for line in lines)


def test_one_reference_and_a_folder(capsys: Capture, folders: tuple[Path, Path]) -> None:
    reference = save(folders[0].parent / "reference.png", 7)
    folder = folders[1] / "sub"
    (folder / "deep" / "c.png").unlink()
    (pair,) = measured(capsys, reference, folder)["pairs"]
    assert (pair["name"], pair["distance"]) == ("a.png", pytest.approx(squares(reference, folder / "a.png"), rel=1e-5))
    (swapped,) = measured(capsys, folder, reference)["pairs"]
    assert swapped["first"] == pair["second"]


def test_a_list_relative_to_its_folder_with_and_without_titles(capsys: Capture, tmp_path: Path) -> None:
    first, second = save(tmp_path / "in" / "=a,1.png", 1), save(tmp_path / "in" / "b.png", 2)
    lines = {"plain.csv": '"\'=a,1.png",b.png\n\n', "titled.csv": 'id,Second,first\n1,b.png,"=a,1.png"\n'}
    for name, text in lines.items():
        (tmp_path / "in" / name).write_text(text)
        (pair,) = measured(capsys, "--pairs", tmp_path / "in" / name)["pairs"]
        assert pair["distance"] == pytest.approx(squares(first, second), rel=1e-5)
        assert pair["first"] == str(first)
    (tmp_path / "in" / "three.csv").write_text("a.png,b.png,c.png\n")
    assert "got 3" in refused(capsys, 2, "--pairs", tmp_path / "in" / "three.csv")
    (tmp_path / "in" / "none.csv").write_text("\n")
    assert "no lines" in refused(capsys, 2, "--pairs", tmp_path / "in" / "none.csv")
    assert "is missing" in refused(capsys, 1, "--pairs", tmp_path / "missing.csv")


def test_images_without_a_partner_are_named_and_left_out_on_demand(capsys: Capture, folders: tuple[Path, Path]) -> None:
    save(folders[0] / "alone.png", 3)
    save(folders[1] / "sub" / "other.png", 3)
    message = refused(capsys, 2, *folders)
    assert "2 images have no partner" in message
    assert "alone.png" in message
    assert "other.png" in message
    assert "--skip-unpaired" in message
    assert len(measured(capsys, *folders, "--skip-unpaired")["pairs"]) == 5
    assert "--pairs" in refused(capsys, 2, folders[0] / "sub" / "deep", folders[1] / "sub", "--skip-unpaired")


def test_names_of_two_formats_are_no_pair_if_there_are_several(capsys: Capture, tmp_path: Path) -> None:
    for name in ("one/a.png", "two/a.bmp", "two/a.tif"):
        save(tmp_path / name, 1)
    assert "3 images have no partner" in refused(capsys, 2, tmp_path / "one", tmp_path / "two")


def test_wrong_calls(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden.png").touch()
    (tmp_path / "empty" / "notes.txt").touch()
    image = save(tmp_path / "a.png", 1)
    assert "has no images" in refused(capsys, 2, image, tmp_path / "empty")
    assert "does not exist" in refused(capsys, 2, image, tmp_path / "b.png")
    assert "--pairs FILE" in refused(capsys, 2, image)
    assert "--pairs FILE" in refused(capsys, 2, image, image, "--pairs", tmp_path / "list.csv")
    assert "one of the two" in refused(capsys, 2, image, image, "--backbone", "alexnet")
    assert "belong to --backbone" in refused(capsys, 2, image, image, "--point", "late")
    assert "one of the two" in refused(capsys, 2, image, image, "--crop", "--resize", "8")
    assert "--map-max belongs" in refused(capsys, 2, image, image, "--map-max", "1")
    assert "No loss of another project" in refused(capsys, 2, image, image, loss=("--loss", "lpips-resnet"))
    assert "Did you mean" in refused(capsys, 2, image, image, loss=("--backbone", "alexnett"))
    both = ("--loss", "alexnet:late, l1 + vgg11:late, l1", "--weights", str(image))
    assert "The loss has several backbones" in refused(capsys, 2, image, image, loss=both)
    absent = ("--backbone", "alexnet", "--weights", "absent.pth")
    assert "absent.pth" in refused(capsys, 1, image, image, loss=absent)


def test_damaged_fine_and_too_large_images_are_named(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = save(tmp_path / "a.png", 1)
    (tmp_path / "broken.png").write_bytes(image.read_bytes()[:60])
    assert "broken.png is not a readable image" in refused(capsys, 1, image, tmp_path / "broken.png")
    Image.fromarray(np.zeros((16, 24), np.uint16)).save(tmp_path / "fine.png")
    assert "Expected an 8-bit image" in refused(capsys, 1, image, tmp_path / "fine.png")
    monkeypatch.setenv("LNKIT_MAX_PIXELS", "100")
    assert "LNKIT_MAX_PIXELS=384" in refused(capsys, 1, image, image)


def test_gray_alpha_and_turned_images(capsys: Capture, tmp_path: Path) -> None:
    color, gray = save(tmp_path / "a.png", 1), save(tmp_path / "gray.png", 2, mode="L")
    found = measured(capsys, color, gray)
    assert found["mean"] == pytest.approx(squares(color, gray), rel=1e-5)
    assert "mode L became RGB" in found["notes"][0]
    alpha = save(tmp_path / "alpha.png", 3, mode="RGBA")
    Image.open(alpha).convert("RGB").save(tmp_path / "opaque.png")
    assert measured(capsys, alpha, tmp_path / "opaque.png")["mean"] == 0
    for kind in ("png", "tif"):  # upright, both are alike: one is stored turned, and says so
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.open(color).transpose(Image.Transpose.ROTATE_90).save(tmp_path / f"turned.{kind}", exif=exif)
        (pair,) = measured(capsys, color, tmp_path / f"turned.{kind}")["pairs"]
        assert (pair["distance"], pair["width"], pair["height"]) == (0, 24, 16)


def test_sizes_that_differ_are_refused_resized_or_cut(capsys: Capture, tmp_path: Path) -> None:
    small, large = save(tmp_path / "s.png", 1, (24, 16)), save(tmp_path / "l.png", 2, (30, 20))
    message = refused(capsys, 1, small, large)
    assert "24 x 16 pixels in" in message
    assert "30 x 20 in" in message
    assert "--resize first" in message
    assert "--crop" in message
    Image.open(large).resize((24, 16), Image.Resampling.BICUBIC).save(tmp_path / "r.png")
    assert measured(capsys, small, large, "--resize", "first")["mean"] == pytest.approx(
        squares(small, tmp_path / "r.png"), rel=1e-5
    )
    Image.open(large).crop((3, 2, 27, 18)).save(tmp_path / "c.png")
    cut = measured(capsys, small, large, "--crop")
    assert cut["mean"] == pytest.approx(squares(small, tmp_path / "c.png"), rel=1e-5)
    assert cut["notes"] == ["the images were cut around the center."]
    for size, shape in (("12", [12, 12]), ("9x7", [9, 7])):
        (pair,) = measured(capsys, small, large, "--resize", size)["pairs"]
        assert [pair["width"], pair["height"]] == shape
    for wrong in ("0", "9x", "first!", "-3", "99999"):
        assert "Expected --resize" in refused(capsys, 2, small, large, f"--resize={wrong}")


def test_the_options_of_a_backbone_are_those_of_a_loss(capsys: Capture, folders: tuple[Path, Path]) -> None:
    images = folders[0] / "d.png", folders[1] / "d.bmp"
    options = ("--backbone", "pixel", "--point", "image", "--normalization", "imagenet", "--distance", "l1")
    by_options = measured(capsys, *images, loss=options)
    assert by_options["loss"] == "pixel(normalization=imagenet):image, l1"
    assert measured(capsys, *images, loss=("--loss", by_options["loss"]))["mean"] == by_options["mean"]
    assert measured(capsys, *images, loss=("--loss", "pixel:image"))["loss"] == "pixel:image, spatial"
    file = folders[0].parent / "loss.toml"
    file.write_text('[[term]]\nbackbone = "pixel"\npoints = "image"\n')
    named = ("--loss", str(file), "--distance", "squared")
    assert measured(capsys, *images, loss=named)["mean"] == measured(capsys, *images)["mean"]


def test_the_batch_size_changes_rounding_only(capsys: Capture, tmp_path: Path) -> None:
    for index in range(5):
        save(tmp_path / "one" / f"{index}.png", index, (64, 64))
        save(tmp_path / "two" / f"{index}.png", 10 + index, (64, 64))
    loss = ("--backbone", "squeezenet1_1", "--point", "early", "--weights", "random")
    found = [
        [pair["distance"] for pair in measured(capsys, tmp_path / "one", tmp_path / "two", *extra, loss=loss)["pairs"]]
        for extra in ((), ("--batch-size", "1"), ("--batch-size", "2"))
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-5)
    assert found[2] == pytest.approx(found[0], rel=1e-5)
    assert len(set(found[0])) == 5


def test_names_of_others_do_nothing(capsys: Capture, tmp_path: Path) -> None:
    name = "=1+1\n[red]\x1b[2J\udcff.png"
    for index, folder in enumerate(("one", "two")):
        save(tmp_path / folder / "x.png", index).rename(tmp_path / folder / name)
    table = tmp_path / "table.csv"
    assert run(["distance", str(tmp_path / "one"), str(tmp_path / "two"), *PIXELS, "--csv", str(table)]) == 0
    printed = capsys.readouterr()
    assert "=1+1 [red] [2J\\xff.png" in printed.out
    assert "\x1b" not in printed.out + table.read_text()
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 1
    assert not rows[0]["first"].startswith("=")
    (pair,) = measured(capsys, tmp_path / "one", tmp_path / "two")["pairs"]
    assert pair["name"].startswith("=1+1\n[red]")


def test_links_to_images_count_and_links_to_folders_do_not(capsys: Capture, tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", 1)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "link.png").symlink_to(image)
        (tmp_path / folder / "loop").symlink_to(tmp_path / folder, target_is_directory=True)
    assert [pair["name"] for pair in measured(capsys, tmp_path / "one", tmp_path / "two")["pairs"]] == ["link.png"]
    (tmp_path / "one" / "dead.png").symlink_to(tmp_path / "nowhere.png")
    save(tmp_path / "two" / "dead.png", 2)
    assert "dead.png is missing" in refused(capsys, 1, tmp_path / "one", tmp_path / "two")


def test_maps_lie_beside_the_pictures(capsys: Capture, folders: tuple[Path, Path], tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    measured(capsys, *folders, "--map", maps)
    assert sorted(str(file.relative_to(maps)) for file in maps.rglob("*.png")) == [
        *("a.png.png", "b.png.png", "d.png.png", "sub/a.png.png", "sub/deep/c.png.png")
    ]
    picture = np.asarray(Image.open(maps / "a.png.png"))
    one, two = (np.asarray(Image.open(folder / "a.png")) for folder in folders)
    zoom = 16  # the shorter side, 16 pixels, becomes 256
    assert picture.shape[0] == 256 + 22
    assert (picture[: 16 * zoom : zoom, : 24 * zoom : zoom] == one).all()
    assert (picture[: 16 * zoom : zoom, 24 * zoom + 8 :][:, : 24 * zoom : zoom] == two).all()
    distances = ((one / 255 - two / 255) ** 2).mean(2)
    panel = picture[: 16 * zoom : zoom, 2 * (24 * zoom + 8) :][:, : 24 * zoom : zoom].astype(int)
    assert panel[np.unravel_index(distances.argmax(), distances.shape)].tolist() == [0xFD, 0xE7, 0x25]
    green = panel[..., 1].ravel()  # it grows with the distance
    assert (np.diff(green[np.argsort(distances.ravel())]) >= 0).all()


def test_what_maps_cannot_be(capsys: Capture, folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert "among the images" in refused(capsys, 2, *folders, "--map", folders[1] / "maps")
    statistics = ("--loss", "pixel:image, gram")
    assert "has no map" in refused(capsys, 2, *folders, "--map", tmp_path / "maps", loss=statistics)
    assert not (tmp_path / "maps").exists()
    (tmp_path / "file").touch()
    assert "Cannot write" in refused(capsys, 1, *folders, "--map", tmp_path / "file" / "maps")


def test_the_table_is_complete_and_nothing_else_is_left(
    capsys: Capture, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    table = tmp_path / "out" / "table.csv"
    found = measured(capsys, *folders, "--csv", table)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [float(row["distance"]) for row in rows] == [pair["distance"] for pair in found["pairs"]]
    assert [row["first"] for row in rows] == [pair["first"] for pair in found["pairs"]]
    assert [file.name for file in table.parent.iterdir()] == ["table.csv"]
    assert measured(capsys, "--pairs", table)["mean"] == found["mean"]  # absolute paths: it reads its own table
    assert "Cannot write" in refused(capsys, 1, *folders, "--csv", tmp_path / "absent" / "table.csv")


def interrupt_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let the comparison of a further batch fail; the function returned says how many were compared."""
    whole, done = ImageComparer.compare, []

    def compare(self: ImageComparer, *images: Any) -> Any:
        if len(done) == batches:
            raise RuntimeError("pulled the plug")
        done.append(1)
        return whole(self, *images)

    monkeypatch.setattr(ImageComparer, "compare", compare)
    return lambda: len(done)


def test_an_interrupted_run_goes_on(
    capsys: Capture, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, once = tmp_path / "table.csv", tmp_path / "once.csv"
    command = ["distance", *map(str, folders), *PIXELS, "--batch-size", "1"]
    assert run([*command, "--csv", str(once)]) == 0
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        assert run([*command, "--csv", str(table)]) == 1
    assert not table.exists()
    parts = tmp_path / "table.csv.parts"
    assert len(parts.read_text().splitlines()) == 4  # what it measures, and three distances
    with parts.open("a") as file:
        file.write('{"pair": "cut o')  # a kill while it wrote
    save(folders[0] / "a.png", 99)  # measured already, and changed since
    with monkeypatch.context() as patch:
        compared = interrupt_after(99, patch)
        assert run([*command, "--csv", str(table)]) == 0
    assert compared() == 3  # the two that were left and the changed one
    lines = zip(table.read_text().splitlines(), once.read_text().splitlines(), strict=True)
    assert [one == other for one, other in lines] == [True, False, True, True, True, True]
    assert not parts.exists()
    capsys.readouterr()


@pytest.mark.parametrize(
    "line",
    [
        '{"pair": ["a"], "distance": 1.0}',
        '{"pair": "a", "distance": "far"}',
        '{"pair": "a", "distance": NaN}',
        "[" * 9999,
    ],
)
def test_lines_of_others_in_an_unfinished_table_are_passed_over(line: str, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    begun = open_unfinished(table, ["loss"])
    assert begun is not None
    with begun.path.open("a") as file:
        file.write(f'{line}\n{{"pair": "b", "distance": 2.0}}\n')
    again = open_unfinished(table, ["loss"])
    assert again is not None
    assert again.distances == {"b": 2.0}


def test_another_loss_does_not_go_on(
    capsys: Capture, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["distance", *map(str, folders), "--batch-size", "1", "--csv", str(tmp_path / "table.csv")]
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        assert run([*command, *PIXELS]) == 1
    capsys.readouterr()
    found = measured(capsys, *command[1:], loss=("--loss", "pixel:image, l1"))
    one, two = (np.asarray(Image.open(folder / "a.png")) / 255 for folder in folders)
    assert found["pairs"][0]["distance"] == pytest.approx(np.abs(one - two).mean(), rel=1e-5)


def killable(command: list[str]) -> None:
    cli.main(command, standalone_mode=False)  # `run` keeps code from ending its process


@pytest.mark.exhaustive
def test_a_kill_at_any_moment_leaves_nothing_half_written(
    capsys: Capture, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = ["distance", *map(str, folders), *PIXELS, "--batch-size", "1", "--map", str(out / "maps")]
    assert run([*command, "--csv", str(tmp_path / "once.csv")]) == 0
    for number in range(1, 200):
        code = until_event(number, out, lambda: killable([*command, "--csv", str(out / "table.csv")]))
        for file in out.rglob("[!.]*.png"):
            Image.open(file).load()
        if (out / "table.csv").exists():
            assert (out / "table.csv").read_text() == (tmp_path / "once.csv").read_text()
        if code != KILLED:
            break
    assert code == 0
    assert number > 5
    assert sorted(file.name for file in out.iterdir()) == ["maps", "table.csv"]


def test_the_pair_of_lpips_has_the_value_of_its_package(capsys: Capture, real_data: Callable[[str], Path]) -> None:
    lpips = pytest.importorskip("lpips")
    from safetensors.torch import load_file

    weights, example = real_data("weights/squeezenet1_1.safetensors"), real_data("lpips_example")
    theirs = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False).eval()
    trained = load_file(weights)
    for name, value in theirs.net.named_parameters():  # "slice2.3.squeeze.weight" is torchvision's "features.3..."
        value.data.copy_(trained[f"features.{name.partition('.')[2]}"])
    images = {
        name: torch.from_numpy(np.array(Image.open(example / f"{name}.png"))).permute(2, 0, 1)[None] / 127.5 - 1
        for name in ("ref", "p0", "p1")
    }
    with torch.no_grad():
        expected = {f"{name}.png": theirs(images["ref"], images[name]).item() for name in images}
    found = measured(capsys, example / "ref.png", example, loss=("--loss", "lpips-squeeze", "--weights", str(weights)))
    assert {pair["name"]: pair["distance"] for pair in found["pairs"]} == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert expected["p0.png"] > expected["p1.png"] > 0.1
