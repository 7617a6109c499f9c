"""Sweeps: a study of many loss networks on many benchmarks, over the devices of one machine or of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.sweep.command_tasks import CommandTask as CommandTask
    from lnkit.sweep.executor import Executor as Executor, SweepJob as SweepJob
    from lnkit.sweep.study import Study as Study, StudyBenchmark as StudyBenchmark, read_study as read_study
    from lnkit.sweep.sweep import Sweep as Sweep, plan as plan, plan_commands as plan_commands

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.sweep.command_tasks": ("CommandTask",),
        "lnkit.sweep.executor": ("Executor", "SweepJob"),
        "lnkit.sweep.study": ("Study", "StudyBenchmark", "read_study"),
        "lnkit.sweep.sweep": ("Sweep", "plan", "plan_commands"),
    },
)
