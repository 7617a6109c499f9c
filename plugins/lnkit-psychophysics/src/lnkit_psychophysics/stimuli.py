"""The eight tests of detection and masking, and the gratings of contrast matching, as Cai2025 shows them.

Each test has positions (frequencies, luminances, areas or masks). At each position a reference is shown, and tests
whose contrast is a known multiple of the human threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from lnkit_psychophysics.display import BACKGROUND_RGB, encode, rgb_change
from lnkit_psychophysics.field import Field
from lnkit_psychophysics.human import Curve, read_curve

Array = NDArray[np.float64]

MULTIPLES = np.geomspace(0.5, 2, 10)  # of the human threshold; of sensitivity in detection, so contrasts fall there
FLOOR = 0.0001  # cd/m2, below which no test is drawn
MATCH_FREQUENCY = 5.0  # cycles per degree, of the reference of contrast matching
MATCH_LUMINANCE = 10.0  # cd/m2
LOWEST, HIGHEST = 0.001, 1.0  # contrasts among which a match is searched


@dataclass(frozen=True)
class Scene:
    """What is shown at one position: images (3, side, side), encoded for the display."""

    reference: Array
    test: Callable[[float], Array]  # contrast -> image


@dataclass(frozen=True)
class Test:
    """One test: where it is measured, and what is shown there."""

    name: str
    title: str
    variable: str  # "spatial frequency (cycles per degree)"
    positions: Array
    thresholds: Array  # human threshold contrasts at the positions
    draw: Callable[[Field, float], Scene]
    span: tuple[float, float]  # contrasts of the pictures; the largest is inside the display's gamut
    masking: bool = False

    @property
    def contrasts(self) -> Array:
        """The contrasts (positions, multiples) that are scored, each position's in the order of MULTIPLES."""
        factors = MULTIPLES if self.masking else 1 / MULTIPLES
        return self.thresholds[:, None] * factors

    @property
    def expected(self) -> Array:
        """What distances should rise with, (positions, multiples): the contrast as a multiple of the threshold."""
        factors = MULTIPLES if self.masking else 1 / MULTIPLES
        return np.tile(factors, (len(self.positions), 1))

    def further(self, count: int) -> Array:
        """Return contrasts for the pictures, evenly spread over the logarithm."""
        return np.geomspace(*self.span, count) if count else np.empty(0)

    def evenly(self, count: int) -> Test:
        """Return the same test at ``count`` positions, evenly spread from the first to the last; 0 takes all."""
        return self._of(evenly(len(self.positions), count))

    def at(self, positions: Array) -> Test:
        """Return the same test at some of its positions."""
        return self._of(np.searchsorted(self.positions, positions * (1 - 1e-9)))

    def _of(self, rows: NDArray[np.int64]) -> Test:
        return replace(self, positions=self.positions[rows], thresholds=self.thresholds[rows])


def evenly(total: int, count: int) -> NDArray[np.int64]:
    """Return ``count`` row numbers of ``total``, evenly spread from the first to the last; 0 takes all."""
    if not 0 < count < total:
        return np.arange(total)
    return np.linspace(0, total - 1, count).round().astype(np.int64)


def gabor_scene(field: Field, frequency: float, *, sigma: float, luminance: float, axis: str) -> Scene:
    """Show a Gabor on a uniform background; its contrast is along an axis of the DKL color space."""
    background, change = luminance * BACKGROUND_RGB[:, None, None], luminance * rgb_change(axis)[:, None, None]
    gabor = field.gabor(frequency, sigma)

    def test(contrast: float) -> Array:
        return encode(np.maximum(background + contrast * gabor * change, FLOOR), field.peak)

    return Scene(encode(np.broadcast_to(background, (3, *gabor.shape)), field.peak), test)


def _at_frequency(field: Field, frequency: float, axis: str) -> Scene:
    return gabor_scene(field, frequency, sigma=1.0, luminance=100.0, axis=axis)


def _at_luminance(field: Field, luminance: float) -> Scene:
    return gabor_scene(field, 2.0, sigma=1.0, luminance=luminance, axis="achromatic")


def _at_area(field: Field, area: float) -> Scene:
    return gabor_scene(field, 8.0, sigma=float(np.sqrt(area / np.pi)), luminance=100.0, axis="achromatic")


