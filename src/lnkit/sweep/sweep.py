"""A sweep: the tasks of a study, what is finished, and what runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit._text_paths import text_paths
from lnkit.errors import LnkitError, UsageError
from lnkit.evaluation.request import ResolvedRequest, RunRequest
from lnkit.evaluation.runner import open_data
from lnkit.losses.definition import Loss
from lnkit.plugins.guard import guarded, owner_of
from lnkit.plugins.load import default_registry
from lnkit.progress import Progress, SilentProgress
from lnkit.results.folder import results_dir
from lnkit.specs import load_function
from lnkit.sweep.claims import ABANDONED, HEARTBEAT, SWEEP_FOLDER, Claims
from lnkit.sweep.command_tasks import CommandTask
from lnkit.sweep.costs import Cost, costs_of, longest_first
from lnkit.sweep.executor import SweepJob
from lnkit.sweep.finished import FinishedTasks
from lnkit.sweep.status import SweepStatus, read_status
from lnkit.sweep.study import Study, read_study
from lnkit.sweep.task_list import TaskList, write_task_list
from lnkit.sweep.tasks import AnyTask, make_tasks
from lnkit.sweep.worker import Place, Worker

if TYPE_CHECKING:
    from lnkit.networks.weight_sources import WeightFile
    from lnkit.plugins.registry import Registry


def plan(
    study: Study | str | Path,
    registry: Registry | None = None,
    *,
    heartbeat: float = HEARTBEAT,
    abandoned: float = ABANDONED,
) -> Sweep:
    """Return the sweep of a study; nothing runs, and nothing heavy is imported.

    Args:
        study: The study, or its TOML file.
        registry: Registered names; by default those of all installed plugins.
        heartbeat: Seconds between two signs of life of a worker.
        abandoned: Seconds without one after which others take its task over.

    Raises:
        UsageError: The file is no study, or a name in it is unknown; the sentence names the line.
        DataError: The file cannot be read.

    Example:
        >>> from lnkit.sweep import StudyBenchmark
        >>> study = Study(backbones=("pixel",), bench=(StudyBenchmark("bapps", sample=True),))
        >>> print(*(task.name for task in plan(study).tasks))
        bapps pixel
    """
    read = study if isinstance(study, Study) else read_study(Path(study))
    registry = registry or default_registry()
    tasks, resolved = make_tasks(read, registry)
    return Sweep(results_dir(read.results), registry, tasks, resolved, heartbeat, abandoned)


@text_paths
def plan_commands(commands: Sequence[CommandTask], folder: Path, registry: Registry | None = None) -> Sweep:
    """Return a sweep of commands, such as trainings of a plugin.

    Args:
        commands: In the order in which they begin.
        folder: For the files of the sweep; a process on another machine must see it.
        registry: Registered names; by default those of all installed plugins.
    """
    return Sweep(folder, registry or default_registry(), commands, [None] * len(commands))


def _pretrained(request: RunRequest) -> tuple[str, ...]:
    """Return the backbones of a request that need their pretrained weights."""
    names = request.backbone.backbones if isinstance(request.backbone, Loss) else (request.backbone,)
    if isinstance(request.weights, Mapping):
        return tuple(name for name in names if request.weights.get(name, "pretrained") == "pretrained")
    return tuple(names) if request.weights == "pretrained" else ()


@text_paths
class Sweep:
    """The tasks of a study, longest first. Its state is what lies in the folder of the results."""

    def __init__(
        self,
        results: Path,
        registry: Registry,
        tasks: Sequence[AnyTask],
        resolved: Sequence[ResolvedRequest | None],
        heartbeat: float = HEARTBEAT,
        abandoned: float = ABANDONED,
    ) -> None:
        self.registry, self.results = registry, results.absolute()
        self.claims = Claims(self.results, heartbeat, abandoned)
        self.finished = FinishedTasks(self.results)
        costs = costs_of(resolved, self.finished.every_record())
        order = longest_first(resolved, costs)
        self.tasks = [tasks[number] for number in order]
        self.resolved = [resolved[number] for number in order]
        self.costs: list[Cost] = [costs[number] for number in order]

    def status(self) -> SweepStatus:
        """Return how far every task is."""
        self.finished.refresh()
        records = [self.finished.records(*pair) for pair in zip(self.tasks, self.resolved, strict=True)]
        return read_status(self.tasks, self.costs, records, self.claims)

    def run(
        self,
        on: str = "local",
        options: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        *,
        failed: bool = False,
    ) -> str:
        """Run the open tasks.

        Args:
            on: The executor: "local", "slurm", "ray", or one of a plugin.
            options: Of the executor: {"devices": "cuda:0,cuda:1"}, {"partition": "gpu"}.
            progress: For what is worth saying at once.
            failed: Also try again what failed.

        Returns:
            "" after the end; else a sentence that says where the tasks run now. :meth:`status` says what failed.

        Raises:
            UsageError: The executor or an option is unknown.
            LnkitError: Workers could not be started, or the disk is full.
        """
        progress = progress or SilentProgress()
        spec = self.registry.executor(on)
        if failed:
            for given_up in self.status().of("failed"):
                self.claims.forget_failures(given_up.task.id)
        now = self.status()
        if not (count := len(now.of("open") + now.of("running"))):
            return ""
        job = SweepJob(self.write(), count, self.results / SWEEP_FOLDER)
        owner = owner_of(f"Executor {on!r}", spec.start)
        with guarded(owner, "to start workers"):
            sentence: str = load_function(spec.start)(job, dict(options or {}), progress)
        return sentence

    def run_shard(self, index: int, count: int, device: str = "auto", progress: Progress | None = None) -> None:
        """Run one of several parts of the tasks in this process.

        Args:
            index: Of the part, from 0.
            count: Number of parts.
            device: "cuda:0", "cpu", "auto".
            progress: Receives the progress.

        Raises:
            UsageError: There is no such part.
            LnkitError: The disk is full.
        """
        if not 0 <= index < count:
            raise UsageError(f"Expected a part I/N with I from 0 to N - 1, got {index}/{count}.")
        place = Place(f"shard-{index}-of-{count}", device, (index, count))
        Worker(self._list(), place, self.registry, progress).work()

    def write(self) -> Path:
        """Write the file of the tasks, which workers read, and return it."""
        return write_task_list(self._list())

    def _list(self) -> TaskList:
        return TaskList(self.results, tuple(self.tasks), self.claims.heartbeat, self.claims.abandoned)

    def fetch(self, progress: Progress | None = None) -> dict[str, str]:
        """Fetch the weights of every backbone and the data of every benchmark, and pack the data.

        Returns:
            What could not be had -> why.
        """
        from lnkit.networks.weight_sources import fetch  # noqa: PLC0415 - not for planning

        fetched = fetch(self.weight_files(), progress or SilentProgress())
        return {one.file.backbone: one.error for one in fetched if one.error} | self.fetch_data(progress)

    def weight_files(self) -> list[WeightFile]:
        """Return the files of pretrained weights that the tasks need, each backbone once."""
        from lnkit.networks.weight_sources import plan as plan_weights  # noqa: PLC0415 - only for these

        names: dict[str, None] = {}
        for task in self.tasks:
            if not isinstance(task, CommandTask):
                names |= dict.fromkeys(_pretrained(task.request))
        return plan_weights(self.registry, names)

    def fetch_data(self, progress: Progress | None = None) -> dict[str, str]:
        """Fetch and pack the data of every benchmark, so that jobs need no internet.

        Returns:
            Benchmark and variant -> why its data could not be had.
        """
        failures = {}
        seen = set()
        for task, resolved in zip(self.tasks, self.resolved, strict=True):
            if isinstance(task, CommandTask) or resolved is None:
                continue
            request = resolved.request
            place = (request.bench, request.variant, str(request.overrides), request.data, request.sample)
            if place in seen:
                continue
            seen.add(place)
            try:
                open_data(task.request, self.registry, progress or SilentProgress())
            except LnkitError as error:
                failures[f"{request.bench}/{request.variant}"] = str(error)
        return failures
