"""The benchmark's run: an autoencoder for each data set, embeddings, seven classifiers, and the best one's test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.training.task import TrainingResult, TrainingSettings
from lnkit_autoencoder import TITLES
from lnkit_autoencoder.autoencoder import Autoencoder, AutoencoderTask, embed
from lnkit_autoencoder.classifier import ClassifierTask, Embedded, predict, winner
from lnkit_autoencoder.images import Images, LabeledSet
from lnkit_autoencoder.network import HIDDEN_LAYERS
from lnkit_autoencoder.pictures import keep_pictures
from lnkit_autoencoder.scores import score_arrays

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext
    from lnkit.training.task import FeatureLoss


@dataclass
class _Findings:
    """What comes together data set by data set."""

    arrays: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    collapsed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Used:
    """A data set as the protocol uses it: how many images of each split."""

    data: LabeledSet
    unlabeled: Images
    train: Images
    test: Images

    @classmethod
    def of(cls, data: LabeledSet, protocol: Any) -> _Used:
        return cls(
            data,
            Images(data.unlabeled, data.pad, protocol.unlabeled_images),
            Images(data.train, data.pad, protocol.labeled_images),
            Images(data.test, data.pad, protocol.test_images),
        )


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Train and test with the one loss network of the run, on each data set."""
    (network,) = context.networks
    found = _Findings()
    loss = context.services.feature_loss(context.protocol.distance_config())
    for one in data.content:
        _run_on(context, _Used.of(one, context.protocol), loss, found)
    scored = score_arrays(found.arrays)
    return {network: replace(scored, notes=tuple(found.notes), files=found.files, collapsed="; ".join(found.collapsed))}


def _run_on(context: RunContext, used: _Used, loss: FeatureLoss, found: _Findings) -> None:
    name = used.data.name
    trained = _train_autoencoder(context, used, loss)
    found.files |= trained.files
    if trained.collapsed:
        found.collapsed.append(f"{name}: {trained.collapsed}")
    if trained.network is None:
        found.notes.append(f"{name} has no score: its autoencoder collapsed before the first validation")
        return
    found.notes.append(f"{name}: the autoencoder after iteration {trained.best_iteration:,} was the best in validation")
    network = cast(Autoencoder, trained.network)
    pictures, notes = keep_pictures(context, network, used.data, used.test, loss)
    found.files |= pictures
    found.notes += notes
    train, test = (
        context.store.get_or_compute(f"{name}-embeddings-{split}", _embedding(context, network, images, loss))[
            "embeddings"
        ]
        for split, images in (("train", used.train), ("test", used.test))
    )
    _classify(context, used, train, test, found)


def _train_autoencoder(context: RunContext, used: _Used, loss: FeatureLoss) -> TrainingResult:
    protocol, name = context.protocol, used.data.name
    task = AutoencoderTask(used.unlabeled, protocol, loss, context.seed, context.progress)
    settings = TrainingSettings(
        name=f"{name}-autoencoder",
        title=f"autoencoder of {TITLES[name]} with {context.networks[0]}",
        iterations=protocol.epochs * task.batches,
        batch_size=protocol.batch_size,
        validate_every=task.batches,
        seed=context.seed,
    )
    return context.services.train(task, settings)


def _embedding(context: RunContext, network: Autoencoder, images: Images, loss: FeatureLoss) -> Any:
    return lambda: {"embeddings": embed(network, images, loss, context.progress)}


def _classify(context: RunContext, used: _Used, train: Any, test: Any, found: _Findings) -> None:
    """Train the seven on the train split's embeddings, and let the best name the classes of the test images."""
    protocol, data = context.protocol, used.data
    labels = data.train_labels[used.train.chosen]
    embedded = Embedded.drawn(train, labels, len(data.classes), protocol.holdout, context.seed)
    results = [_train_classifier(context, data.name, hidden, embedded, found) for hidden in HIDDEN_LAYERS]
    accuracies = [accuracy for accuracy, _ in results]
    found.arrays[f"{data.name}/validation_accuracy"] = np.array(accuracies)
    if np.all(np.isnan(accuracies)):
        found.collapsed.append(f"{data.name}: every classifier collapsed")
        return
    best = winner(accuracies)
    found.notes.append(_validation_note(data.name, accuracies, best))
    network = results[best][1].network
    assert network is not None, "one that collapsed has no accuracy and wins nothing"
    found.arrays[f"{data.name}/predicted"] = predict(network, test)
    found.arrays[f"{data.name}/labels"] = data.test_labels[used.test.chosen]


def _train_classifier(
    context: RunContext, name: str, hidden: Sequence[int], embedded: Embedded, found: _Findings
) -> tuple[float, TrainingResult]:
    """Its accuracy in validation, NaN if it collapsed before there was any, and the classifier."""
    task = ClassifierTask(embedded, hidden, context.protocol)
    trained = context.services.train(task, _classifier_settings(context, name, hidden, task))
    found.files |= trained.files
    if trained.collapsed:
        found.notes.append(f"{name}: the training of the classifier {layers(hidden)} collapsed: {trained.collapsed}")
    accuracy = float("nan") if trained.network is None else task.validation_accuracy(trained.network)
    return accuracy, trained


def _classifier_settings(
    context: RunContext, name: str, hidden: Sequence[int], task: ClassifierTask
) -> TrainingSettings:
    protocol = context.protocol
    by_accuracy = protocol.mlp_keeps == "accuracy"
    return TrainingSettings(
        name=f"{name}-mlp-{layers(hidden)}",
        title=f"classifier {layers(hidden)} of {TITLES[name]}",
        iterations=protocol.mlp_epochs * task.batches,
        batch_size=protocol.mlp_batch_size,
        validate_every=task.batches,
        seed=context.seed,
        validates="accuracy" if by_accuracy else "loss",
        higher_is_better=by_accuracy,
        patience=protocol.patience,
    )


def layers(hidden: Sequence[int]) -> str:
    """Hidden layers in a name: "64-32", and "linear" where there is none."""
    return "-".join(map(str, hidden)) or "linear"


def _validation_note(name: str, accuracies: Sequence[float], best: int) -> str:
    listed = ", ".join(f"{layers(hidden)} {a:.4f}" for hidden, a in zip(HIDDEN_LAYERS, accuracies, strict=True))
    return f"{name}: the classifier {layers(HIDDEN_LAYERS[best])} won; accuracies in validation: {listed}"
