"""`lnkit plugins check`: what is wrong with a plugin, in sentences."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from lnkit.cli._output import clean, emit_json, json_option, note, print_table
from lnkit.cli.plugins.listing import open_quietly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lnkit.plugins.registry import Registry
    from lnkit.testing import CheckOptions, CheckResult

STATES = ("passed", "failed", "skipped")


@click.command("check")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--only", multiple=True, metavar="BACKBONE", help="Of its backbones, check this one; may be repeated.")
@click.option("--limit", type=click.IntRange(0), help="Backbones at most, evenly spread; 0 is all.  [default: 20]")
@click.option("--pretrained", is_flag=True, help="Check pretrained weights, which may have to be fetched.")
@json_option
def check(names: tuple[str, ...], only: tuple[str, ...], limit: int | None, pretrained: bool, as_json: bool) -> None:
    """Check everything that an installed plugin brings.

    NAME is what `lnkit plugins` lists it as. The exit code is 1 if anything is wrong.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for help
    from lnkit.testing import LIMIT, CheckOptions  # noqa: PLC0415 - torch, not for help

    choice = CheckOptions(only, LIMIT if limit is None else limit, pretrained, make_progress())
    registry = open_quietly()
    found = {name: _examine(name, choice, registry) for name in dict.fromkeys(names)}
    if as_json:
        from dataclasses import asdict  # noqa: PLC0415 - not for help

        emit_json([{"plugin": name, **asdict(finding)} for name, findings in found.items() for finding in findings])
    else:
        for findings in found.values():
            _show(findings)
    if any(finding.state == "failed" for findings in found.values() for finding in findings):
        raise click.exceptions.Exit(1)


def _examine(name: str, choice: CheckOptions, registry: Registry) -> list[CheckResult]:
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415 - not for help
    from lnkit.testing import collect, selection_note  # noqa: PLC0415 - torch, not for help

    cases = collect(name, choice, registry)
    if remark := selection_note(name, choice, registry):
        note(remark)
    findings = []
    with choice.progress.task(f"checking {name}", len(cases), unit="checks") as advance:
        for case in cases:
            with stdout_to_stderr():  # what plugins print is no finding
                findings.append(case.run())
            advance(1)
    return findings


def _show(findings: Sequence[CheckResult]) -> None:
    """One row for each thing, then a sentence for all that did not pass."""
    counts: Counter[tuple[str, str]] = Counter((finding.subject, finding.state) for finding in findings)
    subjects = dict.fromkeys(finding.subject for finding in findings)
    print_table(["subject", *STATES], [[s, *(counts[s, state] or "-" for state in STATES)] for s in subjects])
    told: dict[tuple[str, str, str], list[str]] = {}  # checks that end in the same sentence are told together
    for finding in findings:
        # Where something failed, what could not be checked for it has nothing to add.
        if finding.state == "failed" or (finding.state == "skipped" and not counts[finding.subject, "failed"]):
            told.setdefault((finding.state, finding.subject, finding.message), []).append(finding.check)
    for (state, subject, sentence), checks in told.items():
        click.echo(clean(f"{state.capitalize()}: {subject}, {', '.join(checks)}. {sentence}"))
    total: Counter[str] = Counter(finding.state for finding in findings)
    click.echo(", ".join(f"{total[state]} {state}" for state in STATES if total[state]))
