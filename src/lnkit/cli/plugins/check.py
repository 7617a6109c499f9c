"""`lnkit plugins check`: check a plugin and say what is wrong with it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from lnkit.cli._output import echo, emit_json, json_option, note, print_table
from lnkit.cli._registry import load_plugins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lnkit.plugins.registry import Registry
    from lnkit.testing import CheckOptions, CheckResult

STATES = ("passed", "failed", "skipped")


@click.command("check")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--only", multiple=True, metavar="BACKBONE", help="Check only this backbone of the plugin; may be repeated."
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    help="Check at most so many backbones, evenly spread; 0 checks all.  [default: 20]",
)
@click.option("--pretrained", is_flag=True, help="Check pretrained weights, which may have to be downloaded.")
@json_option
def check(names: tuple[str, ...], only: tuple[str, ...], limit: int | None, pretrained: bool, as_json: bool) -> None:
    """Check everything that an installed plugin adds.

    NAME is the name in the list of `lnkit plugins`. The exit code is 1 if anything is wrong.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for help
    from lnkit.testing import LIMIT, CheckOptions  # noqa: PLC0415 - torch, not for help

    choice = CheckOptions(only, LIMIT if limit is None else limit, pretrained, make_progress())
    registry = load_plugins()
    findings = {name: _examine(name, choice, registry) for name in dict.fromkeys(names)}
    if as_json:
        from dataclasses import asdict  # noqa: PLC0415 - not for help

        emit_json([{"plugin": name, **asdict(finding)} for name, results in findings.items() for finding in results])
    else:
        for results in findings.values():
            _show(results)
    if any(finding.state == "failed" for results in findings.values() for finding in results):
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
            with stdout_to_stderr():  # output of plugins is not a finding
                findings.append(case.run())
            advance(1)
    return findings


def _show(findings: Sequence[CheckResult]) -> None:
    """Print one row for each subject, then a sentence for each check that did not pass."""
    counts: Counter[tuple[str, str]] = Counter((finding.subject, finding.state) for finding in findings)
    subjects = dict.fromkeys(finding.subject for finding in findings)
    print_table(["subject", *STATES], [[s, *(counts[s, state] or "-" for state in STATES)] for s in subjects])
    problems: dict[tuple[str, str, str, str], list[str]] = {}  # checks with the same sentence are shown together
    for finding in findings:
        # If a subject failed, checks skipped for that reason add nothing.
        if finding.state == "failed" or (finding.state == "skipped" and not counts[finding.subject, "failed"]):
            problem = (finding.state, finding.subject, finding.message, finding.place)
            problems.setdefault(problem, []).append(finding.check)
    for (state, subject, sentence, place), checks in problems.items():
        where = f" See {place}." if place else ""
        echo(f"{state.capitalize()}: {subject}, {', '.join(checks)}. {sentence}{where}")
    total: Counter[str] = Counter(finding.state for finding in findings)
    echo(", ".join(f"{total[state]} {state}" for state in STATES if total[state]))
