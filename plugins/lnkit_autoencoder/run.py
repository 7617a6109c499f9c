"""The run of `autoencoder`: on each data set an autoencoder, embeddings, and the best of seven classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.training import OutcomeBuilder, TrainingResult, TrainingSettings, batches_per_epoch
from lnkit_autoencoder import TITLES
from lnkit_autoencoder.autoencoder import Autoencoder, AutoencoderTask, embed
from lnkit_autoencoder.classifier import ClassifierTask, LabeledEmbeddings, best_classifier, predict
from lnkit_autoencoder.images import Images, LabeledSet
from lnkit_autoencoder.network import HIDDEN_LAYERS
from lnkit_autoencoder.reconstructions import add_reconstructions
from lnkit_autoencoder.scores import score_all

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext
    from lnkit.training import FeatureLoss
    from lnkit_autoencoder.classifier import Embeddings


@dataclass(frozen=True)
class Subset:
    """The images of a data set that the protocol uses."""

    data: LabeledSet
    unlabeled: Images
    train: Images
    test: Images

    @classmethod
    def of(cls, data: LabeledSet, protocol: Any) -> Subset:
        """Choose as many images of each split as the protocol says."""
        return cls(
            data,
            Images(data.unlabeled, data.pad, protocol.unlabeled_images),
            Images(data.train, data.pad, protocol.labeled_images),
            Images(data.test, data.pad, protocol.test_images),
        )


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Train and test with the one loss network of the run, on each data set."""
    (network,) = context.networks
    builder = OutcomeBuilder(context.folder)
    loss = context.services.feature_loss(context.protocol.distance_config())
    for labeled in data.content:
        _run_on(context, Subset.of(labeled, context.protocol), loss, builder)
    return {network: builder.build(score_all(builder.arrays))}


def _run_on(context: RunContext, subset: Subset, loss: FeatureLoss, builder: OutcomeBuilder) -> None:
    name = subset.data.name
    trained = builder.add_training(_train_autoencoder(context, subset, loss), name)
    if trained is None:
        return
    network = cast(Autoencoder, trained)
    add_reconstructions(builder, context, network, subset.data, subset.test, loss)

    def embeddings(split: str, images: Images) -> Embeddings:
        return context.store.get_or_compute(
            f"{name}-embeddings-{split}", lambda: {"embeddings": embed(network, images, loss, context.progress)}
        )["embeddings"]

    _classify(context, subset, embeddings("train", subset.train), embeddings("test", subset.test), builder)


def _train_autoencoder(context: RunContext, subset: Subset, loss: FeatureLoss) -> TrainingResult:
    protocol, name = context.protocol, subset.data.name
    task = AutoencoderTask(subset.unlabeled, protocol, loss, context.seed, context.progress)
    per_epoch = batches_per_epoch(task.items, protocol.batch_size)
    settings = TrainingSettings(
        name=f"{name}-autoencoder",
        title=f"autoencoder of {TITLES[name]} with {context.networks[0]}",
        iterations=protocol.epochs * per_epoch,
        batch_size=protocol.batch_size,
        validate_every=per_epoch,
        seed=context.seed,
        patience=protocol.patience,
    )
    return context.services.train(task, settings)


def _classify(
    context: RunContext, subset: Subset, train: Embeddings, test: Embeddings, builder: OutcomeBuilder
) -> None:
    """Train the seven classifiers on the train split's embeddings, and test the best one."""
    protocol, data = context.protocol, subset.data
    labels = data.train_labels[subset.train.chosen]
    embedded = LabeledEmbeddings.split(train, labels, len(data.classes), protocol.holdout, context.seed)
    results = [_train_classifier(context, data.name, hidden, embedded, builder) for hidden in HIDDEN_LAYERS]
    accuracies = [accuracy for accuracy, _ in results]
    builder.arrays[f"{data.name}/validation_accuracy"] = np.array(accuracies)
    if np.all(np.isnan(accuracies)):
        builder.collapses.append(f"{data.name}: every classifier collapsed")
        return
    best = best_classifier(accuracies)
    listed = ", ".join(f"{layers(hidden)} {a:.4f}" for hidden, a in zip(HIDDEN_LAYERS, accuracies, strict=True))
    builder.notes.append(
        f"{data.name}: the classifier {layers(HIDDEN_LAYERS[best])} was the best; accuracies in validation: {listed}"
    )
    network = results[best][1].network
    assert network is not None, "a collapsed classifier has no accuracy"
    builder.arrays[f"{data.name}/predicted"] = predict(network, test)
    builder.arrays[f"{data.name}/labels"] = data.test_labels[subset.test.chosen]


def _train_classifier(
    context: RunContext, name: str, hidden: Sequence[int], embedded: LabeledEmbeddings, builder: OutcomeBuilder
) -> tuple[float, TrainingResult]:
    """Return the validation accuracy, NaN after a collapse before the first validation, and the classifier."""
    protocol = context.protocol
    by_accuracy = protocol.mlp_keeps == "accuracy"
    task = ClassifierTask(embedded, hidden, protocol)
    per_epoch = batches_per_epoch(task.items, protocol.mlp_batch_size)
    settings = TrainingSettings(
        name=f"{name}-mlp-{layers(hidden)}",
        title=f"classifier {layers(hidden)} of {TITLES[name]}",
        iterations=protocol.mlp_epochs * per_epoch,
        batch_size=protocol.mlp_batch_size,
        validate_every=per_epoch,
        seed=context.seed,
        validates="accuracy" if by_accuracy else "loss",
        higher_is_better=by_accuracy,
        patience=protocol.mlp_patience,
    )
    trained = context.services.train(task, settings)
    builder.files |= trained.files
    if trained.collapsed:
        builder.notes.append(f"{name}: the training of the classifier {layers(hidden)} collapsed: {trained.collapsed}")
    accuracy = float("nan") if trained.network is None else task.validation_accuracy(trained.network)
    return accuracy, trained


def layers(hidden: Sequence[int]) -> str:
    """Return the hidden layers as a name: "64-32", or "linear" without any."""
    return "-".join(map(str, hidden)) or "linear"
