"""What a hostile plugin does: code that runs at a place of its own, may change ``normal`` and may set ``result``.

Places: import, hook, load, forward, distance, open_data, run, rescore, command.
"""

from __future__ import annotations

EVERYWHERE = ("import", "hook", "load", "forward", "distance", "open_data", "run", "rescore", "command")
WHERE_LISTED = ("import", "hook")  # reached by every command

_RAISED = (
    "Exception('bad')", "ValueError()", "KeyError('x')", "OSError(28, 'No space')", "MemoryError()", "RecursionError()",
    "StopIteration()", "GeneratorExit()", "KeyboardInterrupt()", "SystemExit(0)", "SystemExit(3)", "SystemExit('text')",
    "EOFError()", "BrokenPipeError()", "AssertionError()", "BaseException('base')", "TimeoutError()", "NotImplementedError()",
    "UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')", "ExceptionGroup('g', [ValueError()])", "__import__('click').Abort()",
    "__import__('click').exceptions.Exit(0)", "__import__('click').UsageError('usage')", "ImportError('no')", "Warning('w')",
    r"ValueError('\x1b]0;x\x07\u202e')", "ValueError('x' * 10**6)", r"ValueError('a\nb')", r"ValueError('\ud800')",
    "type('E', (Exception,), {'__str__': lambda self: 1 / 0})()", "type('E', (BaseException,), {'__str__': lambda self: 1 / 0})()",
)  # fmt: skip
RAISES = {code: f"raise {code}" for code in _RAISED}

# The process ends at once: the next command has to name the plugin.
ENDS = {
    "os._exit(0)": "import os; os._exit(0)",
    "os._exit(3)": "import os; os._exit(3)",
    "abort": "import os; os.abort()",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "SIGTERM": "import os; os.kill(os.getpid(), 15)",
    "exec": "import os; os.execv('/bin/true', ['true'])",
}

