"""Whole runs on a few images: every variant, what is kept, and the same result after a kill."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lnkit import PluginError, UsageError
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import FinishedRun, run
from lnkit.progress import SilentProgress
from lnkit.results.folder import ResultsFolder
from lnkit.training import Validation, loop, outcome as finished
from lnkit_autoencoder import autoencoder as encoding, reconstructions, run as running
from lnkit_autoencoder.autoencoder import AutoencoderTask, embed
from lnkit_autoencoder.classifier import ClassifierTask
from lnkit_autoencoder.images import Images
from lnkit_autoencoder.protocol import PAPER

SMALL = {"epochs": "2", "batch_size": "8", "mlp_epochs": "3", "mlp_batch_size": "8", "z": "4"}


class Killed(BaseException):
    """Ends a run as a kill does: nobody catches it, and nothing more is written."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red and green noise, 32 x 32: 10 images of each to train on, 6 to test on."""
    folder, draw = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for split, count in (("train", 10), ("test", 6)):
        for channel, name in enumerate(("red", "green")):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 100, (32, 32, 3), dtype=np.uint8)
                pixels[:, :, channel] += 150
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module", autouse=True)
def less_to_do() -> Iterator[None]:
    """Two of the seven classifiers, which stand for all, and no pictures of curves, which take half a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "HIDDEN_LAYERS", ((), (32,)))
        patch.setattr(finished, "draw_curves", lambda log, picture, *rest: picture.touch())
        yield


@pytest.fixture(scope="module")
def whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A run that nothing interrupted."""
    return ran(root, tmp_path_factory.mktemp("whole"), keep_images=True)


def ran(root: Path | None, results: Path, **changes: Any) -> FinishedRun:
    overrides = SMALL | changes.pop("overrides", {})
    request = RunRequest(
        **{"backbone": "pixel", "bench": "autoencoder", "data": root, "device": "cpu", "overrides": overrides}
        | {"results": results}
        | changes
    )
    (done,) = run(request, progress=SilentProgress())
    return done


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.size


def arrays_of(done: FinishedRun) -> dict[str, np.ndarray]:
    return dict(ResultsFolder(done.folder.parent).arrays(done.record))


def weights_of(done: FinishedRun) -> dict[str, bytes]:
    return {str(f.relative_to(done.folder)): f.read_bytes() for f in done.folder.rglob("*.safetensors")}


def test_everything_is_kept(whole: FinishedRun) -> None:
    done = whole
    score = done.record.scores["own_accuracy"]
    arrays = arrays_of(done)
    assert score.n == 12
    assert score.value == (arrays["own/predicted"] == arrays["own/labels"]).mean()
    assert score.interval is not None
    assert arrays["own/labels"].tolist() == [0] * 6 + [1] * 6
    assert arrays["own/validation_accuracy"].shape == (2,)
    for name in ("own-autoencoder", "own-mlp-linear", "own-mlp-32"):
        assert {f.name for f in (done.folder / name).glob("*.*")} >= {
            "log.csv",
            "curves.png",
            "network.safetensors",
        }
    single = sorted((done.folder / "images" / "own").iterdir())
    assert len(single) == 12
    assert size_of(single[0]) == (64, 64)
    # captions, 3 pairs of images in two columns at twice their size; see lnkit.results.images
    assert size_of(done.folder / "own-reconstructions.png")[1] > 6 * 128
    assert any("was the best; accuracies in validation: linear" in note for note in done.record.notes)


def test_images_are_kept_later_without_training_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ran(root, tmp_path)
    assert not (first.folder / "images").exists()
    monkeypatch.setattr(AutoencoderTask, "losses", killing(AutoencoderTask, 1))
    monkeypatch.setattr(ClassifierTask, "losses", killing(ClassifierTask, 1))
    again = ran(root, tmp_path, keep_images=True)
    assert len(list((again.folder / "images" / "own").iterdir())) == 12
    assert again.record.scores == first.record.scores