def octave(frequency: float) -> tuple[float, float]:
    """Return the lowest and the highest frequency of the octave around one."""
    return frequency / sqrt(2), frequency * sqrt(2)


def _noise_band(field: Field, frequency: float) -> Scene:
    """Show noise of one octave on a uniform background; its contrast is RMS."""
    noise = field.noise(*octave(frequency))
    return _gray_scene(field, np.full_like(noise, 100.0), 100.0 * noise, FLOOR)


def _on_grating(field: Field, mask: float) -> Scene:
    """Show a Gabor on a grating of the same frequency and phase (Foley 1994)."""
    background = 32.0 * (1 + mask * field.masking_grating(2.0))
    return _gray_scene(field, background, 32.0 * field.masked_gabor(2.0, 0.5), 0.0)


def _on_noise(field: Field, mask: float) -> Scene:
    """Show a Gabor on noise of frequencies up to 12 cycles per degree, its mean left in."""
    background = 37.0 * (1 + mask * field.noise(0.0, 12.0))
    return _gray_scene(field, background, 37.0 * field.masked_gabor(1.2, 0.8), FLOOR)


def matching_scene(field: Field, frequency: float) -> Scene:
    """Show a grating over the whole field of 10 cd/m2."""
    grating = MATCH_LUMINANCE * field.grating(frequency)
    return _gray_scene(field, np.full_like(grating, MATCH_LUMINANCE), grating, 0.0)


def uniform_field(field: Field, luminance: float) -> Array:
    """Return an encoded uniform field (3, side, side) with equal channels."""
    return encode(np.full((3, field.side, field.side), luminance), field.peak)


def _gray_scene(field: Field, background: Array, target: Array, floor: float) -> Scene:
    """Show one map of luminance in all three channels."""

    def show(luminance: Array) -> Array:
        return np.broadcast_to(encode(np.maximum(luminance, floor), field.peak), (3, *luminance.shape))

    return Scene(show(background), lambda contrast: show(background + contrast * target))


def all_tests() -> tuple[Test, ...]:
    """Return the eight tests of detection and masking, in the order of Cai2025."""
    frequencies = np.geomspace(0.5, 32, 20)
    areas = np.geomspace(np.pi * 0.1**2, np.pi, 20)
    cpd = "spatial frequency (cycles per degree)"
    achromatic, red_green, yellow_violet = (
        partial(_at_frequency, axis=axis) for axis in ("achromatic", "red_green", "yellow_violet")
    )
    bright = (LOWEST, HIGHEST)
    return (
        _detection("csf_gabor_achromatic", "Gabor, achromatic", cpd, frequencies, achromatic, bright),
        _detection("csf_noise_achromatic", "Noise, achromatic", cpd, frequencies, _noise_band, bright),
        # Red-green leaves the gamut at 0.155, yellow-violet at 0.925.
        _detection("csf_gabor_red_green", "Gabor, red-green", cpd, frequencies, red_green, (LOWEST, 0.15)),
        _detection(
            "csf_gabor_yellow_violet",
            "Gabor, yellow-violet",
            cpd,
            frequencies[frequencies < 16],  # Cai2025 gives no reason
            yellow_violet,
            (LOWEST, 0.9),
        ),
        _detection(
            "csf_luminance",
            "Gabor, by luminance",
            "background (cd/m²)",
            np.geomspace(0.1, 200, 20),
            _at_luminance,
            bright,
        ),
        _detection("csf_area", "Gabor, by area", "area (degrees²)", areas, _at_area, bright),
        _masking("masking_phase_coherent", "Gabor on a grating", _on_grating),
        _masking("masking_phase_incoherent", "Gabor on noise", _on_noise),
    )


def _detection(
    name: str,
    title: str,
    variable: str,
    positions: Array,
    draw: Callable[[Field, float], Scene],
    span: tuple[float, float],
) -> Test:
    return Test(name, title, variable, positions, 1 / read_curve(name).at(positions), draw, span)


def _masking(name: str, title: str, draw: Callable[[Field, float], Scene]) -> Test:
    human: Curve = read_curve(name)
    used = (human.position > 0.005) & (human.position < 0.25)  # of Cai2025
    span = (0.01, 0.5)
    return Test(name, title, "contrast of the mask", human.position[used], human.value[used], draw, span, masking=True)