# The process goes on in another state: lnkit restores it, or names the plugin; output and scores are the same.
CHANGES = {
    "SIGINT to itself": "import os; os.kill(os.getpid(), 2)",
    "umask": "import os; os.umask(0o777)",
    "alarm": "import signal; signal.alarm(1)",
    "timer": "import signal; signal.setitimer(signal.ITIMER_REAL, 0.3)",
    "ignored signals": "import signal; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]",
    "blocked signals": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {2, 15})",
    "handlers": "import os, signal; signal.signal(signal.SIGINT, lambda *_: os._exit(0))",
    "recursion limit": "import sys; sys.setrecursionlimit(60)",
    "limit of files": "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (12, r.getrlimit(r.RLIMIT_NOFILE)[1]))",
    "limit of sizes": "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (0, r.getrlimit(r.RLIMIT_FSIZE)[1]))",
    "limit of memory": "import resource as r; r.setrlimit(r.RLIMIT_AS, (10**6, r.getrlimit(r.RLIMIT_AS)[1]))",
    "closed stdout": "import sys; sys.stdout.close()",
    "closed stderr": "import sys; sys.stderr.close()",
    "no stdout": "import sys; sys.stdout = None",
    "no streams": "import sys; sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None",
    "closed descriptor 1": "import os; os.close(1)",
    "closed descriptor 2": "import os; os.close(2)",
    "closed descriptors": "import os; os.closerange(3, 64)",
    "other descriptor 1": "import os; os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
    "stdout in memory": "import io, sys; sys.stdout = io.StringIO()",
    "stdout that raises": "import sys; sys.stdout.write = lambda *_: 1 / 0",
    "json": "import json; json.dumps = lambda *_, **__: 'x'",
    "json.loads": "import json; json.loads = lambda *_, **__: {}",
    "click": "import click; click.echo = lambda *_, **__: None",
    "numpy": "import numpy; numpy.load = numpy.mean = numpy.savez_compressed = lambda *_, **__: 0",
    "open": "import builtins; builtins.open = lambda *_, **__: 1 / 0",
    "print": "import builtins; builtins.print = builtins.len = None",
    "os.replace": "import os; os.replace = os.rename = lambda *_: None",
    "pathlib": "import pathlib; pathlib.Path.write_text = pathlib.Path.is_file = lambda *_, **__: False",
    "time": "import time; time.sleep = time.monotonic = lambda *_: 0.0",
    "torch functions": "import torch; torch.manual_seed = torch.no_grad = torch.from_numpy = None",
    "waits": "import time; time.sleep(2)",
    "much output": "print('x' * 3_000_000)",
    "output": r"print('\x1b[2J\x07\u202e{}')",
    "raw output": r"import os; os.write(1, b'\x1b[2J\x07raw')",
    "thread that prints": "import threading, time; threading.Thread(target=lambda: [(print('{noise'), time.sleep(.001)) for _ in range(10**4)], daemon=True).start()",  # noqa: E501
    "thread that writes": "import os, threading, time; threading.Thread(target=lambda: [(os.write(1, b'{noise'), time.sleep(.001)) for _ in range(10**4)], daemon=True).start()",  # noqa: E501
    "thread that never ends": "import threading; threading.Thread(target=threading.Event().wait).start()",
    "thread that raises": "import threading; threading.Thread(target=lambda: 1 / 0).start()",
    "chdir": "import os; os.chdir('/')",
    "environment": "import os; os.environ.clear()",
    "LNKIT variables": "import os; os.environ.update(LNKIT_RESULTS='/nowhere', LNKIT_CACHE='/nowhere', OMP_NUM_THREADS='x')",
    "sys.path": "import sys; sys.path.clear()",
    "sys.modules": "import sys; [sys.modules.pop(name) for name in list(sys.modules) if name.startswith('lnkit.')]",
    "sys.argv": "import sys; sys.argv.clear()",
    "meta path": "import sys; sys.meta_path.clear()",
    "locale": "import locale; locale.setlocale(locale.LC_ALL, 'C')",
    "seeds": "import random, numpy, torch; random.seed(1); numpy.random.seed(1); torch.manual_seed(1)",
    "dtype": "import torch; torch.set_default_dtype(torch.float64)",
    "device": "import torch; torch.set_default_device('meta')",
    "threads": "import torch; torch.set_num_threads(3)",
    "gradients": "import torch; torch.set_grad_enabled(False); torch.use_deterministic_algorithms(True)",
    "warnings": "import warnings; warnings.simplefilter('error'); warnings.warn('loud')",
    "logging": "import logging; logging.basicConfig(level=0); logging.disable(100); logging.getLogger().critical('loud')",
    "numpy errors": "import numpy; numpy.seterr(all='raise'); numpy.set_printoptions(precision=1)",
    "pandas options": "import pandas; pandas.set_option('display.precision', 1)",
    "decimal": "import decimal; decimal.getcontext().prec = 1",
    "trace": "import sys; sys.settrace(lambda *_: 1 / 0)",
    "profile": "import sys; sys.setprofile(lambda *_: None)",
    "hooks of sys": "import os, sys; sys.excepthook = sys.displayhook = sys.unraisablehook = lambda *_: os._exit(0)",
    "atexit": "import atexit; atexit.register(lambda: print('\\x1b[2J'))",
    "atexit that ends": "import atexit, os; atexit.register(lambda: os._exit(0))",
    "garbage": "import gc; gc.disable(); gc.set_threshold(1, 1, 1)",
    "nice": "import os; os.nice(5)",
    "child": "import os; os.fork() or os._exit(0)",
    "child that returns": "import os; os.fork()",
    "background child": "import subprocess; subprocess.Popen(['sleep', '2'])",
    "files in the working folder": "open('litter', 'w').close()",
}

# Wrong values: for load, forward, distance, open_data, run; ``normal`` is the right one.
_VALUES = ("None", "5", "'text'", "[normal]", "{}", "[]", "object()", "type", "float('nan')", "lambda: None", "{'x': normal}", "(normal, normal)")
RETURNS = {f"returns {value}": f"result = {value}" for value in _VALUES}

