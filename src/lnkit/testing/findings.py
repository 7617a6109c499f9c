"""A check asks one question about one thing that a plugin brings; a finding is the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lnkit.errors import LnkitError
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.rules import printable

Check = Callable[[Any], Iterator[str]]  # yields a sentence for everything that is wrong; its docstring says what holds


class Thing(Protocol):
    """What is checked: a plugin as it registers, a backbone, a distance, a benchmark."""

    @property
    def title(self) -> str:
        """What it is called in a finding: "backbone mine"."""
        ...

    @property
    def checks(self) -> tuple[Check, ...]:
        """What can be asked about it."""
        ...

    def release(self) -> None:
        """Forget what the checks have loaded; asked again, it is loaded again."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What came out of one check of one thing."""

    check: str  # "evaluation mode"
    subject: str  # "backbone mine"
    state: Literal["passed", "failed", "skipped"]
    sentence: str  # what holds, what is wrong, or why it was not checked


class NotChecked(Exception):  # noqa: N818 - no error: the question could not be asked, and the message says why
    pass


@dataclass(frozen=True)
class Case:
    """One check of one thing, to be made."""

    thing: Thing
    check: Check

    @property
    def title(self) -> str:
        """What a test of it is called: "backbone mine: evaluation mode"."""
        return f"{self.thing.title}: {self.name}"

    @property
    def name(self) -> str:
        return self.check.__name__.replace("_", " ")

    def examine(self) -> Finding:
        """Make the check. Whatever the plugin's code raises is a finding, too."""
        try:
            wrong = list(self.check(self.thing))
        except NotChecked as reason:
            return Finding(self.name, self.thing.title, "skipped", f"Not checked. {reason}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the plugin's own code runs in here, and may even leave Python
            wrong = [raised(error)]
        finally:
            if self.check is self.thing.checks[-1]:
                self.thing.release()
        if wrong:
            return Finding(self.name, self.thing.title, "failed", " ".join(wrong))
        return Finding(self.name, self.thing.title, "passed", (self.check.__doc__ or "").splitlines()[0])


def raised(error: BaseException) -> str:
    """What an error says, in one sentence; lnkit's own errors are sentences already."""
    return printable(str(error)) if isinstance(error, LnkitError | NotChecked) else f"It raises {sentence_of(error)}"
