"""One line that identifies a score, so that two numbers can be compared by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lnkit.results.records import VARIES, RunKey, RunRecord
from lnkit.specs import loss_network_label


def score_signature(
    score: str, aggregation: str, key: RunKey, weights: str, protocol: str, *, trained: bool = False
) -> str:
    """Return everything that a score depends on, in one line.

    ``2afc|squeezenet1_1:mid|IMAGENET1K_V1@1a2b3c4d|bapps.1/paper|spatial,norm:lpips|input:backbone|64px,bilinear|``
    ``mean of 6 families|data:5e6f7a8b|fp32|lnkit 0.1.0``

    Args:
        score: its name.
        aggregation: how it was computed from items; "" means as measured.
        key: of the run.
        weights: the name of the weights.
        protocol: the protocol in words, see :func:`lnkit.protocols.phrase`.
        trained: by the benchmark, so that the score depends on the seed.
    """
    resized = key.input.get("size")
    return "|".join(
        (
            score,
            loss_network_label(key.backbone, key.points),
            f"{weights or 'weights'}@{key.weights_sha256[:8]}",
            *([resized] if resized else []),
            f"{key.benchmark}.{key.benchmark_version}/{key.variant}",
            protocol,
            aggregation or "as measured",
            *([seed_part(key.seed)] if trained and key.seed is not None else []),
            f"data:{data_digest(key)}",
            key.precision,
            *([f"varies:{key.extra[VARIES]}"] if VARIES in key.extra else []),
            ",".join(sorted(set(key.plugins.values()))),
        )
    )


def seed_part(*seeds: int) -> str:
    """Return the part of a signature that names the seed of a training, or those of a mean: ``mean of seeds:0,1,2``."""
    return f"{'mean of seeds' if len(seeds) > 1 else 'seed'}:{','.join(map(str, seeds))}"


def data_digest(key: RunKey) -> str:
    """Return eight hexadecimal digits that identify all parts of the data."""
    import hashlib  # noqa: PLC0415 - only to make a signature

    text = "\n".join(f"{part} {digest}" for part, digest in sorted(key.data.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class SharedParts:
    """The parts of the signatures of several runs, each where it belongs, without scores and loss networks."""

    shared: tuple[str, ...]  # by all signatures
    of_scores: Mapping[str, tuple[str, ...]]  # by all signatures of a score
    of_runs: Mapping[str, tuple[str, ...]]  # what is left, by the id of the record


def split_signatures(records: Sequence[RunRecord], names: Sequence[str]) -> SharedParts:
    """Split the signatures of scores of runs into what they share and what differs.

    Args:
        records: of the runs.
        names: of the scores.
    """
    parts = {
        (name, record.id): tuple(
            record.scores[name].signature.removeprefix(f"{name}|{record.loss_network}|").split("|")
        )
        for record in records
        for name in names
        if name in record.scores
    }
    shared = _common(list(parts.values()))
    of_scores = {
        name: tuple(
            part for part in _common([own for (score, _), own in parts.items() if score == name]) if part not in shared
        )
        for name in dict.fromkeys(score for score, _ in parts)
    }
    of_runs: dict[str, dict[str, None]] = {record.id: {} for record in records}
    for (score, run), own in parts.items():
        of_runs[run] |= dict.fromkeys(part for part in own if part not in shared and part not in of_scores[score])
    return SharedParts(shared, of_scores, {run: tuple(own) for run, own in of_runs.items()})


def _common(signatures: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    first, *others = signatures or [()]
    return tuple(part for part in first if all(part in other for other in others))
