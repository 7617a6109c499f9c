"""lnkit's checks as a pytest suite: one test for each check of each thing that a plugin brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit.errors import LnkitError
from lnkit.testing.collecting import LIMIT, Choice, collect

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from lnkit.testing.findings import Case


class PluginSuite:
    """What a test module subclasses to have an installed plugin checked.

    Example::

        class TestPlugin(lnkit.testing.PluginSuite):
            plugin = "lnkit_mine"
    """

    plugin = ""  # the name of its entry point
    only: tuple[str, ...] = ()  # backbones to check; empty leaves the choice to `limit`
    limit = LIMIT  # backbones at most, evenly spread; 0 is all
    pretrained = False  # check with pretrained weights, which may have to be fetched

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of every case; pytest calls this while it collects."""
        if "lnkit_case" in metafunc.fixturenames:
            cases = self._cases()
            metafunc.parametrize("lnkit_case", cases, ids=[getattr(case, "title", "collecting") for case in cases])

    def test_plugin(self, lnkit_case: Case | LnkitError) -> None:
        """Fail with the sentence that says what is wrong."""
        import pytest  # noqa: PLC0415 - this only ever runs under pytest, and lnkit does not depend on it

        if isinstance(lnkit_case, LnkitError):
            pytest.fail(str(lnkit_case), pytrace=False)
        finding = lnkit_case.examine()
        if finding.state == "skipped":
            pytest.skip(finding.sentence)
        if finding.state == "failed":
            pytest.fail(finding.sentence, pytrace=False)

    def _cases(self) -> Sequence[Case | LnkitError]:
        """What is to be checked; where that cannot be told, one test fails and says why."""
        try:
            return collect(self.plugin, Choice(tuple(self.only), self.limit, self.pretrained))
        except LnkitError as error:
            return [error]
