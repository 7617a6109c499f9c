"""Text of others on the terminal: one place prints it, and nothing in it steers the terminal or ends the command."""

from __future__ import annotations

import ast
import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from helpers import make_record

from lnkit.cli import run
from lnkit.cli._output import echo, emit_json, print_lines, print_table
from lnkit.results import forms
from lnkit.results.folder import ResultsFolder

ROOT = Path(__file__).parents[1]
PRINTS = {
    "src/lnkit/cli/_output.py",
    "src/lnkit/plugins/output.py",  # passes on what foreign code prints
    "src/lnkit/testing/heavy_imports.py",  # a script of its own
}
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07", "a\rb", "a\nb", "\x9b31m", "\u202egnp.exe", "\u2066x\u2069", "\u200b\u200d\ufeff",
    "\u2028\u2029", "\U000e0041\U000e007f", "\x00", "\x7f", "e" + "\u0301" * 500, "\u5bbd\u5b57", "\U0001f600",
    "\udcff", "\ud83d", "\ufffe",
)  # fmt: skip

Capture = pytest.CaptureFixture[str]


def steers(text: str) -> set[str]:
    """Characters that a terminal obeys, by their numbers: controls, directions, invisible ones, halves of pairs."""
    ranges = (
        (0x00, 0x09), (0x0B, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x061C, 0x061C), (0x200B, 0x200F), (0x2028, 0x202E),
        (0x2060, 0x206F), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xE0000, 0xE007F),
    )  # fmt: skip
    return {c for c in text if any(low <= ord(c) <= high for low, high in ranges)}


def hostile_results(folder: Path) -> None:
    """Keep a record whose every text is hostile."""
    text = "".join(HOSTILE[:-3]) + "|"
    record = make_record(
        backbone=f"net{text}",
        points={f"mid{text}": f"node{text}"},
        family=text,
        weights=text,
        weights_source=text,
        notes=(text,),
        deviations=(text,),
        collapsed=text,
        environment={text: text},
    )
    ResultsFolder(folder).write(record, {})


