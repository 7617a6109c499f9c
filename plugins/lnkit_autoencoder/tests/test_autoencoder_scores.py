"""Intervals against scipy, accuracies and losses by hand, and who wins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from lnkit.specs import load_function
from lnkit_autoencoder import AUTOENCODER
from lnkit_autoencoder.classifier import ClassifierTask, LabeledEmbeddings, best_classifier, predict
from lnkit_autoencoder.protocol import PAPER, VARIANTS, AutoencoderProtocol
from lnkit_autoencoder.scores import accuracy, score_all, wilson_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (20, 20), (3, 20), (1, 1), (0, 1), (13_000, 26_032)])
def test_interval_is_scipys(hits: int, n: int) -> None:
    found = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(hits, n) == pytest.approx((found.low, found.high), abs=1e-12)


def test_nothing_has_no_interval() -> None:
    with pytest.raises(ValueError, match="Expected a proportion of 1 item or more, got 0"):
        wilson_interval(0, 0)


def test_accuracy_counts_and_names_the_commonest_class() -> None:
    score = accuracy([0, 1, 1, 2], [0, 1, 2, 2])
    assert (score.value, score.n) == (0.75, 4)
    assert score.baselines == {"most frequent class": 0.5}
    assert score.interval == wilson_interval(3, 4)


def test_predictions_and_labels_must_agree_in_number() -> None:
    with pytest.raises(ValueError, match="Expected as many predictions as labels"):
        accuracy([0, 1], [0])


def test_scores_come_back_from_what_was_kept() -> None:
    arrays = {
        "svhn/predicted": np.array([1, 2, 3]),
        "svhn/labels": np.array([1, 2, 0]),
        "svhn/validation_accuracy": np.zeros(7),
        "own/predicted": np.array([1]),
        "own/labels": np.array([1]),
    }
    assert AUTOENCODER.rescore is not None
    scores = load_function(AUTOENCODER.rescore)(arrays, PAPER, 0).scores
    assert scores == score_all(arrays).scores
    assert {name: score.value for name, score in scores.items()} == {"svhn_accuracy": 2 / 3, "own_accuracy": 1.0}
    with pytest.raises(KeyError):
        score_all({"svhn/predicted": np.array([1])})


def test_the_best_in_validation_wins_and_the_first_of_equals() -> None:
    assert best_classifier([0.1, 0.4, 0.3, 0.4, 0.2, 0.0, 0.4]) == 1
    assert best_classifier([float("nan"), 0.1, 0.3]) == 2
    with pytest.raises(ValueError, match="got NaN for all classifiers"):
        best_classifier([float("nan")] * 7)


def embedded(count: int = 50, classes: int = 3) -> LabeledEmbeddings:
    draw = np.random.default_rng(0)
    embeddings = draw.normal(size=(count, 4)).astype(np.float32)
    return LabeledEmbeddings.split(embeddings, np.arange(count) % classes, classes, 0.2, seed=1)


def test_a_fifth_is_held_out_and_drawn_by_the_seed() -> None:
    one, again = embedded(), embedded()
    assert (len(one.training), len(one.validation)) == (40, 10)
    assert sorted([*one.training, *one.validation]) == list(range(50))
    np.testing.assert_array_equal(one.validation, again.validation)
    other = LabeledEmbeddings.split(one.embeddings, one.labels, 3, 0.2, seed=2)
    assert one.validation.tolist() != other.validation.tolist()


def test_loss_is_the_mean_squared_difference_from_one_hot() -> None:
    task = ClassifierTask(embedded(), (), PAPER)
    network = task.build()
    items = np.array([3, 0, 7])
    batch = task.load(items, np.random.default_rng(0))
    chosen = task_rows(items)
    outputs = embedded().embeddings[chosen] @ network[0].weight.detach().numpy().T + network[0].bias.detach().numpy()
    wanted = np.eye(3)[embedded().labels[chosen]]
    assert task.losses(network, batch)["loss"].item() == pytest.approx(((outputs - wanted) ** 2).mean(), rel=1e-5)


def task_rows(items: np.ndarray) -> np.ndarray:
    """The rows of all embeddings that the task's items are: those that are not held out."""
    return embedded().training[items]


def test_validation_looks_at_what_was_held_out() -> None:
    given = embedded()
    network = ClassifierTask(given, (), PAPER).build().eval()
    outputs = given.embeddings[given.validation] @ network[0].weight.detach().numpy().T
    outputs = outputs + network[0].bias.detach().numpy()
    labels = given.labels[given.validation]
    loss = ((outputs - np.eye(3)[labels]) ** 2).mean()
    correct = float((outputs.argmax(1) == labels).mean())
    task = ClassifierTask(given, (), PAPER)
    found = task.validate(network)
    assert found.value == pytest.approx(loss, rel=1e-5)
    assert found.others == {"accuracy": pytest.approx(correct)}
    assert task.validation_accuracy(network) == pytest.approx(correct)
    by_accuracy = ClassifierTask(given, (), AutoencoderProtocol(mlp_keeps="accuracy")).validate(network)
    assert by_accuracy.value == pytest.approx(correct)


def test_the_first_of_the_largest_outputs_is_predicted() -> None:
    network = torch.nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert predict(network, np.array([[1, 0], [0, 1]], np.float32)).tolist() == [0, 2]


def test_protocols_are_those_of_the_papers() -> None:
    paper, reference = VARIANTS["paper"], VARIANTS["reference"]
    assert (paper.epochs, paper.mlp_epochs, paper.batch_size, paper.z) == (10, 100, 256, 64)
    assert (paper.normalization, paper.transform_input) == ("backbone", True)
    assert (reference.normalization, reference.transform_input) == ("none", False)
    assert (reference.epochs, reference.mlp_epochs) == (10, 100)
    assert (paper.loss_mode, reference.loss_mode) == ("eval", "train")
    assert paper.mlp_keeps == reference.mlp_keeps == "loss"  # the reference code monitors "val_loss"
    assert (paper.patience, paper.mlp_patience) == (10, 10)
    assert (AutoencoderProtocol(epochs=50).patience, AutoencoderProtocol(mlp_epochs=500).mlp_patience) == (10, 25)
    signatures = {name: variant.signature() for name, variant in VARIANTS.items()}
    assert len(set(signatures.values())) == len(signatures)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("normalization", "some"),
        ("datasets", "cifar"),
        ("target", "both"),
        ("encode", "neither"),
        ("mlp_keeps", "last"),
        ("z", 0),
        ("epochs", 0),
        ("batch_size", 0),
        ("pad", -1),
        ("holdout", 0.0),
        ("holdout", 1.0),
        ("lr", 0.0),
    ],
)
def test_values_that_no_run_could_honor_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        AutoencoderProtocol(**{field: value})  # type: ignore[arg-type]


def test_an_encoder_of_features_needs_a_loss_network_in_evaluation_mode() -> None:
    with pytest.raises(ValueError, match="'loss_mode': expected 'eval' with encode=features"):
        AutoencoderProtocol(encode="features", loss_mode="train")


def test_predicted_features_are_compared_by_their_squared_difference_only() -> None:
    with pytest.raises(ValueError, match="'squared'"):
        AutoencoderProtocol(target="features", distance="spatial")
