"""Whether two results measure the same thing, and if not, in which field they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lnkit.results.records import RunRecord

ABSENT = "nothing"
DISTANCE = "protocol.distance"  # the fact that a backbone with a distance of its own need not share


def differences(records: Sequence[RunRecord]) -> list[str]:
    """Say each field that makes these records incomparable, with the values that came.

    The loss network may differ, since that is what is compared, and so may the machine. The protocol, the data and the
    precision may not. A backbone that brings its own distance (raw pixels, say) is compared all the same.
    """
    facts = [_shared_facts(record) for record in records]
    names = dict.fromkeys(name for fact in facts for name in fact)
    found = []
    for name in names:
        values = [fact.get(name, ABSENT) for fact in facts if fact.get(name) is not _OWN]
        if any(value != values[0] for value in values):
            found.append(f"{name}: {' against '.join(str(value) for value in dict.fromkeys(map(str, values)))}")
    return found


class _Own:
    """Stands for a value that belongs to the backbone, not to the protocol."""


_OWN = _Own()


def _shared_facts(record: RunRecord) -> dict[str, Any]:
    return protocol_facts(record) | ({DISTANCE: _OWN} if record.own_distance else {})


def protocol_facts(record: RunRecord) -> dict[str, Any]:
    """What was measured, on which data and how: everything that two results must share to be compared."""
    key = record.key
    facts: dict[str, Any] = {
        "benchmark": key.benchmark,
        "benchmark version": key.benchmark_version,
        "variant": key.variant,
        "precision": key.precision,
        "sample": record.sample,
    }
    # Learned weights of a distance belong to the loss network, as the backbone's own do.
    protocol = {name: value for name, value in key.protocol.items() if not name.endswith("_weights")}
    facts |= {f"protocol.{name}": value for name, value in protocol.items()}
    facts |= {f"data.{part}": digest[:12] for part, digest in key.data.items()}
    return facts