def call_sites(file: Path) -> list[str]:
    """Return what a file prints with: ``click.echo``, ``print``, ``sys.stdout.write``."""
    calls = [
        ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    return [
        c for c in calls if c in ("print", "click.echo", "click.secho") or c.endswith(("stdout.write", "stderr.write"))
    ]


def test_nothing_else_prints() -> None:
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(f for f in (ROOT / "plugins").rglob("*.py") if not {"tests", "tools"} & set(f.relative_to(ROOT).parts)),
    ]
    assert len(files) > 300
    found = {name: sites for file in files if (sites := call_sites(file)) and (name := str(file.relative_to(ROOT)))}
    assert set(found) - PRINTS == set()
    assert found["src/lnkit/cli/_output.py"] == ["click.echo"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_steers_the_terminal(text: str, capsys: Capture) -> None:
    echo(text)
    echo(text, err=True)
    print_lines(f"{text}\nsecond")
    print_table([text], [[text]], title=text)
    out, err = capsys.readouterr()
    assert steers(out + err) == set()
    assert out.endswith("\n")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_json_escapes_and_loses_nothing(text: str, capsys: Capture) -> None:
    emit_json({text: [text, float("nan"), float("inf"), 0.1]})
    out = capsys.readouterr().out
    assert steers(out) == set()
    assert json.loads(out, parse_constant=pytest.fail) == {text: [text, None, None, 0.1]}


@pytest.mark.parametrize(
    "words",
    ["results list", "results show RUN", "results show RUN --json", "results export",
     "results export --format markdown", "results export --format latex", "analyze ranks --from own"],
)  # fmt: skip
def test_records_do_not_steer_the_terminal(
    words: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "_is_name", lambda text: True)  # else such names are refused when they are read
    hostile_results(tmp_path)
    (record,) = ResultsFolder(tmp_path).load()[0]
    assert run([*words.replace("RUN", record.key.digest()[:12]).split(), "--results", str(tmp_path)]) in (0, 2)
    out, err = capsys.readouterr()
    assert steers(out + err) == set()
    assert out or "two" in err  # ranks need two loss networks


@pytest.mark.parametrize(
    "words", [["--no\x1b[2J"], ["list-distances", "x\x07\u202e"], ["no\x1bcommand"], ["points", "a\rb\x1b"],
              ["list-distances", "--json\x1b"], ["published", "show", "\udcff\x1b"]], ids=ascii
)  # fmt: skip
def test_wrong_words_do_not_steer_the_terminal(words: list[str], capsys: Capture) -> None:
    assert run(words) == 2
    out, err = capsys.readouterr()
    assert steers(out + err) == set()
    assert "Error: " in err


def process(code: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **options.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, timeout=60, check=False)


def test_warnings_and_messages_of_loggers_do_not_steer_the_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lnkit.cli._process import print_messages

    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    print_messages()
    logging.lastResort.handle(logging.makeLogRecord({"levelno": 30, "msg": "a\x1b[2Jb"}))
    warnings.showwarning("c\x07d", UserWarning, "file\u202e", 1)
    out, err = capsys.readouterr()
    assert (out, steers(err)) == ("", set())
    assert "a [2Jb\n" in err
    assert "c d" in err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16", "shift_jis"])
def test_every_encoding_can_be_printed_in(encoding: str) -> None:
    """What an encoding lacks is written as a number, and JSON stays JSON."""
    code = """
from lnkit.cli._output import echo, emit_json, print_table
echo("\\u00e4 \\u5bbd \\U0001f600 \\u2500"); print_table(["\\u00e4"], [["\\u5bbd"]])
print("-----"); emit_json({"\\u00e4": "\\u5bbd\\U0001f600"})
"""
    done = process(code, env={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    lines, _, text = done.stdout.decode(encoding).replace("\ufeff", "").partition("-----\n")
    assert json.loads(text) == {"\u00e4": "\u5bbd\U0001f600"}
    assert ("\\xe4" in lines) == (encoding in ("ascii", "shift_jis"))


# Streams that are closed or full


@pytest.mark.parametrize("words", ["list-distances", "list-distances --json", "published show attributes --json"])
@pytest.mark.parametrize(("stream", "said"), [(">&-", "it is closed"), ("1</dev/null", "Bad file descriptor")])
def test_results_that_nobody_gets_are_an_error(words: str, stream: str, said: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m lnkit {words} {stream}", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: Cannot write to standard output ({said})")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("words", ["list-distances", "list-distances --json"])
def test_a_full_disk_under_standard_output(words: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m lnkit {words} >/dev/full", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("streams", ["2>&-", "<&-", "<&- 2>&-"])
def test_other_streams_may_be_closed(streams: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m lnkit list-distances --json {streams}",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout)


def test_a_closed_stream_is_not_the_next_file() -> None:
    """What a library prints must not land in the file that was opened next."""
    code = "import os; from lnkit.cli._process import open_streams; open_streams(); print(os.fstat(1).st_rdev)"
    done = subprocess.run(
        f'{sys.executable} -c "{code}; import sys; sys.exit(os.open(os.devnull, os.O_RDONLY) < 3)" >&-',
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# What the process must have


def test_a_removed_working_folder_is_a_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        f"rmdir {gone}; {sys.executable} -m lnkit list-distances",
        shell=True, cwd=gone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "Error: The working folder cannot be used (No such file or directory). Change to another folder and run the "
        "command again.\n"
    )


@pytest.mark.parametrize("words", [["eval", "--backbone", "a\0b"], ["plot", "ranks", "--output", "\0.png"]])
def test_a_nul_is_a_sentence(words: list[str], capsys: Capture) -> None:
    assert run(words) == 2
    assert "without NUL characters" in capsys.readouterr().err


def test_an_empty_path_is_not_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """As in ``--results "$UNSET"``."""
    monkeypatch.chdir(tmp_path)
    assert run(["eval", "--backbone", "pixel", "--sample", "--protocol", "quick", "--results", ""]) == 2
    assert "got an empty word" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_libraries_have_a_home_where_the_user_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lnkit.cli._process import find_home
    from lnkit.data import cache_dir
    from lnkit.errors import UsageError

    def no_entry(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", no_entry)
    monkeypatch.setenv("HOME", "")
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LNKIT_CACHE", raising=False)
    with pytest.raises(UsageError, match="Set LNKIT_CACHE"):
        cache_dir()
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    find_home()
    assert Path.home() == tmp_path
    monkeypatch.setenv("LNKIT_CACHE", "~nobody-of-this-name/x")
    with pytest.raises(UsageError, match="no home folder"):
        cache_dir()
