"""Sweeps on Ray: the same records as here, lost workers and nodes, Ctrl-C; and what the executor refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sweep_records
from sweep_records import checkpoints, records, run_here, wait_until, worker_process

import lnkit
from lnkit.sweep.executors.ray import Shape, shape_of

STUDIES = {
    "one": "backbones = 'pixel'\nbench = [{name = 'bapps', sample = true}]\n",
    "three": (
        "backbones = ['pixel', 'alexnet', 'squeezenet1_1']\nweights = 'random'\n"
        "bench = [{name = 'bapps', sample = true}]\n"
    ),
    "training": (
        "backbones = 'squeezenet1_1'\npoints = 'early'\nweights = 'random'\n"
        "[[bench]]\nname = 'delineation'\nsample = true\nset = { epochs = '20' }\n"
    ),
}


def command(folder: Path, study: str, *more: str) -> list[str]:
    """Return the words that run a study on Ray, with its results in the folder."""
    (folder / "study.toml").write_text(f"results = 'results'\n{STUDIES[study]}", encoding="utf-8")
    return [sys.executable, "-m", "lnkit", "sweep", "run", str(folder / "study.toml"), "--on", "ray", "--json", *more]


def run(folder: Path, study: str, *more: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("ray")
    done = subprocess.run(command(folder, study, *more), capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a training in another process, and stop it at the end."""
    pytest.importorskip("ray")
    words = command(tmp_path, "training", "--option", "cpus_per_task=1")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            wait_until(lambda: checkpoints(tmp_path / "results") or process.poll() is not None)
            assert process.poll() is None, process.communicate()[0]
            time.sleep(3)
            yield process
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def trained_here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return run_here(sweep_records.training(tmp_path_factory.mktemp("here")))


def test_one_task_on_ray(tmp_path: Path) -> None:
    done = run(tmp_path, "one", "--option", "cpus_per_task=2")
    assert done.stderr.splitlines()[0] == "1 worker on 1 node, each with 0 GPUs and 2 processors."
    assert "lnkit undid this" not in done.stderr
    counts = {"done": 1, "running": 0, "failed": 0, "open": 0}
    assert json.loads(done.stdout) == {"results": str(tmp_path / "results"), "submitted": "", "counts": counts}
    lnkit.evaluate("pixel", "image", "bapps", sample=True, results=tmp_path / "alone")
    assert records(tmp_path / "results") == records(tmp_path / "alone")


@pytest.mark.exhaustive
def test_ray_gives_the_records_of_this_machine(tmp_path: Path) -> None:
    done = run(tmp_path, "three", "--parallel", "2", "--option", "cpus_per_task=1")
    assert done.stderr.splitlines()[0] == "2 workers on 1 node, each with 0 GPUs and 1 processor."
    assert records(tmp_path / "results") == run_here(sweep_records.three(tmp_path / "here"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("victim", ["worker", "its starter"])
def test_a_kill_in_the_middle_of_a_training(
    tmp_path: Path, running: subprocess.Popen[str], trained_here: dict[str, object], victim: str
) -> None:
    worker = worker_process(tmp_path / "results")
    os.kill(worker if victim == "worker" else parent_of(worker), signal.SIGKILL)
    wait_until(lambda: worker_process(tmp_path / "results") != worker)
    said = running.communicate(timeout=400)[0]
    assert running.returncode == 0, said
    assert records(tmp_path / "results") == trained_here


@pytest.mark.exhaustive
def test_ctrl_c_stops_and_the_same_command_goes_on(
    tmp_path: Path, running: subprocess.Popen[str], trained_here: dict[str, object]
) -> None:
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[0]
    assert running.returncode == 130, said
    assert not worker_process(tmp_path / "results")
    assert max(checkpoints(tmp_path / "results")) > "00000000"  # saved when it was told to stop
    run(tmp_path, "training", "--option", "cpus_per_task=1")
    assert records(tmp_path / "results") == trained_here


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("default")  # of Ray's own tool for tests
def test_a_lost_node(tmp_path: Path, trained_here: dict[str, object]) -> None:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        lost = cluster.add_node(num_cpus=1)
        words = command(tmp_path, "training", "--address", cluster.address)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            wait_until(lambda: checkpoints(tmp_path / "results") or process.poll() is not None)
            time.sleep(3)
            cluster.add_node(num_cpus=1)
            cluster.remove_node(lost, allow_graceful=False)
            said = process.communicate(timeout=400)[0]
        assert process.returncode == 0, said
        assert said.startswith("1 worker on 2 nodes, each with 0 GPUs and 1 processor.")
    finally:
        cluster.shutdown()
    assert records(tmp_path / "results") == trained_here


def parent_of(process: int) -> int:
    """Return the number of the process that started another."""
    return int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"addres_": "auto"}, "The executor ray has no option 'addres_'. Did you mean 'address'?"),
        ({"gpus_per_task": "2"}, "Expected gpus_per_task from 0 to 1, such as 1, 0.5 or 0, got '2'."),
        ({"gpus_per_task": "half"}, "Expected gpus_per_task"),
        ({"parallel": "0"}, "Expected parallel as a whole number from 1, got '0'."),
        ({"cpus_per_task": "-1"}, "Expected cpus_per_task as a whole number"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(lnkit.UsageError) as refused:
        sweep_records.one(tmp_path).run("ray", options)
    assert said in str(refused.value)


def test_no_ray_is_started_in_a_slurm_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with pytest.raises(lnkit.UsageError, match="No Ray cluster is started inside a SLURM job"):
        sweep_records.one(tmp_path).run("ray")


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(lnkit.UsageError, match=r"package ray \(pip install 'lnkit\[ray\]'\)"):
        sweep_records.one(tmp_path).run("ray")


@pytest.mark.parametrize(
    ("nodes", "gpus", "cpus", "most", "expected"),
    [
        ([(2, 0)], None, None, None, Shape(2, 0, 1)),
        ([(2, 0)], None, None, 1, Shape(1, 0, 2)),
        ([(16, 4)], None, None, 9, Shape(4, 1, 4)),
        ([(16, 4), (8, 4)], None, None, 99, Shape(8, 1, 2)),
        ([(16, 1)], 0.5, None, 9, Shape(2, 0.5, 8)),
        ([(16, 2)], 0.3, None, 9, Shape(6, 0.3, 2)),
        ([(16, 4)], 1, 8, 9, Shape(2, 1, 8)),
        ([(4, 0), (64, 8)], 1, None, 99, Shape(8, 1, 8)),
    ],
)
def test_shape(
    nodes: list[tuple[float, float]], gpus: float | None, cpus: int | None, most: int | None, expected: Shape
) -> None:
    assert shape_of(nodes, gpus, cpus, most) == expected


def test_a_cluster_without_room_is_refused() -> None:
    with pytest.raises(
        lnkit.UsageError, match=r"with 1 GPU and 1 processor for a worker; .* 0 GPUs and 2 processors\."
    ):
        shape_of([(2, 0)], 1, None, 1)