_OUTCOME = "from dataclasses import replace as r; import numpy as np, lnkit; key, outcome = next(iter(normal.items())); s = lnkit.Score; "
OUTCOMES = {
    text: f"{_OUTCOME}result = {{key: {text}}}"
    for text in (
        "None", "[outcome]", "5", "r(outcome, scores=None)", "r(outcome, scores={})", "r(outcome, scores={'nothing': s(.5)})",
        "r(outcome, scores={'good': 0.5})", "r(outcome, scores={'good': s(None)})", "r(outcome, scores={'good': s('0.5')})",
        "r(outcome, scores={'good': s([.5])})", "r(outcome, scores={'good': s(float('nan'))})", "r(outcome, scores={'good': s(7.0)})",
        "r(outcome, scores={'good': s(1e400)})", "r(outcome, scores={'good': s(.5, n='3')})", "r(outcome, scores={'good': s(.5, n=-1)})",
        "r(outcome, scores={'good': s(.5, interval=(float('nan'), 1.0))})", "r(outcome, scores={'good': s(.5, interval=(1.0,))})",
        "r(outcome, scores={'good': s(.5, interval=(.9, .1))})", "r(outcome, scores={'good': s(.5, ceilings={'x': None})})",
        "r(outcome, scores={'good': s(.5, ceilings=[1])})", "r(outcome, scores={5: s(.5)})", "r(outcome, arrays=[1])",
        "r(outcome, arrays={'x': [1, 2]})", "r(outcome, arrays={'x': np.array([object()])})", "r(outcome, arrays={'../x': np.zeros(1)})",
        "r(outcome, arrays={5: np.zeros(1)})", "r(outcome, notes='text')", "r(outcome, notes=(5,))", r"r(outcome, notes=('\x1b[2J\u202e',))",
        r"r(outcome, notes=('\ud800',))", "r(outcome, notes=None)", "r(outcome, files={'../../../x': lnkit.__file__})",
        "r(outcome, files={'../../../x': __import__('pathlib').Path(lnkit.__file__)})",
        "r(outcome, files={'/tmp/attacked': __import__('pathlib').Path(lnkit.__file__)})", "r(outcome, files={'x': None})",
        "r(outcome, files={'result.json': __import__('pathlib').Path(lnkit.__file__)})", "r(outcome, files=[1])",
        "r(outcome, files={'x': __import__('pathlib').Path('/nowhere')})", "r(outcome, files={'x': __import__('pathlib').Path('/dev/zero')})",
        "r(outcome, collapsed=5)", r"r(outcome, collapsed='\x1b[2J')",
    )
}  # fmt: skip
GOOD_OUTCOMES = {  # numbers that are right once they are converted
    text: f"{_OUTCOME}result = {{key: r(outcome, scores={{'good': {text}}})}}"
    for text in ("s(np.float32(0.5), n=np.int64(3))", "s(np.float64(0.5), interval=(np.float32(0.25), np.float64(0.75)))")
}

_NAMES = (r"\x1b[31mred", r"a\u202eb", r"a\nb", r"\ud800", "x" * 10_000, "../x", "", " ", "a b", "é", "a:b", "a+b", "all", "-x", "a/../../b", "/etc",
          "vgg16", "bapps", "spatial", r"a\0b", "%s", "<b>", "con")  # fmt: skip
NAMES = {f"name {name[:20]}": f"result = dict.fromkeys(normal, '{name}')" for name in _NAMES}
NAMES |= {f"name {value}": f"result = dict.fromkeys(normal, {value})" for value in ("None", "5", "['x']", "b'x'")}
NAMES |= {
    "many backbones": "result = normal | {'many': 10_000}",
    "two of one name": "result = normal | {'many': -1}",
}
DISTRIBUTIONS = {  # name, version and entry point of a distribution
    "distribution lnkit": ("lnkit", "9.9", "lnkit = hostile"),
    "distribution ESC": ("\x1b[31mred", "1.0", "hostile = hostile"),
    "entry ESC": ("hostile", "1.0", "\x1b[31m\u202ered = hostile"),
    "version bidi": ("hostile", "1.0\u202e\x07", "hostile = hostile"),
    "entry of lnkit": ("hostile", "1.0", "lnkit_torchvision = hostile"),
    "no value": ("hostile", "1.0", "hostile ="),
    "no module": ("hostile", "1.0", "hostile = nothing.of.this"),
    "builtin": ("hostile", "1.0", "hostile = sys"),
    "an attribute": ("hostile", "1.0", "hostile = hostile:nothing"),
    "long": ("h" * 200, "1.0", "h" * 5000 + " = hostile"),
    "a function": ("hostile", "1.0", "hostile = os:abort"),
    "twice": ("hostile", "1.0", "hostile = hostile\nhostile = hostile"),
    "nonsense": ("hostile", "", "=\n[\n]]\n\0\n= =\nhostile hostile"),
}
