"""`invariance` on plain pixels: every distance and score against own arithmetic, and the cases that have one answer."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from realdata import RealData

import lnkit
from lnkit.plugins.load import default_registry
from lnkit.results.rescore import rescore
from lnkit_invariance.changes import APPLY
from lnkit_invariance.protocol import MARGIN, SUBTLE, InvarianceProtocol
from lnkit_invariance.scores import _weighted_medians, score_all

SIZE = 24
SIDE = SIZE + 2 * MARGIN  # images of this size have one position for a crop
PIXEL = {"backbone": "pixel", "bench": "invariance", "engine": "eager", "device": "cpu"}
INSIDE = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]

Pixels = np.ndarray[Any, Any]


def evaluated(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> lnkit.FinishedRun:
    changes = {"size": str(SIZE), "crops": "1"} | (overrides or {})
    (finished,) = lnkit.evaluate(**PIXEL | {"data": root, "overrides": changes} | options)
    return finished


def values_of(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> dict[str, float]:
    return {name: score.value for name, score in evaluated(root, overrides, **options).record.scores.items()}


def stored(finished: lnkit.FinishedRun) -> dict[str, Pixels]:
    """The distances that the run stored beside its record."""
    return dict(np.load(finished.folder / "distances.npz"))


def full_scores(finished: lnkit.FinishedRun) -> Any:
    """Scores with their numbers of images, which a record does not have."""
    return score_all(stored(finished), InvarianceProtocol(size=SIZE), 0).scores


def texture(seed: int, coarse: int = 4) -> Pixels:
    """Random blocks that are enlarged smoothly, with fine noise: neither change is always the larger one."""
    rng = np.random.default_rng(seed)
    blocks = Image.fromarray(rng.integers(0, 256, (SIDE // coarse, SIDE // coarse, 3), dtype=np.uint8))
    smooth = np.asarray(blocks.resize((SIDE, SIDE), Image.Resampling.BICUBIC), float)
    return (smooth + rng.normal(0, 3 * (seed % 3), smooth.shape)).clip(0, 255).round().astype(np.uint8)


def write(root: Path, images: dict[str, Pixels]) -> None:
    for name, image in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / name)


def own_blur(image: Pixels, deviation: float) -> Pixels:
    """Gaussian by its definition, cut at three deviations, on the pixels inside the margin."""
    radius = int(3 * deviation + 0.5)
    offsets = range(-radius, radius + 1)
    weights = np.exp(-0.5 * (np.array(offsets) / deviation) ** 2)
    weights /= weights.sum()
    total = np.zeros((SIZE, SIZE, 3))
    for i, dy in enumerate(offsets):
        for j, dx in enumerate(offsets):
            rows, columns = (slice(MARGIN + d, MARGIN + d + SIZE) for d in (dy, dx))
            total += weights[i] * weights[j] * image[rows, columns]
    return np.floor(total + 0.5)


def own_jpeg(image: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(image[INSIDE]).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), float)


def own_change(image: Pixels, change: str, strength: float) -> Pixels:
    inside = image[INSIDE].astype(float)
    if change == "shift":
        return np.roll(image, int(strength), axis=1)[INSIDE].astype(float)
    if change == "brightness":
        return np.minimum(np.round(inside * (1 + strength)), 255)  # halves to even numbers
    if change == "jpeg":
        return own_jpeg(image, round(100 - strength))
    if change == "blur":
        return own_blur(image, strength)
    return np.flip(inside, axis=1)


def own_distance(first: Pixels, second: Pixels) -> float:
    return float((((first.astype(float) - second) / 255) ** 2).mean())


STRENGTHS = {"shift": (1, 2, 4), "brightness": (0.02, 0.05, 0.1), "jpeg": (5, 25, 50), "blur": (0.5, 1, 2)}


@pytest.fixture(scope="module")
def images() -> dict[str, Pixels]:
    return {f"{number}.png": texture(number, coarse) for number, coarse in enumerate((2, 3, 4, 6, 8, 10, 20))}


def test_scores_are_those_of_own_arithmetic(tmp_path: Path, images: dict[str, Pixels]) -> None:
    write(tmp_path, images)
    values = values_of(tmp_path)
    visible = np.array([own_distance(image[INSIDE], own_blur(image, 2)) for image in images.values()])
    for change, strengths in STRENGTHS.items():
        distances = np.array(
            [[own_distance(i[INSIDE], own_change(i, change, s)) for s in strengths] for i in images.values()]
        )
        rising = np.mean([(row[k + 1] > row[k]) for row in distances for k in (0, 1)])
        assert values[f"monotonic/{change}"] == pytest.approx(rising), change
        if change != "blur":
            assert values[f"ratio/{change}"] == pytest.approx(np.median(distances[:, 0] / visible), rel=2e-5), change
            name = "shift_outranks_blur" if change == "shift" else f"outranks_blur/{change}"
            assert values[name] == pytest.approx(np.mean(distances[:, 0] > visible)), change
    assert 0 < values["shift_outranks_blur"] < 1, "the images tell both cases apart"
    mirrored = np.array([own_distance(i[INSIDE], own_change(i, "mirror", 0)) for i in images.values()])
    assert values["ratio/mirror"] == pytest.approx(np.median(mirrored / visible), rel=2e-5)
    names = ("shift", "rotation", "scale", "brightness", "jpeg", "noise", "blur")
    assert values["monotonic"] == pytest.approx(np.mean([values[f"monotonic/{name}"] for name in names]))


def test_turning_and_enlarging_move_a_wave_as_geometry_says() -> None:
    """A smooth image is known between its pixels: what it is after a turn or an enlargement is computed."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2

    def wave(y: Pixels, x: Pixels) -> Pixels:
        return 128 + 60 * np.sin(0.3 * x + 0.1 * y)

    image = np.repeat(wave(rows, columns)[..., None], 3, axis=2).round().astype(np.uint8)
    angle, factor = np.radians(2.0), 1.04
    turned = wave(np.cos(angle) * rows + np.sin(angle) * columns, -np.sin(angle) * rows + np.cos(angle) * columns)
    enlarged = wave(rows / factor, columns / factor)
    draw = np.random.default_rng(0)
    for change, strength, expected in (("rotation", 2.0, turned), ("scale", factor, enlarged)):
        made = APPLY[change](image, strength, draw).astype(float)
        assert np.abs(made[..., 0] - expected[INSIDE]).max() <= 1.6, change
        assert np.abs(image[INSIDE][..., 0] - expected[INSIDE]).max() > 5, change


