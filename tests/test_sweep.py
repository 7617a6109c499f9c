"""`lnkit sweep`: tasks of a study, their claims, workers that die, and going on where a sweep stopped."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import lnkit
from lnkit import sweep
from lnkit.cli import cli
from lnkit.results.folder import ResultsFolder
from lnkit.sweep import worker
from lnkit.sweep.claims import Claims, Failure, own_claim
from lnkit.sweep.costs import makespan
from lnkit.sweep.study import Study, StudyBenchmark, study_from_toml
from lnkit.sweep.supervisor import environment
from lnkit.sweep.task_list import read_task_list

SAMPLE = (StudyBenchmark("bapps", sample=True),)


def small(results: Path, *backbones: str) -> sweep.Sweep:
    return sweep.plan(Study(SAMPLE, backbones or ("pixel",), weights="pretrained", results=results))


def test_one_backbone_on_one_benchmark(tmp_path: Path) -> None:
    opened = small(tmp_path)
    assert opened.status().counts == {"done": 0, "running": 0, "failed": 0, "open": 1}
    assert opened.run(options={"devices": "cpu"}) == ""
    assert opened.status().counts["done"] == 1
    (alone,) = lnkit.evaluate("pixel", "image", "bapps", sample=True, results=tmp_path / "alone")
    (task,) = opened.status().tasks
    assert task.records[0].id == alone.record.id
    assert task.records[0].scores == alone.record.scores


def test_the_same_tasks_in_another_order_have_one_file(tmp_path: Path) -> None:
    opened = small(tmp_path, "pixel", "alexnet")
    file = opened.write()
    opened.tasks.reverse()
    assert opened.write() == file
    assert [task.name for task in read_task_list(file).tasks] == [task.name for task in opened.tasks]
    assert small(tmp_path, "pixel").write() != file


def test_the_study_has_182_tasks() -> None:
    benches = tuple(StudyBenchmark(name) for name in ("bapps", "superres", "delineation", "autoencoder"))
    opened = sweep.plan(Study(benches, ("@pihlgren2023",), results=Path("nowhere")))
    assert len(opened.tasks) == 14 + 3 * 56  # Pihlgren et al. 2023: 14 backbones, 4 points, 4 benchmarks
    assert sum(len(resolved.networks) for resolved in opened.resolved) == 4 * 56


def test_what_eval_measured_is_finished(tmp_path: Path) -> None:
    lnkit.evaluate("pixel", "image", "bapps", sample=True, results=tmp_path)
    assert small(tmp_path).status().counts["done"] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"weights": "random", "backbones": ("alexnet",)},
        {"bench": (StudyBenchmark("bapps", sample=True, overrides={"distance": "l1"}),)},
    ],
)
def test_a_record_of_something_else_is_not_taken_for_the_task(tmp_path: Path, other: dict[str, object]) -> None:
    lnkit.evaluate("pixel", "image", "bapps", sample=True, results=tmp_path)
    fields: dict[str, object] = {"bench": SAMPLE, "backbones": ("pixel",), "results": tmp_path, **other}
    assert sweep.plan(Study(**fields)).status().counts["done"] == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("backbones = 'pixel'", "Expected one or more benchmarks"),
        ("bench = 'bapps'", "Expected backbones"),
        ("backbones = 'pixel'\nbench = 'bapp'", "s.toml, line 2: No benchmark is called 'bapp'"),
        ("backbones = ['pixel',\n 'alexnot']\nbench = 'bapps'", "s.toml, line 2: No backbone is called 'alexnot'"),
        ("backbone = 'pixel'\nbench = 'bapps'", "s.toml, line 1: A study has no field 'backbone'"),
        ("backbones = 'pixel'\n[[bench]]\nname = 'bapps'\nseeds = 3", "s.toml, line 4: bapps only measures"),
        ("backbones = 'pixel'\n[[bench]]\nname = 'bapps'\nprotocol = 'no'", "s.toml, line 3: bapps pixel"),
        ("backbones = 'pixel'\nbench = 'bapps'\nbatch_size = 'x'", "s.toml, line 3: Expected a whole number"),
        ("backbones = 'pixel'\nbench = 'bapps'\nlosses = ['pixel:']", "s.toml, line 3"),
        ("backbones = 3\nbench = 'bapps'", "s.toml, line 1: Expected backbones as text"),
        ("backbones = ", "Expected TOML in s.toml"),
        ("backbones = ['@none.txt']\nbench = 'bapps'", "s.toml, line 1: Expected @pihlgren2023"),
    ],
)
def test_a_wrong_study_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(lnkit.UsageError) as refused:
        sweep.plan(study_from_toml(text, "s.toml"))
    assert said in str(refused.value)


def test_a_process_that_runs_keeps_its_claim(tmp_path: Path) -> None:
    claims = Claims(tmp_path, heartbeat=0.05, abandoned=0.5)
    assert claims.acquire("a", own_claim("bapps pixel", "cpu", "one"))
    assert not claims.acquire("a", own_claim("bapps pixel", "cpu", "two"))
    with claims.kept("a"):
        time.sleep(0.8)  # longer than a claim lives without a touch
        assert not claims.acquire("a", own_claim("bapps pixel", "cpu", "two"))
    assert claims.holder("a") is None


def test_a_claim_that_nobody_touches_is_taken_over(tmp_path: Path) -> None:
    claims = Claims(tmp_path, abandoned=0.3)
    assert claims.acquire("a", own_claim("bapps pixel", "cpu", "one"))
    time.sleep(0.4)
    assert claims.acquire("a", own_claim("bapps pixel", "cpu", "two"))
    holder = claims.holder("a")
    assert holder is not None
    assert holder.worker == "two"


def test_a_claim_of_a_dead_process_is_taken_over_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from lnkit.sweep.claims import *; "
        "print(Claims(Path(sys.argv[1])).acquire('a', own_claim('t', 'cpu', 'one')))"
    )
    made = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    assert made.stdout == "True\n"
    assert Claims(tmp_path).holder("a") is None
    assert Claims(tmp_path).acquire("a", own_claim("t", "cpu", "two"))


@pytest.mark.parametrize("abandoned", [False, True])
def test_of_many_processes_one_claims(tmp_path: Path, abandoned: bool) -> None:
    claims = Claims(tmp_path, abandoned=0.2 if abandoned else 90)
    if abandoned:
        claims.acquire("a", own_claim("t", "cpu", "before"))
        time.sleep(0.3)
        claims = Claims(tmp_path, abandoned=90)
        os.utime(tmp_path / ".sweep" / "a.claim", (0, 0))
    got: list[int] = []
    barrier = threading.Barrier(8)

    def claim(number: int) -> None:
        barrier.wait()
        if claims.acquire("a", own_claim("t", "cpu", str(number))):
            got.append(number)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_a_damaged_claim_does_not_stop_a_sweep(tmp_path: Path) -> None:
    (tmp_path / ".sweep").mkdir()
    (tmp_path / ".sweep" / "a.claim").write_text("{")
    assert Claims(tmp_path).acquire("a", own_claim("t", "cpu", "one"))


def test_a_task_that_fails_twice_is_left(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    claims.add_failure("a", Failure("t", "first"))
    assert not claims.is_given_up("a")
    claims.add_failure("a", Failure("t", "second"))
    assert claims.is_given_up("a")
    claims.forget_failures("a")
    assert not claims.is_given_up("a")


def test_longest_task_first() -> None:
    assert makespan([1] * 10, 3) == 4
    assert makespan([2, 3, 3, 5, 2, 3], 3) == 7  # 5 + 2, 3 + 3, 3 + 2
    assert makespan([], 4) == 0


NETWORKS = """
import ctypes
from torch import nn

