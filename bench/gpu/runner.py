"""Run checks one after the other: one that fails stops no other, and none begins when the time is up."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

import torch

from bench.gpu.results import OUT_OF_TIME, Check, CheckResult
from bench.gpu.settings import Settings

Report = Callable[[list[CheckResult]], None]


def run_checks(checks: Mapping[str, Check], settings: Settings, budget: float, report: Report) -> list[CheckResult]:
    """Run all checks.

    Args:
        checks: The checks by name, in their order.
        settings: The settings of all of them.
        budget: Seconds after which no check begins, and the running one ends at its next row.
        report: Called with all results after each row, so that a run that is cut off leaves its figures.

    Returns:
        One result for each check.
    """
    deadline = time.monotonic() + budget
    results = [CheckResult(name, reason=OUT_OF_TIME) for name in checks]
    for result, check in zip(results, checks.values(), strict=True):
        if time.monotonic() < deadline:
            _run(check, settings, result, deadline, lambda: report(results))
            _free_memory()
        report(results)
    return results


def _run(check: Check, settings: Settings, result: CheckResult, deadline: float, report: Callable[[], None]) -> None:
    """Run one check, and write its rows and its state into ``result``."""
    started = time.monotonic()
    result.state, result.reason = "passed", ""
    try:
        for row in check(settings):
            result.rows.append(row)
            result.seconds = time.monotonic() - started
            if row.problem and result.state == "passed":
                result.state, result.reason = "failed", f"{row.subject}: {row.problem}"
            report()
            if time.monotonic() >= deadline:
                _cut_short(result)
                break
    except Exception as error:  # of any kind: the other checks are run all the same
        result.state, result.reason = "failed", f"{type(error).__name__}: {str(error).strip() or 'no message'}"
    result.seconds = time.monotonic() - started


def _cut_short(result: CheckResult) -> None:
    if result.state == "passed":
        result.state, result.reason = "cut short", OUT_OF_TIME


def _free_memory() -> None:
    """Free what a check, or the traceback of its error, still holds on the card."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        gc.collect()
        torch.cuda.empty_cache()
