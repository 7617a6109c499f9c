"""The checks as a pytest suite: one test for each check of each item that a plugin registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit.errors import LnkitError
from lnkit.testing.collection import LIMIT, CheckOptions, collect

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from lnkit.testing.checks import Case


class PluginSuite:
    """Base class of a test class that checks an installed plugin.

    Example::

        class TestPlugin(lnkit.testing.PluginSuite):
            plugin = "lnkit_mine"
    """

    plugin = ""  # name of its entry point
    only: tuple[str, ...] = ()  # backbones to check; empty for up to `limit` of all
    limit = LIMIT  # most backbones to check, evenly spread; 0 for all
    pretrained = False  # whether to check pretrained weights, which may be downloaded

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each case; pytest calls this when it collects tests."""
        if "lnkit_case" in metafunc.fixturenames:
            cases = self._cases()
            metafunc.parametrize("lnkit_case", cases, ids=[getattr(case, "title", "collecting") for case in cases])

    def test_plugin(self, lnkit_case: Case | LnkitError) -> None:
        """Run a case, and fail or skip with its message."""
        import pytest  # noqa: PLC0415 - lnkit does not depend on pytest, which is there when this runs

        if isinstance(lnkit_case, LnkitError):
            pytest.fail(str(lnkit_case), pytrace=False)
        result = lnkit_case.run()
        if result.state == "skipped":
            pytest.skip(result.message)
        if result.state == "failed":
            pytest.fail(result.message, pytrace=False)

    def _cases(self) -> Sequence[Case | LnkitError]:
        """Return the cases, or the error that prevents collecting them, which then fails as the only test."""
        try:
            return collect(self.plugin, CheckOptions(tuple(self.only), self.limit, self.pretrained))
        except LnkitError as error:
            return [error]