def test_the_sheet_shows_images_above_what_was_made_of_them(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(
        "lnkit.training.outcome_builder.save_contact_sheet", lambda path, *rest: (drawn.extend(rest), path.touch())
    )
    ran(root, tmp_path)
    columns, rows, height, foot = drawn
    assert columns == ["green", "red"]
    captions = [caption for caption, _ in rows]
    assert captions[::2] == ["image 1", "image 2", "image 3"]
    assert set(captions[1::2]) == {"reconstruction"}
    assert (height, foot) == (128, "")
    for number in range(3):
        for column, name in enumerate(columns):
            stored = np.asarray(Image.open(root / "test" / name / f"{number}.png"))
            np.testing.assert_array_equal(
                rows[2 * number][1][column], np.pad(stored, ((16, 16), (16, 16), (0, 0)), "reflect")
            )


def test_the_sheet_of_the_sample_names_its_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(
        "lnkit.training.outcome_builder.save_contact_sheet", lambda path, *rest: (drawn.extend(rest), path.touch())
    )
    few = {"epochs": "1", "mlp_epochs": "1", "unlabeled_images": "16", "labeled_images": "16", "test_images": "10"}
    ran(None, tmp_path, sample=True, overrides=few)
    columns, _, _, foot = drawn
    assert foot.startswith("SAMPLE")
    assert [name for name in columns if f"{name} (" not in foot] == []


@pytest.mark.parametrize("target", ["image", "features"])
@pytest.mark.parametrize("encode", ["image", "features"])
def test_every_variant_runs(root: Path, tmp_path: Path, target: str, encode: str) -> None:
    done = ran(
        root,
        tmp_path,
        backbone="squeezenet1_1",
        points="early+mid",
        weights="random",
        overrides={"target": target, "encode": encode, "epochs": "1", "mlp_epochs": "1"},
    )
    assert not done.record.collapsed
    assert done.record.scores["own_accuracy"].n == 12
    made_images = target == "image"
    assert (done.folder / "own-reconstructions.png").is_file() == made_images
    assert any("no reconstructions" in note for note in done.record.notes) != made_images


def test_features_can_be_predicted_by_squared_difference_only(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'squared'"):
        ran(root, tmp_path, backbone="squeezenet1_1", overrides={"target": "features", "distance": "spatial"})


def test_the_number_of_images_at_a_time_changes_nothing(whole: FinishedRun, root: Path, tmp_path: Path) -> None:
    other = ran(root, tmp_path, batch_size=3)
    assert weights_of(other) == weights_of(whole)
    assert arrays_of(other)["own/predicted"].tolist() == arrays_of(whole)["own/predicted"].tolist()


def killing(task: type, when: int) -> Callable[..., Any]:
    """``losses`` of a task that kills the run in its ``when``-th step."""
    losses, steps = task.losses, [0]

    def dying(self: Any, network: Any, batch: Any) -> Any:
        steps[0] += 1
        if steps[0] == when:
            raise Killed
        return losses(self, network, batch)

    return dying


@pytest.mark.parametrize(("task", "when"), [(AutoencoderTask, 3), (ClassifierTask, 2), (ClassifierTask, 8)])
def test_a_killed_run_ends_as_one_that_was_not(
    whole: FinishedRun, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: type, when: int
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with monkeypatch.context() as patch:
        patch.setattr(task, "losses", killing(task, when))
        with pytest.raises(PluginError, match="Killed"):
            ran(root, tmp_path / "killed")
    resumed = ran(root, tmp_path / "killed")
    assert weights_of(resumed) == weights_of(whole)
    assert arrays_of(resumed)["own/predicted"].tolist() == arrays_of(whole)["own/predicted"].tolist()
    assert resumed.record.scores == whole.record.scores


@pytest.mark.parametrize("part", ["network", "optimizer"])
def test_it_would_not_if_a_part_of_the_state_were_left_out(
    whole: FinishedRun, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    state = loop._Training._state
    first: dict[str, Any] = {}

    def forgetful(training: Any) -> dict[str, Any]:
        """The state with a part as it was before the first step."""
        found = state(training)
        return found | {part: first.setdefault(training.settings.name, copy.deepcopy(found[part]))}

    with monkeypatch.context() as patch:
        patch.setattr(loop._Training, "_state", forgetful)
        patch.setattr(AutoencoderTask, "losses", killing(AutoencoderTask, 3))
        with pytest.raises(PluginError, match="Killed"):
            ran(root, tmp_path / "killed")
    assert weights_of(ran(root, tmp_path / "killed")) != weights_of(whole)


def test_the_autoencoder_stops_early_as_the_reference_code_does(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AutoencoderTask, "validate", lambda task, network: Validation(1.0))
    done = ran(root, tmp_path, overrides={"epochs": "20", "mlp_epochs": "1"})
    log = (done.folder / "own-autoencoder" / "log.csv").read_text().splitlines()
    steps_per_epoch = 2  # of 8 among 16 images
    assert int(log[-1].split(",")[0]) == steps_per_epoch * (1 + 10)


def test_the_loss_network_may_be_in_training_mode(root: Path, tmp_path: Path) -> None:
    """Its batches matter then; a run leaves nothing behind for the next one, which ends with the same bits."""
    options: dict[str, Any] = {"backbone": "resnet18", "points": "semi_early", "weights": "random"}
    frozen = ran(root, tmp_path / "eval", **options)
    first, second = (ran(root, tmp_path / name, overrides={"loss_mode": "train"}, **options) for name in "ab")
    assert "loss network in training mode" in first.record.scores["own_accuracy"].signature
    assert weights_of(first) == weights_of(second)
    assert weights_of(first) != weights_of(frozen)


def test_an_autoencoder_that_collapses_has_no_score(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = AutoencoderTask.losses
    monkeypatch.setattr(AutoencoderTask, "losses", lambda *given: {"loss": losses(*given)["loss"] * float("nan")})
    done = ran(root, tmp_path)
    assert "own: the loss was nan at iteration" in done.record.collapsed
    assert not done.record.scores
    assert any("own: no scores" in note for note in done.record.notes)


def test_a_constant_output_is_a_collapse_once_batch_norm_has_settled(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "SETTLED", 4)
    monkeypatch.setattr(
        encoding.Autoencoder, "forward", lambda self, images, features: self.decoder(self.embed(images, features) * 0)
    )
    done = ran(root, tmp_path)
    assert done.record.collapsed.startswith("own: the output no longer depended on the input at iteration 4")
    assert done.record.scores["own_accuracy"].n == 12  # the network of the first epoch was kept


def test_a_classifier_that_collapses_leaves_the_others(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = ClassifierTask.losses

    def exploding(task: ClassifierTask, *given: Any) -> Any:
        return {"loss": losses(task, *given)["loss"] * (1.0 if task.hidden else float("nan"))}

    monkeypatch.setattr(ClassifierTask, "losses", exploding)
    done = ran(root, tmp_path)
    accuracies = arrays_of(done)["own/validation_accuracy"]
    assert np.isnan(accuracies).tolist() == [True, False]
    assert not done.record.collapsed
    assert any("the classifier linear collapsed" in note for note in done.record.notes)


def test_embeddings_do_not_depend_on_what_is_embedded_with_them(tmp_path: Path) -> None:
    """Blocks are of fixed size and the network is in evaluation mode, so an image's embedding is its own."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    images, loss = Images(pixels, 0), FakeLoss()
    network = AutoencoderTask(images, PAPER, loss, 0, SilentProgress()).build().eval()  # type: ignore[arg-type]
    found = embed(network, images, loss, SilentProgress())  # type: ignore[arg-type]
    alone = embed(network, Images(pixels[3:4], 0), loss, SilentProgress())  # type: ignore[arg-type]
    assert found.shape == (5, 64)
    assert found.dtype == np.float32
    np.testing.assert_allclose(alone[0], found[3], rtol=1e-4, atol=1e-5)


class FakeLoss(torch.nn.Module):
    """The images themselves as features."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("somewhere", torch.zeros(1))

    @property
    def network(self) -> torch.nn.Module:
        return self

    def targets(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"image": images}


@pytest.mark.parametrize("count", [4000, 3])
def test_columns_of_the_sheet_are_classes(count: int) -> None:
    labels = np.arange(count) % 20
    shown = reconstructions.shown_items(labels)
    assert len(shown) == min(10, count)
    for label, items in shown.items():
        assert set(labels[items]) == {label}
        assert len(items) <= 3
