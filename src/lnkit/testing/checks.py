"""A check of something that a plugin registers, and its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lnkit.errors import LnkitError
from lnkit.plugins.failures import place_of, place_of_function, sentence_of
from lnkit.plugins.guard import owner_of
from lnkit.plugins.rules import printable
from lnkit.specs import load_function

Check = Callable[[Any], Iterator[str]]  # yields a sentence for each fault; its docstring states the requirement


class Subject(Protocol):
    """The subject of checks: a plugin's registration, a backbone, a distance, a benchmark or a suite."""

    @property
    def title(self) -> str:
        """Its kind and name: "backbone mine"."""
        ...

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks that apply to it."""
        ...

    @property
    def source(self) -> object:
        """The function that it comes from, or "module:function"; None if its failures say where they arose."""
        ...

    def release(self) -> None:
        """Free what the checks have loaded; a later check loads it again."""
        ...


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check of one subject."""

    check: str  # "evaluation mode"
    subject: str  # "backbone mine"
    state: Literal["passed", "failed", "skipped"]
    message: str  # the requirement that holds, the faults, or why the check was skipped
    place: str = ""  # of a failed check, in the plugin's code: "mine/scores.py, line 12"


class NotChecked(LnkitError):  # noqa: N818 - no error: the check does not apply, and the message says why
    pass


@dataclass(frozen=True)
class Case:
    """One check of one subject, ready to run."""

    subject: Subject
    check: Check

    @property
    def title(self) -> str:
        """Name of the case as a test: "backbone mine: evaluation mode"."""
        return f"{self.subject.title}: {self.name}"

    @property
    def name(self) -> str:
        """Name of the check: "evaluation mode"."""
        return self.check.__name__.replace("_", " ")

    def run(self) -> CheckResult:
        """Run the check. Whatever the plugin's code raises is a fault too, except KeyboardInterrupt."""
        place = ""
        try:
            faults = list(self.check(self.subject))
        except NotChecked as reason:
            return CheckResult(self.name, self.subject.title, "skipped", f"Not checked. {reason}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # plugin code may even raise SystemExit
            faults, place = [error_message(error)], place_of(error, owner_of("", self.subject.source).package)
        finally:
            if self.check is self.subject.checks[-1]:
                self.subject.release()
        if faults:
            place = place or _definition(self.subject.source)
            return CheckResult(self.name, self.subject.title, "failed", " ".join(faults), place)
        return CheckResult(self.name, self.subject.title, "passed", (self.check.__doc__ or "").splitlines()[0])


def _definition(source: object) -> str:
    """Return where a function is defined; "" if it cannot be imported."""
    try:
        function = load_function(source)
    except LnkitError:
        return ""
    return place_of_function(function) if callable(function) else ""


def error_message(error: BaseException) -> str:
    """Return the message of one of lnkit's errors as it is, and that of any other with its type."""
    return printable(str(error)) if isinstance(error, LnkitError) else f"It raises {sentence_of(error)}"
