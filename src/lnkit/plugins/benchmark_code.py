"""The functions of a benchmark, called under guard: their failures name it, and what they return is checked."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.benchmark import Arrays, BenchmarkData, BenchmarkSpec, Outcome, ReaderCheck, RunContext, RunFacts
from lnkit.errors import PluginError
from lnkit.plugins.guard import blamed, guarded, owner_of, restored
from lnkit.plugins.outcome_check import ReturnCheck
from lnkit.specs import LossNetworkId, load_function

if TYPE_CHECKING:
    from lnkit.datasets.opinions import OpinionSet
    from lnkit.plugins.isolation import Plugin


class BenchmarkCode:
    """Calls the functions of one benchmark."""

    def __init__(self, spec: BenchmarkSpec, supplier: Plugin) -> None:
        self.spec = spec
        self.title = f"Benchmark {spec.name!r} of {supplier.title}"
        self._check = ReturnCheck(self.title, spec)

    def open_data(self, facts: RunFacts) -> BenchmarkData:
        """Open the data of a run.

        Raises:
            PluginError: the benchmark fails, or returns something else than data.
        """
        with guarded(owner_of(self.title, self.spec.open_data), "to open its data", _hint(facts)):
            return self._check.data(load_function(self.spec.open_data)(facts))

    def run(self, context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
        """Run the benchmark on the loss networks of a context.

        Raises:
            PluginError: the benchmark fails, or returns something else than an outcome for each loss network.
        """
        with guarded(owner_of(self.title, self.spec.run), "to run"):
            return self._check.outcomes(load_function(self.spec.run)(context, data), context.networks)

    def read_opinions(self, check: ReaderCheck, folder: Path) -> OpinionSet:
        """Read the opinions of a check of the data.

        Raises:
            PluginError: the benchmark fails, or returns something else than opinions.
        """
        from lnkit.datasets.opinions import OpinionSet  # noqa: PLC0415 - few commands need it

        with guarded(owner_of(self.title, check.read), f"to read {folder}"):
            opinions = load_function(check.read)(folder)
        if not isinstance(opinions, OpinionSet) or not opinions.opinions:
            raise PluginError(f"{self.title}: expected opinions of {check.part}, got {type(opinions).__name__}.")
        return opinions

    def rescore(self, arrays: Arrays, protocol: Any, seed: int, *, check: bool = True) -> dict[str, float]:
        """Compute scores again from stored arrays, inside :meth:`rescoring`.

        Args:
            arrays: stored beside a record.
            protocol: of the run.
            seed: of the run.
            check: Check what the benchmark returns; of thousands of samples of the same arrays, one is enough.

        Raises:
            PluginError: the benchmark fails, or returns something else than an outcome.
        """
        assert self.spec.rescore is not None, "the caller has checked it"
        with blamed(owner_of(self.title, self.spec.rescore), "to score stored arrays"):
            outcome = load_function(self.spec.rescore)(arrays, protocol, seed)
            if check:
                self._check.outcome(outcome)
            return {name: float(score.value) for name, score in outcome.scores.items()}

    def rescoring(self) -> AbstractContextManager[None]:
        """Restore process state after any number of calls of :meth:`rescore` inside."""
        return restored(owner_of(self.title, self.spec.rescore))


def _hint(facts: RunFacts) -> str:
    """Say what the user can do about data that could not be opened."""
    if facts.sample:
        return "It may have no sample: leave out --sample."
    if facts.data is None:
        return "It was run without --data: if it needs data of your own, name their folder with --data."
    return f"Check that {facts.data} (--data) holds the data that it expects, in its layout."
