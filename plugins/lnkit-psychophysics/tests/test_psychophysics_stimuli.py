"""The stimuli of `psychophysics` against figures that were computed for its facts by another script."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lnkit.stats import spearman
from lnkit_psychophysics import display, human
from lnkit_psychophysics.distance import flat_angle
from lnkit_psychophysics.field import Field
from lnkit_psychophysics.scores import best_possible
from lnkit_psychophysics.stimuli import MULTIPLES, all_tests, gabor_scene, matching_scene

Array = NDArray[np.float64]

FIELD = Field()
TESTS = {test.name: test for test in all_tests()}
CONTRAST_ONLY = (0.479, 0.460, 0.530, 0.658, 0.555, 0.631, 0.509, 0.678)  # in the order of the tests
FIRST_AND_LAST = {  # distance of the image itself at the first position and multiple, and at the last
    "csf_gabor_achromatic": (2.080641e-3, 2.700638e-3),
    "csf_noise_achromatic": (3.473718e-3, 8.581862e-3),
    "csf_gabor_red_green": (1.172945e-3, 2.581338e-3),
    "csf_gabor_yellow_violet": (1.420218e-3, 1.566052e-3),
    "csf_luminance": (9.153519e-3, 1.236783e-4),
    "csf_area": (3.939910e-4, 1.832420e-4),
    "masking_phase_coherent": (2.505008e-4, 6.117928e-3),
    "masking_phase_incoherent": (2.823917e-4, 4.215764e-3),
}


def luminance(encoded: Array) -> Array:
    """Undo the encoding of the display."""
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return 400 * linear


def distance(a: Array, b: Array) -> float:
    return float(flat_angle(torch.from_numpy(a.copy())[None], torch.from_numpy(b.copy())[None]))


def test_the_display_encodes_as_computed() -> None:
    shown = display.encode(np.array([10.0, 32.0, 37.0, 100.0, 200.0, 0.1, 400.0]), 400.0)
    assert shown == pytest.approx([0.17184, 0.31330, 0.33627, 0.53710, 0.73536, 0.00323, 1.0], abs=6e-6)
    assert display.encode(np.array([800.0]), 400.0) > 1, "nothing is clipped"


def test_colors_are_those_of_the_conversion() -> None:
    assert pytest.approx([1.00011, 1.00005, 0.99980], abs=6e-6) == display.BACKGROUND_RGB
    assert display.rgb_change("achromatic") == pytest.approx([0.9265, 0.9608, 0.9403], abs=6e-5)
    assert display.rgb_change("red_green") == pytest.approx([6.4489, -2.0749, 0.1005], abs=6e-5)
    assert display.rgb_change("yellow_violet") == pytest.approx([0.1817, -0.1901, 1.0803], abs=6e-5)
    white = display.LMS_TO_DKL @ display.XYZ_TO_LMS @ display.WHITE_XYZ
    assert white == pytest.approx([1.051029, 0.003793, 0.010297], abs=6e-7)
    assert np.abs(display.XYZ_TO_LMS @ display.LMS_TO_XYZ - np.eye(3)).max() < 1e-13


@pytest.mark.parametrize(("axis", "limit"), [("red_green", 0.155), ("yellow_violet", 0.925), ("achromatic", 1.04)])
def test_contrast_leaves_the_gamut_where_computed(axis: str, limit: float) -> None:
    peak = 1.0  # that the profile of a Gabor reaches nearly
    change = display.rgb_change(axis) * peak
    reached = np.abs(display.BACKGROUND_RGB / change).min()
    assert reached == pytest.approx(limit, abs=6e-3 if axis == "achromatic" else 6e-4)


def test_an_achromatic_gabor_has_less_than_its_nominal_contrast() -> None:
    scene = gabor_scene(FIELD, 4.0, sigma=1.0, luminance=100.0, axis="achromatic")
    y = np.tensordot(np.linalg.inv(display.XYZ_TO_RGB)[1], luminance(scene.test(0.2)), 1)
    assert (y.max() - y.min()) / (y.max() + y.min()) == pytest.approx(0.1892, abs=6e-5)


def test_noise_is_that_of_the_legacy_generator() -> None:
    white = np.random.RandomState(FIELD.noise_seed).standard_normal(4)
    assert white == pytest.approx([0.09120, 1.09128, -1.94697, -1.38635], abs=6e-6)
    band = FIELD.noise(4 / np.sqrt(2), 4 * np.sqrt(2))
    assert band[0, :3] == pytest.approx([-1.26399, -1.20371, -1.01070], abs=6e-6)
    low = FIELD.noise(0, 12)
    assert low[0, :3] == pytest.approx([0.89439, 0.28418, -0.70387], abs=6e-6)
    assert low.mean() == pytest.approx(0.00004, abs=6e-6), "the mean is left in"
    bins = [FIELD.kept_bins(f / np.sqrt(2), f * np.sqrt(2)).sum() for f in np.geomspace(0.5, 32, 20)[:2]]
    assert [*bins, FIELD.kept_bins(0, 12).sum()] == [16, 28, 6309]


def test_contrasts_of_noise_gratings_and_targets_are_nominal() -> None:
    noise = luminance(TESTS["csf_noise_achromatic"].draw(FIELD, 4.0).test(0.2))[0] / 100 - 1
    assert noise.std() == pytest.approx(0.2, abs=1e-4)
    scene = TESTS["masking_phase_coherent"].draw(FIELD, 0.0)
    target = luminance(scene.test(0.2))[0] / 32 - 1
    assert (target.max(), target.min()) == pytest.approx((0.193, -0.194), abs=6e-4)
    grating = luminance(matching_scene(FIELD, 5.0).test(0.5))[0] / 10 - 1
    assert grating.max() == pytest.approx(0.5, abs=1e-3)
    assert np.abs(np.fft.rfft(grating[0])).argmax() == 19, "5 cycles per degree on 3.73 degrees, and no DC"


def test_no_scored_stimulus_is_floored_and_references_are_uniform() -> None:
    for test in TESTS.values():
        for position, contrasts in zip(test.positions[::6], test.contrasts[::6], strict=True):
            scene = test.draw(FIELD, float(position))
            shown = luminance(scene.test(float(contrasts.max())))
            assert shown.min() > 0.001, (test.name, position)
            assert test.masking or np.ptp(scene.reference, axis=(1, 2)).max() == 0
            assert scene.reference.dtype == shown.dtype == np.float64


def test_human_data_are_those_of_the_files() -> None:
    achromatic, noise = human.read_curve("csf_gabor_achromatic"), human.read_curve("csf_noise_achromatic")
    assert (achromatic.value.max(), noise.value.max()) == pytest.approx((207.7, 307.8), abs=0.06)
    assert achromatic.value[[0, -1]] == pytest.approx([44.0, 8.46], abs=0.06)
    assert len(TESTS["csf_gabor_yellow_violet"].positions) == 16
    coherent, incoherent = TESTS["masking_phase_coherent"], TESTS["masking_phase_incoherent"]
    assert coherent.positions == pytest.approx(
        [0.0079, 0.0127, 0.0201, 0.0312, 0.0501, 0.0805, 0.1294, 0.2031], abs=6e-5
    )
    assert incoherent.thresholds == pytest.approx([0.0137, 0.0144, 0.0187, 0.0284, 0.0338, 0.0506], abs=6e-5)
    matches = human.read_matches()
    assert matches.contrast.shape == (8, 9)
    ratios = matches.contrast[:, list(matches.frequency).index(5)] / matches.reference
    assert ratios == pytest.approx([1.01, 1.00, 0.99, 0.95, 0.87, 0.87, 0.89, 1.14], abs=6e-3)


def test_contrast_alone_reaches_what_was_computed() -> None:
    reached = [spearman(test.contrasts.ravel(), test.expected.ravel()) for test in TESTS.values()]
    assert reached == pytest.approx(CONTRAST_ONLY, abs=6e-4)
    assert best_possible(20, 10) == pytest.approx(0.995, abs=6e-4)


@pytest.mark.parametrize("name", FIRST_AND_LAST)
def test_pixels_are_as_far_from_the_reference_as_computed(name: str) -> None:
    test = TESTS[name]
    for index, multiple, expected in zip((0, -1), (0, -1), FIRST_AND_LAST[name], strict=True):
        scene = test.draw(FIELD, float(test.positions[index]))
        shown = scene.test(float(test.contrasts[index, multiple]))
        assert distance(shown, scene.reference) == pytest.approx(expected, rel=1e-6)
    assert MULTIPLES[[0, -1]] == pytest.approx([0.5, 2])


def test_cosines_in_float32_lose_the_signal() -> None:
    test = TESTS["csf_area"]
    double, single = [], []
    for position, contrasts in zip(test.positions, test.contrasts, strict=True):
        scene = test.draw(FIELD, float(position))
        reference = torch.from_numpy(scene.reference.copy()).flatten()
        for contrast in contrasts:
            shown = torch.from_numpy(scene.test(float(contrast))).flatten()
            double.append(float(flat_angle(shown[None, :, None, None], reference[None, :, None, None])))
            cosine = torch.nn.functional.cosine_similarity(shown.float(), reference.float(), 0)
            single.append(float(cosine.clamp(-1, 1).arccos()))
    assert spearman(np.array(double), test.expected.ravel()) == pytest.approx(0.9253, abs=6e-4)
    assert spearman(np.array(single), test.expected.ravel()) < 0.5


def test_fewer_positions_are_spread_evenly_and_found_again() -> None:
    test = TESTS["csf_luminance"]
    few = test.evenly(3)
    assert few.positions == pytest.approx([0.1, test.positions[10], 200.0])
    assert test.at(few.positions).thresholds == pytest.approx(few.thresholds)
    assert len(test.evenly(99).positions) == 20


def test_a_larger_field_shows_the_same_frequency() -> None:
    large = replace(FIELD, side=448)
    for field in (FIELD, large):
        grating = field.grating(4.0)[0]
        cycles = np.abs(np.fft.rfft(grating)).argmax()
        assert cycles == pytest.approx(4.0 * field.degrees, abs=1)
    assert large.degrees == pytest.approx(2 * FIELD.degrees)
