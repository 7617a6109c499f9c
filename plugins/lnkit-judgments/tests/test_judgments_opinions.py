"""`tid2013` and `kadid10k`: data in the exact layouts, scored as scipy scores plain pixels, and every fault named."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats

import lnkit
from lnkit import DataError, UsageError
from lnkit.data.fetch.checksums import file_sha256
from lnkit.distances.comparer import ImageComparer
from lnkit.errors import LnkitError
from lnkit.evaluation.shards import Shards, reference_groups
from lnkit.plugins.load import default_registry
from lnkit.results.rescore import rescore

pytest.importorskip("lnkit_judgments")

from lnkit.datasets import image_files as files_module, kadid10k, tid2013
from lnkit_judgments.opinions import run as run_module

SIZE = (16, 12)  # width and height, shaped as the originals are
REFERENCES, TYPES, LEVELS = 3, (1, 8, 24), 3
PIXEL = {"backbone": "pixel", "engine": "eager", "device": "cpu"}

Array = np.ndarray[Any, Any]


def pixels(seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def made() -> dict[tuple[int, int, int], tuple[Array, Array, float]]:
    """(reference, type, level) -> reference image, distorted image, opinion."""
    rng = np.random.default_rng(1)
    found = {}
    for reference in range(1, REFERENCES + 1):
        for kind in TYPES:
            for level in range(1, LEVELS + 1):
                noise = rng.normal(0, 12 * level + kind, (SIZE[1], SIZE[0], 3))
                image = np.clip(pixels(reference) + noise, 0, 255).astype(np.uint8)
                found[reference, kind, level] = (
                    pixels(reference),
                    image,
                    round(float(np.clip(4.6 - 0.5 * level - 0.05 * kind + rng.normal(0, 0.4), 1, 5)), 5),
                )
    return found


def make_tid2013(root: Path) -> Path:
    """As published: reference_images/I01.BMP, distorted_images/i01_01_1.bmp, mos_with_names.txt."""
    (root / "reference_images").mkdir(parents=True)
    (root / "distorted_images").mkdir()
    lines = []
    for (reference, kind, level), (original, image, opinion) in made().items():
        name = f"i{reference:02d}_{kind:02d}_{level}.bmp"
        Image.fromarray(original).save(root / "reference_images" / f"I{reference:02d}.BMP")
        Image.fromarray(image).save(root / "distorted_images" / name)
        lines.append(f"{opinion:.5f} {name}\r\n")
    (root / "mos_with_names.txt").write_text("".join(lines))
    return root


def make_kadid10k(root: Path) -> Path:
    """As published: images/I01.png and images/I01_01_01.png, dmos.csv with dist_img,ref_img,dmos,var."""
    (root / "images").mkdir(parents=True)
    lines = ["dist_img,ref_img,dmos,var\n"]
    for (reference, kind, level), (original, image, opinion) in made().items():
        name = f"I{reference:02d}_{kind:02d}_{level:02d}.png"
        Image.fromarray(original).save(root / "images" / f"I{reference:02d}.png")
        Image.fromarray(image).save(root / "images" / name)
        lines.append(f"{name},I{reference:02d}.png,{opinion:.5f},0.5\n")
    (root / "dmos.csv").write_text("".join(lines))
    return root


MAKERS: dict[str, Callable[[Path], Path]] = {"tid2013": make_tid2013, "kadid10k": make_kadid10k}
BOTH = pytest.mark.parametrize("bench", MAKERS)


def evaluated(bench: str, root: Path, overrides: dict[str, str] | None = None, **options: Any) -> lnkit.FinishedRun:
    changes = {"resamples": "20"} | (overrides or {})
    (finished,) = lnkit.evaluate(**PIXEL | {"bench": bench, "data": root, "overrides": changes} | options)
    return finished


def scores_of(bench: str, root: Path, overrides: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    return dict(evaluated(bench, root, overrides, **options).record.scores)


def mean_squared_differences() -> tuple[Array, Array]:
    """Distances and opinions of all images, from numpy alone."""
    pairs = [(((a / 255.0 - b / 255.0) ** 2).mean(), opinion) for a, b, opinion in made().values()]
    return np.array([d for d, _ in pairs]), np.array([opinion for _, opinion in pairs])


@BOTH
def test_scores_are_scipys_on_plain_pixels(bench: str, tmp_path: Path) -> None:
    distance, opinion = mean_squared_differences()
    scores = scores_of(bench, MAKERS[bench](tmp_path / "data"))
    for name, correlation in (("srcc", stats.spearmanr), ("krcc", stats.kendalltau), ("plcc", stats.pearsonr)):
        assert scores[name].value == pytest.approx(correlation(-distance, opinion).statistic, abs=1e-6)
        assert scores[name].n == 27
        low, high = scores[name].interval
        assert low < scores[name].value < high
        of_blur = np.array([kind == {"tid2013": 8, "kadid10k": 1}[bench] for _, kind, _ in made()])
        expected = correlation(-distance[of_blur], opinion[of_blur]).statistic
        assert scores[f"{name}/gaussian_blur"].value == pytest.approx(expected, abs=1e-6)
        assert scores[f"{name}/gaussian_blur"].n == 9
    assert scores["srcc"].value > 0.3  # nearness and quality rise together: higher is better
    assert scores["plcc_logistic"].value >= scores["plcc"].value
    types = {"tid2013": ("additive_gaussian_noise", "gaussian_blur", "sparse_sampling_and_reconstruction")}
    types["kadid10k"] = ("gaussian_blur", "color_saturation_2", "high_sharpen")
    assert {name for name in scores if name.startswith("srcc/")} == {f"srcc/{kind}" for kind in types[bench]}


def test_the_types_are_those_that_were_published() -> None:
    assert (len(tid2013.TYPES), len(set(tid2013.TYPES)), len(kadid10k.TYPES), len(set(kadid10k.TYPES))) == (
        24,
        24,
        25,
        25,
    )
    assert (tid2013.TYPES[0], tid2013.TYPES[9], tid2013.TYPES[15], tid2013.TYPES[22]) == (
        "additive_gaussian_noise",
        "jpeg",
        "mean_shift",
        "chromatic_aberrations",
    )
    assert (kadid10k.TYPES[2], kadid10k.TYPES[9], kadid10k.TYPES[17], kadid10k.TYPES[20]) == (
        "motion_blur",
        "jpeg",
        "mean_shift",
        "pixelate",
    )


def rename_all(folder: Path, change: Callable[[str], str]) -> None:
    for path in list(folder.iterdir()):
        path.rename(path.with_name(change(path.name)))


def in_small_letters(root: Path) -> None:
    rename_all(root / "reference_images", str.lower)


def in_capitals(root: Path) -> None:
    for name in ("reference_images", "distorted_images"):
        rename_all(root / name, str.upper)
    rename_all(root, lambda name: name.upper() if (root / name).is_dir() else name)


def listed_in_capitals(root: Path) -> None:
    path = root / "mos_with_names.txt"
    path.write_text(path.read_text().replace("i", "I").replace(".bmp", ".BMP"))


def with_one_in_another_case(root: Path) -> None:
    """As in a copy that is around: the last reference is i25.bmp among I01.BMP and so on."""
    (root / "reference_images" / "I03.BMP").rename(root / "reference_images" / "i03.bmp")


def one_folder_deeper(root: Path) -> None:
    names = list(root.iterdir())
    (root / "tid2013").mkdir()
    for path in names:
        path.rename(root / "tid2013" / path.name)


@pytest.mark.parametrize(
    "change", [in_small_letters, in_capitals, listed_in_capitals, with_one_in_another_case, one_folder_deeper]
)
def test_copies_of_tid2013_differ_in_case_and_are_the_same_data(change: Callable[[Path], None], tmp_path: Path) -> None:
    usual = evaluated("tid2013", make_tid2013(tmp_path / "usual")).record
    change(make_tid2013(tmp_path / "copy"))
    copy = evaluated("tid2013", tmp_path / "copy").record
    assert copy.scores == usual.scores
    assert copy.key == usual.key


def test_the_order_of_lines_means_nothing(tmp_path: Path) -> None:
    usual = evaluated("tid2013", make_tid2013(tmp_path / "usual")).record
    path = make_tid2013(tmp_path / "copy") / "mos_with_names.txt"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))) + "\n")
    assert evaluated("tid2013", tmp_path / "copy").record.key == usual.key


@BOTH
def test_scores_hang_on_batches_only_by_rounding(bench: str, tmp_path: Path) -> None:
    root = MAKERS[bench](tmp_path / "data")
    network = {"backbone": "squeezenet1_1", "weights": "random", "points": "early"}
    whole = scores_of(bench, root, **network)
    for size in (1, 2):
        again = scores_of(bench, root, batch_size=size, force=True, **network)
        assert again.keys() == whole.keys()
        for name, score in again.items():
            assert score.value == pytest.approx(whole[name].value, abs=1e-6)


def test_images_of_one_reference_are_compared_in_groups() -> None:
    """Each distance is that of a comparison with the reference alone, whatever the other images of the group."""
    from torch import nn

    from lnkit import DistanceConfig, ExtractionPoint, LossNetwork

    network = LossNetwork(nn.Sequential(nn.Conv2d(3, 8, 3)), [ExtractionPoint("p", "0")])
    comparer = ImageComparer(network, [("p",)], DistanceConfig(), engine="eager")
    images, steps = np.stack([pixels(seed) for seed in range(1, 8)]), []
    context: Any = SimpleNamespace(
        protocol=SimpleNamespace(distance_config=DistanceConfig),
        services=SimpleNamespace(comparer=lambda distances, items: comparer),
        store=SimpleNamespace(get_or_compute=lambda key, compute: compute()),
    )
    shards, groups = (
        Shards(context, 2, lambda count, note="": steps.append(count)),
        reference_groups(np.zeros(7, np.int64)),
    )
    np.testing.assert_array_equal(groups, [[0, 1, 2, 3, 4], [5, 6, 6, 6, 6]])
    references = np.repeat(pixels(0)[None], 2, axis=0)
    stored = shards.get_or_compute(
        "key", 7, lambda advance: {"d": shards.compare_groups(references, images, groups, advance)}
    )
    found = stored["d"].reshape(10, 1)[:7]
    alone = comparer.compare(np.repeat(pixels(0)[None], 7, axis=0), images)[:, 0]
    np.testing.assert_allclose(found, alone, rtol=1e-6)
    assert (found.shape, sum(steps)) == ((7, 1), 7)


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_tid2013(tmp_path / "data")
    monkeypatch.setattr(run_module, "SHARD", 4)
    whole = scores_of("tid2013", root, results=tmp_path / "whole")
    calls = 0
    compare = ImageComparer.compare

    def stop_at_the_fifth(self: ImageComparer, *images: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            signal.raise_signal(signal.SIGINT)  # as a person's Ctrl-C does
        return compare(self, *images, **options)

    monkeypatch.setattr(ImageComparer, "compare", stop_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        scores_of("tid2013", root, results=tmp_path / "broken")
    assert scores_of("tid2013", root, results=tmp_path / "broken") == whole
    assert calls == 9 + 1  # three shards of each reference, and the one that was interrupted


@BOTH
def test_scores_come_from_kept_distances_too(bench: str, tmp_path: Path) -> None:
    finished = evaluated(bench, MAKERS[bench](tmp_path / "data"))
    with np.load(finished.folder / "distances.npz", allow_pickle=False) as kept:
        assert kept["image"][0] == {"tid2013": "i01_01_1", "kadid10k": "i01_01_01"}[bench]
        again = rescore(finished.record, kept, default_registry())
    assert again == {name: score.value for name, score in finished.record.scores.items()}


def test_resolution_is_that_of_the_shorter_side(tmp_path: Path) -> None:
    finished = evaluated("tid2013", make_tid2013(tmp_path / "data"), {"resolution": "6"})
    original, image, _ = made()[1, 1, 1]
    small = [np.asarray(Image.fromarray(a).resize((8, 6), Image.Resampling.BICUBIC)) / 255.0 for a in (original, image)]
    with np.load(finished.folder / "distances.npz") as kept:
        assert kept["distance"][0] == pytest.approx(((small[0] - small[1]) ** 2).mean(), rel=1e-5)
    assert "|shorter side 6px,bicubic|" in finished.record.scores["srcc"].signature


def test_references_may_have_different_sizes(tmp_path: Path) -> None:
    root = make_tid2013(tmp_path / "data")
    for path in (root / "reference_images" / "I02.BMP", *(root / "distorted_images").glob("i02_*")):
        Image.open(path).resize((20, 10)).save(path)
    assert scores_of("tid2013", root)["srcc"].n == 27


def test_the_first_references_alone(tmp_path: Path) -> None:
    finished = evaluated("kadid10k", make_kadid10k(tmp_path / "data"), {"references": "2"})
    assert finished.record.scores["srcc"].n == 18
    assert "|first 2 references|" in finished.record.scores["srcc"].signature


@BOTH
def test_a_part_of_the_set_is_called_one(bench: str, tmp_path: Path) -> None:
    official = {"tid2013": "3,000", "kadid10k": "10,125"}[bench]
    labels, part, few = evaluated(bench, MAKERS[bench](tmp_path / "data")).record.notes
    assert labels == f"labels: {MOS if bench == 'tid2013' else DMOS}, higher is better"
    assert part == f"partial: 27 distorted images, and the official set has {official}"
    assert "intervals of fewer than 14 independent items" in few
    assert "srcc (3), krcc (3)" in few, "three references, whatever the number of images"


@pytest.mark.filterwarnings("error")
def test_what_does_not_vary_is_left_out_and_named(tmp_path: Path) -> None:
    root = make_tid2013(tmp_path / "data")
    path = root / "mos_with_names.txt"
    path.write_text("".join(f"5 {line.split()[1]}\n" for line in path.read_text().splitlines() if "_08_" in line))
    record = evaluated("tid2013", root).record
    assert record.scores == {}
    assert record.notes[-1].startswith("undefined, since there are too few images or nothing varies: srcc, krcc, plcc")


def test_files_are_read_for_their_identity_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_kadid10k(tmp_path / "data")
    read: list[str] = []
    monkeypatch.setattr(files_module, "file_sha256", lambda path: (read.append(path.name), file_sha256(path))[1])
    before = evaluated("kadid10k", root).record.key.data
    assert len(read) == 30
    assert evaluated("kadid10k", root).reused
    assert len(read) == 30
    Image.new("RGB", SIZE).save(root / "images" / "I01_01_01.png")
    after = evaluated("kadid10k", root).record.key.data
    assert after["images"] != before["images"]
    assert after["opinions"] == before["opinions"]
    (root / "dmos.csv").write_text((root / "dmos.csv").read_text().replace(",0.5\n", "1,0.5\n"))
    assert evaluated("kadid10k", root).record.key.data["opinions"] != before["opinions"]


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


MOS, DMOS = "mos_with_names.txt", "dmos.csv"
FAULTS = {
    "another layout": (
        "tid2013",
        remove(MOS),
        r"has none of mos_with_names.txt, meta_info_.* Expected the layout of TID",
    ),
    "missing image": ("tid2013", remove("distorted_images/i02_08_2.bmp"), r"has no i02_08_2.bmp \(1 of the 27 images"),
    "missing reference": ("tid2013", remove("reference_images/I02.BMP"), r"has no i02.bmp. .*line 10 needs it"),
    "missing folder": (
        "tid2013",
        lambda root: shutil.rmtree(root / "reference_images"),
        r"has no i01.bmp. .*line 1 needs it",
    ),
    "no opinion": ("tid2013", edit(MOS, " i01_01_2", ""), r"line 2: expected a mean opinion and a file name"),
    "no number": ("tid2013", lambda root: (root / MOS).write_text("nan i01_01_1.bmp"), r"line 1: expected a number"),
    "another name": (
        "tid2013",
        lambda root: (
            (root / MOS).write_text("5.0 cat.bmp"),
            Image.new("RGB", SIZE).save(root / "distorted_images" / "cat.bmp"),
        ),
        r"line 1: expected a file name like i01_08_3.bmp",
    ),
    "twice": (
        "tid2013",
        lambda root: (root / MOS).write_text("5.0 i01_01_1.bmp\n4.0 I01_01_1.bmp\n"),
        r"lists i01_01_1 twice",
    ),
    "two cases": (
        "tid2013",
        lambda root: [Image.new("RGB", SIZE).save(root / "reference_images" / n) for n in ("i01.Bmp", "i01.BMP")],
        r"Expected one file i01.bmp .*, got reference_images/I01.BMP and reference_images/i01.BMP. Remove",
    ),
    "nothing listed": ("tid2013", lambda root: (root / MOS).write_text("\n"), r"lists no image"),
    "broken image": (
        "tid2013",
        lambda root: (root / "distorted_images" / "i01_01_1.bmp").write_bytes(b"no"),
        r"i01_01_1.bmp is not a readable image",
    ),
    "another size": (
        "kadid10k",
        lambda root: Image.new("RGB", (9, 9)).save(root / "images" / "I01_01_02.png"),
        r"I01_01_02.png and its reference .*I01.png have different sizes: 9 x 9 and 16 x 12 pixels",
    ),
    "missing column": ("kadid10k", edit(DMOS, "dmos,", "mos,"), r"dmos.csv has no column dmos. Expected the columns"),
    "short line": ("kadid10k", edit(DMOS, ",0.5\n", "\n"), r"dmos.csv, line 2 has 3 cells, and the header has 4"),
    "another reference": ("kadid10k", edit(DMOS, "1.png,I01", "1.png,I02"), r"is listed with the reference I02.png"),
    "missing png": ("kadid10k", remove("images/I03_24_03.png"), r"has no I03_24_03.png \(1 of the 27 images that dmos"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_sentences(name: str, tmp_path: Path) -> None:
    bench, spoil, sentence = FAULTS[name]
    spoil(MAKERS[bench](tmp_path / "data"))
    with pytest.raises(DataError, match=sentence):
        scores_of(bench, tmp_path / "data")


def test_without_data_it_says_where_to_get_them() -> None:
    with pytest.raises(LnkitError, match=r"tid2013\.rar.*--data DIR.*--sample"):
        lnkit.evaluate(**PIXEL, bench="tid2013")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("fit", "cubic", "expected one of logistic5, logistic4, got 'cubic'"),
        ("references", "-1", "expected 0 or more, got -1"),
        ("resize_filter", "magic", "expected one of bilinear, bicubic, lanczos, box, nearest, got 'magic'"),
    ],
)
def test_values_that_cannot_be_honored_are_refused(tmp_path: Path, field: str, value: str, expected: str) -> None:
    with pytest.raises(UsageError, match=f"{field!r}: {expected}"):
        scores_of("tid2013", make_tid2013(tmp_path / "data"), {field: value})