def test_noise_has_its_deviation_and_the_same_pattern_at_every_strength() -> None:
    image = np.full((SIDE * 4, SIDE * 4, 3), 128, np.uint8)
    weak, strong = (APPLY["noise"](image, s, np.random.default_rng(1)).astype(float) - 128 for s in (4.0, 16.0))
    assert weak.std() == pytest.approx(4, rel=0.03)
    assert strong.std() == pytest.approx(16, rel=0.03)
    assert np.corrcoef(weak.ravel(), strong.ravel())[0, 1] > 0.99


def test_a_shift_that_changes_no_pixel_scores_zero(tmp_path: Path) -> None:
    """Stripes along the shift: the network sees nothing, so the ratio is 0 and strengths have no order."""
    rng = np.random.default_rng(0)
    stripes = {f"{n}.png": np.repeat(rng.integers(0, 256, (SIDE, 1, 3), np.uint8), SIDE, axis=1) for n in range(4)}
    write(tmp_path, stripes)
    scores = evaluated(tmp_path).record.scores
    assert scores["ratio/shift"].value == scores["shift_outranks_blur"].value == scores["ratio/mirror"].value == 0
    assert scores["monotonic/shift"].value == 0.5
    assert scores["ratio/shift"].interval is None
    assert scores["monotonic/blur"].value == 1


