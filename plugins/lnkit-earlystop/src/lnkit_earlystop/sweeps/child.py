"""A training of a sweep, in a process that ends with the sweep: ``python -m lnkit_earlystop.sweeps.child WORDS``.

The sweep holds the other end of its standard input, which closes when the sweep ends, however it ends.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def end_with_the_sweep() -> None:
    """Let this process end when its standard input does."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    os.read(0, 1)  # returns at the end of the input: the sweep writes nothing
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    end_with_the_sweep()
    sys.argv[1:1] = ["earlystop", "train"]
    runpy.run_module("lnkit", run_name="__main__")
