"""What a search has decided, as a file: so that the same command goes on with the same trainings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lnkit.data.atomic import atomic_write_text
from lnkit.data.stored_files import read_json
from lnkit.errors import DataError
from lnkit.search.halving.candidates import Candidate
from lnkit.search.halving.schedule import Rung
from lnkit.sweep.claims import SWEEP_FOLDER

FORM = 1  # raised when an older version could misread the file


@dataclass
class SearchState:
    """Rounds and trial trainings that were decided; their scores and times are those of the records."""

    file: Path
    budget: float
    rungs: list[Rung] = field(default_factory=list)
    trials: list[tuple[str, int]] = field(default_factory=list)  # loss network and length, to measure the time

    def write(self) -> None:
        """Write the file as a whole."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        plain = {
            "form": FORM,
            "budget": self.budget,
            "rungs": [asdict(rung) for rung in self.rungs],
            "trials": [list(trial) for trial in self.trials],
        }
        atomic_write_text(self.file, json.dumps(plain, indent=1) + "\n")


def state_file(results: Path, candidates: Sequence[Candidate], length_field: str) -> Path:
    """Return the file of a search: the same candidates with any budget are the same search."""
    ids = "\n".join([length_field, *(candidate.task.id for candidate in candidates)])
    return results / SWEEP_FOLDER / f"halving-{hashlib.sha256(ids.encode()).hexdigest()[:16]}.json"


def read_state(file: Path, budget: float) -> SearchState:
    """Return what was decided; nothing if the file is not there.

    With another budget than before, what was planned for the old one is decided anew from the first round that is not
    finished; :class:`lnkit.search.halving.search.HalvingSearch` sees to it.

    Raises:
        DataError: The file is damaged, or of another version of lnkit.
    """
    if not file.exists():
        return SearchState(file, budget)
    plain: Any = read_json(file)
    try:
        if plain["form"] != FORM:
            raise DataError(f"{file} was written by another version of lnkit. Delete it, and run the command again.")
        rungs = [Rung(**rung) for rung in plain["rungs"]]
        trials = [(str(name), int(length)) for name, length in plain["trials"]]
        return SearchState(file, float(plain["budget"]), rungs, trials)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} is damaged. Delete it, and run the command again: no training is lost.") from error
