"""Scores for people: primary scores with intervals, other scores, baselines and ceilings, and signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lnkit.cli._output import echo, print_sentence, print_table
from lnkit.results.records import CUT_DOWN, RunRecord, ScoreRecord, SeedSpread
from lnkit.results.seeds import seed_notes

MAX_COLUMNS = 6  # loss networks in a readable table
MAX_OWN_PARTS = 4  # lines of what differs between signatures, on a terminal


def show_scores(records: Sequence[RunRecord], *, whole: bool = True, most: int = 10) -> None:
    """Print the scores of runs of one benchmark.

    Args:
        records: of the runs.
        whole: with all scores and whole signatures; otherwise with the primary scores, and what signatures share once.
        most: unless whole, the number of rows of a table and of lines below it.
    """
    names = list(dict.fromkeys(name for record in records for name in record.scores))
    primary = [name for name in names if any(name in record.main_scores for record in records)]
    rows = [[record.loss_network, *(_cell(record, name) for name in primary)] for record in records]
    shown = len(rows) if whole else most
    print_table(["loss network", *primary], rows[:shown], title=table_title(records[0]))
    if len(rows) > shown:
        print_sentence(f"... and {len(rows) - shown} more rows: --wide shows all.")
    _show_spread(records[:shown], primary)
    if whole:
        _show_others(records, [name for name in names if name not in primary])
    echo()
    remarks = [*_comparisons(records, primary), *notes_of(records)]
    for line in remarks if whole else first_lines(remarks, most, "notes"):
        print_sentence(line, "  ")
    if whole:
        for line in _signatures(records):
            echo(line)  # not wrapped: made to be copied
        return
    for line in first_lines(_short_signatures(records), MAX_OWN_PARTS + 1, "signatures"):
        print_sentence(line, "    ")


def first_lines(lines: Sequence[str], most: int, what: str) -> list[str]:
    """Return the first lines, and how to see the others if there are more."""
    left_out = len(lines) - most
    return [*lines[:most], *([f"... and {left_out} more {what}: --wide shows all."] if left_out > 0 else [])]


def _show_spread(records: Sequence[RunRecord], names: Sequence[str]) -> None:
    """Print how the scores of means vary over their seeds: one row for each, with the value of every seed if few."""
    rows = [(record, name, score.spread) for record in records for name in names
            if (score := record.scores.get(name)) and score.spread]  # fmt: skip
    seeds = list(dict.fromkeys(seed for _, _, spread in rows for seed in spread.seeds))
    if not rows:
        return
    echo()
    if len(seeds) <= MAX_COLUMNS:
        columns = [f"seed {seed}" for seed in seeds]
        cells = [[_of_seed(spread, seed) for seed in seeds] for _, _, spread in rows]
    else:
        columns = ["lowest", "highest"]
        cells = [[f"{min(spread.values):.4f}", f"{max(spread.values):.4f}"] for _, _, spread in rows]
    print_table(
        ["loss network", "score", "sd", *columns],
        [[r.loss_network, name, f"{spread.sd:.4f}", *of_row]
         for (r, name, spread), of_row in zip(rows, cells, strict=True)],
    )  # fmt: skip


def _of_seed(spread: SeedSpread, seed: int) -> str:
    return f"{spread.values[spread.seeds.index(seed)]:.4f}" if seed in spread.seeds else "-"


def _show_others(records: Sequence[RunRecord], names: Sequence[str]) -> None:
    """Print one row per score, with a column for each loss network, baseline and ceiling, unless these are too many."""
    if not names or len(records) > MAX_COLUMNS:
        return
    echo()
    one_backbone = len({record.key.backbone for record in records}) == 1
    columns = ["+".join(r.key.points) if one_backbone else r.loss_network for r in records]
    references = {
        name: {**_values_of(records, name, "baselines"), **_values_of(records, name, "ceilings")} for name in names
    }
    others = list(dict.fromkeys(label for values in references.values() for label in values))
    rows = [
        [
            name,
            *(_cell(record, name) for record in records),
            *(f"{references[name][label]:.4f}" if label in references[name] else "" for label in others),
        ]
        for name in names
    ]
    print_table(["score", *columns, *others], rows)


def _values_of(records: Sequence[RunRecord], name: str, kind: str) -> Mapping[str, float]:
    """Return baselines or ceilings of a score. These depend on the data alone, so any record with the score will do."""
    values = (getattr(record.scores[name], kind) for record in records if name in record.scores)
    return dict(sorted(next(values, {}).items()))


def format_value(score: ScoreRecord) -> str:
    """Return ``0.7012 [0.6934, 0.7088]``, or the value alone if the interval is not known."""
    return f"{score.value:.4f}" + (f" [{score.interval[0]:.4f}, {score.interval[1]:.4f}]" if score.interval else "")


def table_title(record: RunRecord) -> str:
    """Return the title of a table of scores, which always says if the data are a sample."""
    return f"{record.key.benchmark}, protocol {record.key.variant}" + (", SAMPLE DATA" if record.sample else "")


def _cell(record: RunRecord, name: str) -> str:
    score = record.scores.get(name)
    if score is None:
        return "-"
    return format_value(score) if name in record.main_scores else f"{score.value:.4f}"


def _comparisons(records: Sequence[RunRecord], names: Sequence[str]) -> list[str]:
    return [
        f"{kind.capitalize()} of {name}: " + ", ".join(f"{label} {value:.4f}" for label, value in values.items())
        for name in names
        for kind in ("baselines", "ceilings")
        if (values := _values_of(records, name, kind))
    ]


def notes_of(records: Sequence[RunRecord]) -> list[str]:
    """Return what a reader of the scores must know, each once."""
    notes = [
        f"Note: {note}" for record in records for note in (*_incomparable(record), *seed_notes(record), *record.notes)
    ]
    notes += [f"Collapsed: {record.loss_network}: {record.collapsed}" for record in records if record.collapsed]
    changed = [f"Deviation from {record.key.variant}: {d}" for record in records for d in record.deviations]
    return list(dict.fromkeys(notes + changed))


def _incomparable(record: RunRecord) -> list[str]:
    if record.sample or record.key.variant in CUT_DOWN:  # the record has notes on other reasons
        return [f"{record.incomparable}: not comparable with published or full scores"]
    return []


def _signatures(records: Sequence[RunRecord]) -> list[str]:
    """Return the signature of each primary score; `lnkit results show` has those of the other scores."""
    return [
        f"{record.scores[name].value:.4f} = {record.scores[name].signature}"
        for record in records
        for name in record.main_scores
    ]


def _short_signatures(records: Sequence[RunRecord]) -> list[str]:
    """Return what the signatures of all primary scores share, and what else they have, without the table's own names.

    A signature begins with the score and the loss network, which the table shows.
    """
    split = {
        (name, record.loss_network): record.scores[name]
        .signature.removeprefix(f"{name}|{record.loss_network}|")
        .split("|")
        for record in records
        for name in record.main_scores
    }
    if not split:
        return []
    shared = [part for part in next(iter(split.values())) if all(part in parts for parts in split.values())]
    own = {label: tuple(part for part in parts if part not in shared) for label, parts in split.items()}
    lines = [f"Signature: {' | '.join(shared)}"]
    for name in dict.fromkeys(score for score, _ in own):
        of_score = {network: parts for (score, network), parts in own.items() if score == name}
        if len(set(of_score.values())) == 1:
            of_score = {"": next(iter(of_score.values()))}
        lines += [
            " | ".join(filter(None, (f"  {name}", network, *parts))) for network, parts in of_score.items() if parts
        ]
    return lines
