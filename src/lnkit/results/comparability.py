"""Whether results are comparable, and in which fields they differ if they are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lnkit.results.records import RunRecord

ABSENT = "nothing"
_OWN = object()  # a value that belongs to the backbone, not to the protocol
DISTANCE = "protocol.distance"  # may differ for a backbone with a distance of its own


def differences(records: Sequence[RunRecord]) -> list[str]:
    """Return each field in which these records must not differ but do, with its values.

    Loss networks and machines may differ, but not protocol, data and precision. A backbone with a distance of its own
    (such as raw pixels) may also have another distance.

    Returns:
        Phrases such as ``precision: fp32 against bf16``.
    """
    facts = [protocol_facts(record) | ({DISTANCE: _OWN} if record.own_distance else {}) for record in records]
    names = dict.fromkeys(name for fact in facts for name in fact)
    different = []
    for name in names:
        values = [fact.get(name, ABSENT) for fact in facts if fact.get(name) is not _OWN]
        if any(value != values[0] for value in values):
            different.append(f"{name}: {' against '.join(str(value) for value in dict.fromkeys(map(str, values)))}")
    return different


def protocol_facts(record: RunRecord) -> dict[str, Any]:
    """Return everything that two results must share to be comparable: benchmark, protocol, data and precision."""
    key = record.key
    facts: dict[str, Any] = {
        "benchmark": key.benchmark,
        "benchmark version": key.benchmark_version,
        "variant": key.variant,
        "precision": key.precision,
        "sample": record.sample,
    }
    # Learned weights of a distance belong to the loss network, like the weights of its backbone.
    protocol = {name: value for name, value in key.protocol.items() if not name.endswith("_weights")}
    facts |= {f"protocol.{name}": value for name, value in protocol.items()}
    facts |= {f"data.{part}": digest[:12] for part, digest in key.data.items()}
    return facts