def good(pretrained=True):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

def raises(pretrained=True):
    raise RuntimeError("the weights are gone")

def crashes(pretrained=True):
    ctypes.string_at(0)
"""


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with own networks, of which some fail, that every process finds."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "own_networks.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    return folder


@pytest.mark.parametrize(
    ("bad", "said"), [("raises", "the weights are gone"), ("crashes", "was ended by SIGSEGV, a crash in compiled code")]
)
@pytest.mark.usefixtures("networks")
def test_a_network_that_fails_stops_no_other(tmp_path: Path, bad: str, said: str) -> None:
    study = Study(SAMPLE, (f"own_networks:{bad}", "own_networks:good"), points="0", results=tmp_path / "results")
    opened = sweep.plan(study)
    opened.run(options={"devices": "cpu"})
    states = {task.task.request.backbone: task for task in opened.status().tasks}
    assert states["own_networks:good"].state == "done"
    failed = states[f"own_networks:{bad}"]
    assert failed.state == "failed"
    assert len(failed.failures) == 2
    assert said in failed.failures[-1].sentence


def write_study(folder: Path, *backbones: str, bench: str = "name = 'bapps'") -> Path:
    file = folder / "study.toml"
    names = ", ".join(repr(name) for name in backbones)
    file.write_text(
        f"backbones = [{names}]\nweights = 'random'\nresults = 'results'\n[[bench]]\n{bench}\nsample = true\n"
    )
    return file


def command(study: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "lnkit", "-q", "sweep", "run", str(study), *words]


def contents(results: Path) -> dict[str, object]:
    """Return scores and arrays of all records."""
    folder = ResultsFolder(results)
    records, damaged = folder.load()
    assert not damaged
    return {
        record.id: (record.scores, {name: array.tobytes() for name, array in folder.arrays(record).items()})
        for record in records
    }


def test_two_parts_in_two_processes_do_all(tmp_path: Path) -> None:
    study = write_study(tmp_path, "pixel")
    parts = [subprocess.Popen(command(study, "--shard", f"{part}/2", "--device", "cpu")) for part in range(2)]
    assert [part.wait() for part in parts] == [0, 0]
    assert sweep.plan(study).status().counts["done"] == 1


@pytest.mark.exhaustive  # minutes
def test_a_sweep_that_is_killed_again_and_again_ends_as_one_that_is_not(tmp_path: Path) -> None:
    bench = "name = 'autoencoder'"
    (tmp_path / "killed").mkdir()
    study = write_study(tmp_path / "killed", "pixel", bench=bench)
    # On as many devices each time: the last bits of a training depend on its threads.
    claims = Claims(tmp_path / "killed" / "results")
    kills = 0
    for pause in (0, 1, 3, 5, 7, 9):  # seconds after a worker began, or went on
        process = subprocess.Popen(command(study, "--devices", "cpu,cpu"), stdin=subprocess.DEVNULL)
        wait_until(lambda running=process: bool(claims.holders()) or running.poll() is not None)  # type: ignore[misc]
        time.sleep(pause)
        kills += process.poll() is None
        process.kill()
        process.wait()
    assert kills > 2
    subprocess.run(command(study, "--devices", "cpu,cpu"), check=True)
    assert not list((tmp_path / "killed").glob("results/.sweep/*.failed-*"))
    whole = tmp_path / "whole"
    whole.mkdir()
    subprocess.run(command(write_study(whole, "pixel", bench=bench), "--devices", "cpu,cpu"), check=True)
    assert contents(tmp_path / "killed" / "results") == contents(whole / "results")


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    study = write_study(tmp_path, "alexnet", "pixel")
    process = subprocess.Popen(command(study, "--devices", "cpu"), stdin=subprocess.DEVNULL)
    claims = Claims(tmp_path / "results")
    wait_until(lambda: bool(claims.holders()))
    process.kill()
    process.wait()
    wait_until(lambda: not claims.holders())


def test_an_interrupt_stops_the_workers_and_releases_their_claims(tmp_path: Path) -> None:
    study = write_study(tmp_path, "alexnet")
    process = subprocess.Popen(command(study, "--devices", "cpu"), stderr=subprocess.PIPE, text=True)
    folder = tmp_path / "results" / ".sweep"
    wait_until(lambda: bool(list(folder.glob("*.claim"))))
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Interrupted. Run the same command again to resume." in said
    assert not list(folder.glob("*.claim"))
    assert not list(folder.glob("*.failed-*"))


def wait_until(holds: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_workers_do_not_see_the_variables_of_launchers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "TORCHELASTIC_RUN_ID"):
        monkeypatch.setenv(name, "2")
    seen = environment({"OMP_NUM_THREADS": "3"})
    assert not {"WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "TORCHELASTIC_RUN_ID"} & set(seen)
    assert seen["OMP_NUM_THREADS"] == "3"
    assert seen["PATH"] == os.environ["PATH"]


def test_a_full_disk_stops_all_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = small(tmp_path, "pixel")

    def full(*_: object, **__: object) -> None:
        raise lnkit.LnkitError("cannot be written") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(worker, "run", full)
    with pytest.raises(lnkit.LnkitError, match="The disk is full"):
        opened.run_shard(0, 1, "cpu")
    assert opened.status().counts == {"done": 0, "running": 0, "failed": 0, "open": 1}


def test_a_sweep_waits_for_what_another_process_runs_and_does_it_if_that_dies(tmp_path: Path) -> None:
    study = write_study(tmp_path, "alexnet")
    first = subprocess.Popen(command(study, "--devices", "cpu"), stdin=subprocess.DEVNULL)
    claims = Claims(tmp_path / "results")
    wait_until(lambda: bool(claims.holders()))
    second = subprocess.Popen(command(study, "--devices", "cpu"), stdin=subprocess.DEVNULL)
    time.sleep(3)
    first.kill()
    first.wait()
    assert second.wait(180) == 0
    assert sweep.plan(study).status().counts["done"] == 1


def test_reproduce_writes_the_published_study(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["reproduce", "--study", str(tmp_path / "study.toml")])
    assert result.exit_code == 0, result.output
    opened = sweep.plan(tmp_path / "study.toml")
    assert len(opened.tasks) == 182
    assert {task.request.variant for task in opened.tasks} == {"reference"}  # type: ignore[union-attr]
    assert {point for one in opened.resolved if one for network in one.networks for point in network.points} == {
        "early", "semi_early", "mid", "late",  # Pihlgren et al. 2023, Table II
    }  # fmt: skip
