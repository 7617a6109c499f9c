"""The generators of bootstrap samples, and the names that lnkit.stats exports."""

from __future__ import annotations

import subprocess
import sys

from lnkit.stats.bootstrap import named_generator


def test_each_seed_and_each_name_has_draws_of_its_own() -> None:
    draws = {(seed, name): named_generator(seed, name).integers(2**62) for seed in (0, 1) for name in ("cnn", "color")}
    assert len(set(draws.values())) == len(draws)
    assert named_generator(1, "cnn").integers(2**62) == draws[1, "cnn"]


def test_every_exported_name_exists_and_none_needs_pandas() -> None:
    code = "import sys; from lnkit.stats import *; assert average_precision; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