def family(root: Path, rows: int, seed: int = 0) -> list[list[Pixels]]:
    """Triplets in BAPPS's layout, the reference of each two rows the same; gives ref, p0 and p1 of each row."""
    rng = np.random.default_rng(seed)
    triplets = []
    for row in range(rows):
        reference = texture(row // 2, 4)
        images = [
            (reference + rng.normal(0, 6, reference.shape)).clip(0, 255).round().astype(np.uint8) for _ in range(2)
        ]
        triplets.append([reference, *images])
        for column, image in zip(("ref", "p0", "p1"), triplets[-1], strict=True):
            write(root, {f"2afc/val/own/{column}/{row:06d}.png": image})
        (root / "2afc/val/own/judge").mkdir(exist_ok=True)
        np.save(root / f"2afc/val/own/judge/{row:06d}.npy", np.array([0.5], np.float32))
    return triplets


@pytest.mark.parametrize("change", ["shift", "brightness", "jpeg", "mirror"])
def test_changed_decisions_are_those_of_own_arithmetic(tmp_path: Path, change: str) -> None:
    triplets = family(tmp_path, 20)
    finished = evaluated(tmp_path)
    scores = full_scores(finished)
    strength = STRENGTHS.get(change, (0,))[0]
    counts = dict.fromkeys(("one", "both", "reference"), 0.0)
    for triplet in triplets:
        reference, first, second = (image[INSIDE].astype(float) for image in triplet)
        changed = [own_change(image, change, strength) for image in triplet]

        def second_is_closer(r: Pixels, a: Pixels, b: Pixels) -> bool:
            return own_distance(r, b) < own_distance(r, a)

        before = second_is_closer(reference, first, second)
        counts["one"] += (second_is_closer(reference, changed[1], second) != before) / 2
        counts["one"] += (second_is_closer(reference, first, changed[2]) != before) / 2
        counts["both"] += second_is_closer(reference, changed[1], changed[2]) != before
        counts["reference"] += second_is_closer(changed[0], first, second) != before
    for where, count in counts.items():
        score = scores[f"decisions_changed/{where}/{change}"]
        assert score.value == pytest.approx(count / 20), where
        assert (score.n, score.cases) == (20, 10), "two triplets share a reference"
    assert scores["shift_outranks_blur"].n == 10, "each reference once"
    every = [scores[f"decisions_changed/{where}/{name}"].value for where in counts for name in SUBTLE]
    assert scores["decisions_changed"].value == pytest.approx(np.mean(every))


def test_a_median_over_samples_is_the_median_of_repeated_values() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=9), rng.integers(0, 4, (50, 9)).astype(float)
    weights[:, 0] += 1
    expected = [np.median(np.repeat(values, row.astype(int))) for row in weights]
    assert _weighted_medians(values, weights) == pytest.approx(np.array(expected))


def test_intervals_hold_images_and_not_crops(tmp_path: Path, images: dict[str, Pixels]) -> None:
    """Crops of an image are copies here: more of them make no interval narrower."""
    write(tmp_path, images)
    one, four = (full_scores(evaluated(tmp_path, {"crops": crops})) for crops in ("1", "4"))
    for name in ("shift_outranks_blur", "monotonic", "ratio/shift"):
        assert four[name].n == 4 * one[name].n
        assert four[name].cases == one[name].cases == len(images)
        if one[name].interval:
            assert four[name].interval == pytest.approx(one[name].interval, rel=0.02), name
    assert one["ratio/shift"].interval[0] < one["ratio/shift"].value < one["ratio/shift"].interval[1]


def test_scores_come_out_the_same_from_stored_distances(tmp_path: Path) -> None:
    family(tmp_path, 6)
    finished = evaluated(tmp_path)
    again = rescore(finished.record, stored(finished), default_registry())
    assert again == {name: score.value for name, score in finished.record.scores.items()}


def test_scores_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    family(tmp_path, 6)
    assert values_of(tmp_path, batch_size=1, force=True) == pytest.approx(values_of(tmp_path, batch_size=7, force=True))


def test_a_network_for_which_nothing_moves_has_no_score() -> None:
    arrays = {f"change/{name}": np.zeros((3, 3)) for name in STRENGTHS} | {"visible_blur": np.zeros(3)}
    outcome = score_all(arrays | {"image": np.array(["a", "b", "c"])}, InvarianceProtocol(), 0)
    assert not outcome.scores
    assert outcome.notes == ("left out, since the visible blur changes nothing: 3 crops",)


@pytest.mark.exhaustive
def test_the_flaw_shows_on_real_weights(real_data: RealData) -> None:
    """A pixel moves SqueezeNet's first point as far as the blur does, and deeper ones less far."""
    weights = str(real_data("weights/squeezenet1_1.safetensors"))
    early, mid = lnkit.evaluate("squeezenet1_1", "early,mid", "invariance", weights=weights, engine="eager")
    assert early.record.scores["shift_outranks_blur"].value > 0.4 > 0.1 > mid.record.scores["shift_outranks_blur"].value
