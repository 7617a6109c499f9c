"""One interpreter that has imported what lnkit's commands need, and runs each command in a forked child.

A command of its own process spends seconds on importing torch. A child of the warm interpreter is as clean, since
nothing but imports happened before the fork, and has its own environment, working folder and virtual environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

SERVER = '''
import contextlib, importlib, json, os, signal, site, sys, traceback

for name in ("torch", "torchvision", "timm", "pandas", "rich.console", "rich.table", "click", "lnkit.cli"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)


def become(job):
    """Take the place of a process started in the job's virtual environment."""
    os.setsid()
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(job["stdout"], os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(os.open(job["stderr"], os.O_WRONLY | os.O_CREAT) if job["stderr"] else 1, 2)
    sys.executable, sys.prefix = job["python"], job["prefix"]
    site.addsitedir(job["site"])
    sys.argv = job["arguments"]


def run(job):
    code = 1
    try:
        become(job)
        from lnkit.cli import main
        code = main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code or 0)


def wait(child, seconds):
    def give_up(*_):
        os.killpg(child, signal.SIGKILL)
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    status = os.waitpid(child, 0)[1]
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status)


for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        run(job)
    print(wait(child, job["seconds"]), flush=True)
'''


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and the variables of a process in it."""

    folder: Path
    site: Path
    variables: Mapping[str, str]

    @classmethod
    def current(cls, **variables: str) -> Environment:
        """The environment of the tests, with other variables."""
        return cls(Path(sys.prefix), Path(sysconfig.get_path("purelib")), {**os.environ, **variables})


class WarmProcess:
    """The warm interpreter; the context manager ends it."""

    def __enter__(self) -> WarmProcess:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def lnkit(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Environment | None = None,
        together: bool = False,
        seconds: int = 600,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``lnkit`` with arguments, as :func:`subprocess.run` would.

        Args:
            arguments: What stands after ``lnkit``.
            folder: The working folder.
            environment: Where the command lives; that of the tests by default.
            together: Whether stderr goes to stdout, in order.
            seconds: Until it is killed.
        """
        environment = environment or Environment.current()
        with TemporaryDirectory() as temporary:
            stdout, stderr = Path(temporary) / "stdout", Path(temporary) / "stderr"
            job = {
                "arguments": [str(environment.folder / "bin" / "lnkit"), *arguments],
                "folder": str(folder),
                "environment": dict(environment.variables),
                "python": str(environment.folder / "bin" / "python"),
                "prefix": str(environment.folder),
                "site": str(environment.site),
                "stdout": str(stdout),
                "stderr": "" if together else str(stderr),
                "seconds": seconds,
            }
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            code = self._process.stdout.readline()
            assert code, "the warm interpreter has ended"
            printed = [file.read_text(encoding="utf-8") if file.exists() else "" for file in (stdout, stderr)]
            return subprocess.CompletedProcess(job["arguments"], int(code), *printed)
