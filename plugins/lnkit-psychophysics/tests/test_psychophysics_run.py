"""`psychophysics` as it runs: against published and computed values, however it is run, and with wrong input."""

from __future__ import annotations

import json
import math
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from realdata import RealData
from torch import nn

import lnkit
from lnkit import ExtractionPoint, ImageError, LnkitError, UsageError
from lnkit.cli import run
from lnkit.plugins.load import default_registry
from lnkit.results.rescore import rescore
from lnkit_psychophysics import human
from lnkit_psychophysics.matching import crossings, match
from lnkit_psychophysics.observer import Observer
from lnkit_psychophysics.pictures import PICTURE

Capture = pytest.CaptureFixture[str]

BENCH = "psychophysics"
HOW: Mapping[str, Any] = {"device": "cpu"}
FEW: Mapping[str, str] = {"positions": "2", "table": "5", "curve": "0", "resamples": "50"}
POINTS = {"first": ExtractionPoint("first", "1"), "both": ExtractionPoint("both", "1+3")}
NO_ENCODER = (0.4790, 0.4597, 0.5302, 0.6580, 0.4252, 0.9253, 0.5034, 0.6782)  # in float64, in the order of the tests
SQUEEZENET = {  # ImageNet weights and normalization, distance spatial; early, semi_early, mid, late
    "csf_gabor_achromatic": (0.395, 0.381, 0.384, 0.415),
    "csf_noise_achromatic": (0.363, 0.319, 0.348, 0.304),
    "csf_gabor_red_green": (0.563, 0.461, 0.375, 0.420),
    "csf_gabor_yellow_violet": (0.664, 0.557, 0.460, 0.456),
    "csf_luminance": (0.409, 0.481, 0.571, 0.462),
    "csf_area": (0.907, 0.934, 0.955, 0.939),
    "masking_phase_coherent": (0.523, 0.539, 0.769, 0.662),
    "masking_phase_incoherent": (0.714, 0.729, 0.967, 0.914),
    "matching_rmse": (0.453, 0.529, 0.592, 0.520),
}
TESTS = tuple(SQUEEZENET)[:8]


def network(scale: float = 1.0) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 5, 4), nn.ReLU(), nn.Conv2d(6, 8, 3, 2), nn.ReLU()]
    module = nn.Sequential(*layers).eval()
    with torch.no_grad():
        module[2].weight.mul_(scale)
    return module


def scores_of(*args: Any, **options: Any) -> dict[str, float]:
    finished = lnkit.evaluate(*args, bench=BENCH, **{**HOW, "overrides": FEW, **options})
    return {name: score.value for name, score in finished[0].record.scores.items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> lnkit.FinishedRun:
    results = tmp_path_factory.mktemp("results")
    (finished,) = lnkit.evaluate(network(), {"both": POINTS["both"]}, BENCH, results=results, overrides=FEW, **HOW)
    return finished


@pytest.mark.exhaustive
def test_the_image_itself_reaches_what_was_computed(tmp_path: Path) -> None:
    (finished,) = lnkit.evaluate(
        "pixel", "image", BENCH, variant="reference", results=tmp_path, overrides={"curve": "0"}, **HOW
    )
    scores = finished.record.scores
    assert [scores[name].value for name in TESTS] == pytest.approx(NO_ENCODER, abs=6e-5)
    assert scores["matching_rmse"].value == pytest.approx(0.2655, abs=6e-5)
    assert scores["matching_rmse"].baselines["physical_match"] == pytest.approx(0.2645, abs=6e-5)
    assert scores["matching_rmse_pooled"].baselines["physical_match"] == pytest.approx(0.3330, abs=6e-5)
    assert scores["csf_area"].baselines == pytest.approx({"contrast_only": 0.631, "no_encoder": 0.9253}, abs=6e-4)
    assert not finished.record.own_distance, "the distance is that of the study, not the backbone's"


@pytest.mark.exhaustive
def test_squeezenet_reaches_what_was_computed(real_data: RealData, tmp_path: Path) -> None:
    weights = real_data("weights/squeezenet1_1.safetensors")
    finished = lnkit.evaluate(
        "squeezenet1_1", "all", BENCH, weights=weights, results=tmp_path, overrides={"curve": "0"}, **HOW
    )
    for name, expected in SQUEEZENET.items():
        assert [run.record.scores[name].value for run in finished] == pytest.approx(expected, abs=1.1e-3), name
    dead = [note for run in finished for note in run.record.notes if note.startswith("dead channels")]
    assert [note.split(": ")[2].split(" at")[0] for note in dead] == [
        "17 of 64",
        "20 of 128",
        "65 of 256",
        "429 of 512",
    ]


def test_all_scores_come_with_baselines(both: lnkit.FinishedRun) -> None:
    scores = both.record.scores
    assert set(TESTS) < set(scores)
    assert {name for name, score in scores.items() if score.primary} == {
        "detection_spearman",
        "masking_spearman",
        "matching_rmse",
    }
    for name in TESTS:
        assert set(scores[name].baselines) == {"contrast_only", "no_encoder"}
        assert scores[name].value <= scores[name].ceilings["best possible"] + 1e-9
    assert set(scores["matching_rmse"].baselines) == {"physical_match", "no_encoder"}
    detection = [scores[name].value for name in TESTS[:6]]
    assert scores["detection_spearman"].value == pytest.approx(np.mean(detection))
    assert scores["masking_spearman"].value == pytest.approx(np.mean([scores[name].value for name in TESTS[6:]]))
    signature = scores["matching_rmse"].signature
    assert all(part in signature for part in ("224px", "60px/deg", "400cd/m2", "2 positions"))
    assert not both.record.comparable


def test_a_score_is_the_same_whatever_runs_along(both: lnkit.FinishedRun, tmp_path: Path) -> None:
    results = lnkit.evaluate(network(), POINTS, BENCH, results=tmp_path, overrides=FEW, batch_size=3, **HOW)
    again = {name: score.value for name, score in results[1].record.scores.items()}
    assert again == {name: score.value for name, score in both.record.scores.items()}
    first = {name: score.value for name, score in results[0].record.scores.items()}
    assert first != again


def test_stored_distances_give_the_scores_again(both: lnkit.FinishedRun) -> None:
    again = rescore(both.record, np.load(both.folder / "distances.npz"), default_registry())
    assert again == {name: score.value for name, score in both.record.scores.items()}


def test_a_killed_run_goes_on_where_it_stopped(
    both: lnkit.FinishedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, compared = Observer.compare, []

    def counted(self: Observer, image: Any) -> Any:
        compared.append(1)
        if len(compared) == 55:
            signal.raise_signal(signal.SIGINT)  # as a person's Ctrl-C does
        return compare(self, image)

    monkeypatch.setattr(Observer, "compare", counted)
    spec = lnkit.BackboneSpec("own", "own", lambda _pretrained: network(), "as built")
    points = {"both": POINTS["both"]}
    with pytest.raises(KeyboardInterrupt):
        lnkit.evaluate(spec, points, BENCH, results=tmp_path, overrides=FEW, **HOW)
    found = scores_of(spec, points, results=tmp_path)
    assert found == {name: score.value for name, score in both.record.scores.items()}
    assert len(compared) - 55 == 8 * 20 + 8 + 2 * 5 - 50, "five positions were stored"


def test_the_rules_of_the_study_make_a_difference(both: lnkit.FinishedRun, tmp_path: Path) -> None:
    study = scores_of(network(), {"both": POINTS["both"]}, variant="reference", results=tmp_path)
    own = {name: score.value for name, score in both.record.scores.items()}
    assert study != own
    flat = {**FEW, "distance": "flat_angle", "normalization": "none", "matching": "brent"}
    same = scores_of(network(), {"both": POINTS["both"]}, overrides=flat, results=tmp_path)
    assert same == study


def test_the_distance_of_the_study_is_not_the_backbones_own(tmp_path: Path) -> None:
    own = {}
    for variant in ("default", "reference"):
        (finished,) = lnkit.evaluate("pixel", "image", BENCH, variant=variant, overrides=FEW, results=tmp_path, **HOW)
        own[variant] = finished.record.own_distance
    assert own == {"default": True, "reference": False}


def test_losses_are_measured_with_their_own_distances(tmp_path: Path) -> None:
    scores = scores_of(lnkit.losses.parse_loss("pixel:image*2, l1"), results=tmp_path)
    plain = scores_of("pixel", "image", overrides={**FEW, "distance": "l1"}, results=tmp_path)
    assert scores == pytest.approx(plain)


def test_sums_over_points_are_sums_of_distances(both: lnkit.FinishedRun, tmp_path: Path) -> None:
    points = {name: ExtractionPoint(name, node) for name, node in (("a", "1"), ("b", "3"))}
    parts = lnkit.evaluate(network(), points, BENCH, results=tmp_path, overrides=FEW, **HOW)
    a, b, summed = (np.load(run.folder / "distances.npz")["csf_area/scored"] for run in (*parts, both))
    assert summed == pytest.approx(a + b)


def test_pictures_stand_beside_the_record_and_in_the_report(tmp_path: Path) -> None:
    pytest.importorskip("altair")
    overrides = {**FEW, "curve": "3"}
    (finished,) = lnkit.evaluate("pixel", "image", BENCH, results=tmp_path, overrides=overrides, **HOW)
    picture = (finished.folder / PICTURE).read_text()
    assert "pixel:image" in picture
    assert "Contrast matching" in picture
    page = lnkit.report.build_report(lnkit.analysis.gather(tmp_path, "own"))
    assert '<img src="data:image/svg+xml;base64,' in page


def test_without_packages_for_figures_the_scores_still_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("lnkit.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "altair", None)
    overrides = {**FEW, "curve": "1"}
    (finished,) = lnkit.evaluate("pixel", "image", BENCH, results=tmp_path, overrides=overrides, **HOW)
    assert "detection_spearman" in finished.record.scores
    assert not [name for name in finished.record.files if name.endswith(".svg")]
    assert any("no pictures were drawn: A figure needs the package altair" in note for note in finished.record.notes)


def test_a_backbone_of_one_size_gets_a_field_of_that_size(tmp_path: Path) -> None:
    spec = lnkit.BackboneSpec("own", "own", lambda _pretrained: network(), "as built", input_size=(256, 256))
    (finished,) = lnkit.evaluate(spec, {"both": POINTS["both"]}, BENCH, results=tmp_path, overrides=FEW, **HOW)
    assert any("256 x 256 pixels (4.27 degrees)" in note for note in finished.record.notes)
    same = scores_of(network(), {"both": POINTS["both"]}, overrides={**FEW, "side": "256"}, results=tmp_path)
    assert same == {name: score.value for name, score in finished.record.scores.items()}
    assert "resized to 256x256" in finished.record.scores["csf_area"].signature


@pytest.mark.parametrize("size", [(64, 64), (256, 192)])
def test_a_backbone_of_a_size_without_meaning_is_refused(size: tuple[int, int], tmp_path: Path) -> None:
    spec = lnkit.BackboneSpec("own", "own", lambda _pretrained: network(), "as built", input_size=size)
    with pytest.raises(UsageError, match=f"{size[1]} x {size[0]} pixels only. Expected a square of at least 128"):
        scores_of(spec, {"both": POINTS["both"]}, results=tmp_path)


def test_a_loss_that_resizes_is_refused(tmp_path: Path) -> None:
    loss = lnkit.losses.parse_loss("pixel(size=256):image, l1")
    with pytest.raises(ImageError, match="256 x 256 pixels, which changes the frequencies"):
        scores_of(loss, results=tmp_path)


def test_distances_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LnkitError, match="not finite numbers"):
        scores_of(network(math.inf), {"both": POINTS["both"]}, results=tmp_path)


def test_a_network_that_sees_nothing_has_no_correlations(tmp_path: Path) -> None:
    (finished,) = lnkit.evaluate(network(0.0), {"late": "3"}, BENCH, results=tmp_path, overrides=FEW, **HOW)
    scores, notes = finished.record.scores, " ".join(finished.record.notes)
    assert scores["zero_distance_fraction"].value == 1
    assert scores["matching_clamped_fraction"].value == 1
    assert not {*TESTS, "detection_spearman"} & set(scores)
    assert "undefined, since all distances of a test are the same: csf_gabor_achromatic" in notes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--data", "."], "needs no data: leave out --data"),
        (["--precision", "bf16"], "takes fp32 and the engine eager, got bf16 and auto"),
        (["--engine", "inductor"], "got fp32 and inductor: leave out --precision and --engine"),
        (["--protocol", "reference", "--distance", "l1"], "has no field 'distance'"),
        (["--set", "side=64"], "'side': expected 128 to 2048, got 64"),
        (["--set", "pixels_per_degree=20"], "at 20 pixels per degree shows no noise of 14.6 to 29.2 cycles per degree"),
        (["--set", "pixels_per_degree=900"], "at 900 pixels per degree shows no noise of 0.354 to 0.707 cycles"),
        (["--set", "table=2"], "'table': expected 3 or more, got 2"),
        (["--set", "peak=0"], "'peak': expected a value above 0, got 0.0"),
        (["--set", "matching=newton"], "expected one of table, brent, got 'newton'"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(
    options: list[str], expected: str, capsys: Capture, tmp_path: Path
) -> None:
    command = ["eval", "--backbone", "pixel", "--point", "image", "--bench", BENCH, "--results", str(tmp_path)]
    assert run([*command, *options]) == 2
    assert expected in " ".join(capsys.readouterr().err.split())


def test_a_loss_has_no_place_in_the_protocol_of_the_study(capsys: Capture, tmp_path: Path) -> None:
    command = ["eval", "--loss", "pixel:image*2, l1", "--bench", BENCH, "--protocol", "reference"]
    assert run([*command, "--results", str(tmp_path)]) == 2
    assert "leaves no distance to choose, so it takes no loss" in " ".join(capsys.readouterr().err.split())


def test_the_sample_shows_the_stimuli_themselves(capsys: Capture, tmp_path: Path) -> None:
    command = ["eval", "--backbone", "pixel", "--point", "image", "--bench", BENCH, "--sample", "--json"]
    assert run([*command, "--set", "curve=0", "--results", str(tmp_path)]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert "psychophysics.1/sample" in record["scores"]["detection_spearman"]["signature"]


CONTRASTS = np.geomspace(0.001, 1, 45)


def test_a_match_is_found_in_a_table_and_exactly() -> None:
    target = 0.2**2
    exact = match(CONTRASTS, CONTRASTS**2, target, lambda contrast: contrast**2)
    assert exact == pytest.approx(0.2, abs=1e-5)
    assert match(CONTRASTS, CONTRASTS**2, target) == pytest.approx(0.2, rel=0.02)
    assert match(CONTRASTS, CONTRASTS**2, float(CONTRASTS[7] ** 2)) == pytest.approx(CONTRASTS[7])


def test_matches_outside_the_range_are_its_ends_and_of_several_the_lowest_counts() -> None:
    assert match(CONTRASTS, CONTRASTS, 2.0) == 1
    assert match(CONTRASTS, CONTRASTS, 0.0005) == pytest.approx(0.001)
    hill = np.minimum(CONTRASTS, 0.1**2 / CONTRASTS)  # rises to 0.1, then falls
    assert len(crossings(hill, 0.05)) == 2
    assert match(CONTRASTS, hill, 0.05) == pytest.approx(0.05, rel=0.02)


def test_matches_of_people_have_no_error() -> None:
    from lnkit_psychophysics.answers import Matching
    from lnkit_psychophysics.scores import match_errors, rmse_by_frequency, rmse_pooled

    people = human.read_matches()
    rows = np.arange(9)
    errors = match_errors(Matching(rows, CONTRASTS, np.empty((9, 45)), np.empty(8), people.contrast))
    assert rmse_by_frequency(errors) == rmse_pooled(errors) == 0
    own = match_errors(Matching(rows, CONTRASTS, np.empty((9, 45)), np.empty(8), people.contrast * 10.0))
    assert rmse_by_frequency(own) == pytest.approx(1)
    at_5 = np.tile(people.reference[:, None], 9)
    column = match_errors(Matching(rows, CONTRASTS, np.empty((9, 45)), np.empty(8), at_5))[:, 4]
    assert np.sqrt((column**2).mean()) == pytest.approx(0.042, abs=6e-4), "what is left at 5 cycles per degree"
