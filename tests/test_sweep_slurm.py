"""Sweeps on a real SLURM: arrays, the same records as here, kills, requeues; and what the executor refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sweep_records
from slurm_cluster import SlurmCluster, absent, slurm_cluster
from sweep_records import checkpoints, records, run_here, wait_until, worker_process

import lnkit
from lnkit import sweep
from lnkit.sweep.executors.slurm_options import job_options, minutes

real_slurm = pytest.mark.skipif(bool(absent()), reason=absent() or "a SLURM")
ON_CPU = {"gpus": "0", "cpus": "1", "time": "30m"}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCluster]:
    pytest.importorskip("submitit")
    with slurm_cluster(tmp_path / "slurm") as started:
        monkeypatch.setenv("SLURM_CONF", started.environment["SLURM_CONF"])
        yield started


@pytest.fixture(scope="module")
def trained_here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return run_here(sweep_records.training(tmp_path_factory.mktemp("here")))


def job_ids(cluster: SlurmCluster) -> list[str]:
    return cluster.ask("squeue", "--noheader", "--array", "--format=%i").split()


def output_of_jobs(results: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in (results / ".sweep").rglob("*log*") if file.is_file())


@real_slurm
def test_one_task_on_slurm(cluster: SlurmCluster, tmp_path: Path) -> None:
    opened = sweep_records.one(tmp_path / "results of one")
    assert opened.run("slurm", ON_CPU).startswith("Submitted 1 job to SLURM (id 1). Their output:")
    again = opened.run("slurm", ON_CPU)
    # On a fast machine the job runs already; then no task is open.
    assert again == "" or again.startswith("Nothing was submitted: 1 job of this study is queued already (1: 1 ")
    cluster.wait_until_idle()
    assert opened.status().counts["done"] == 1, output_of_jobs(opened.results)
    (alone,) = lnkit.evaluate("pixel", "image", "bapps", sample=True, results=tmp_path / "alone")
    assert records(opened.results) == records(tmp_path / "alone")
    assert alone.record.id in records(opened.results)


@real_slurm
def test_arrays_are_as_large_as_the_cluster_allows(cluster: SlurmCluster, tmp_path: Path) -> None:
    names = ("alexnet", "squeezenet1_0", "squeezenet1_1", "vgg11", "vgg13", "vgg16")
    opened = sweep.plan(sweep.Study(sweep_records.MEASURED, names, weights="random", results=tmp_path / "results"))
    held = {**ON_CPU, "slurm_hold": "true", "slurm_comment": "a word"}
    assert opened.run("slurm", {**held, "parallel": "1"}).startswith("Submitted 1 job")
    assert opened.run("slurm", {**held, "parallel": "1"}).startswith("Nothing was submitted: 1 job of this study is")
    sentence = opened.run("slurm", held)  # one for each task: five more, in arrays of at most four
    assert "is queued already (1: 1 pending, SLURM's reason: JobHeldUser). Submitted 5 jobs " in sentence
    assert "to SLURM (ids 2, 3). Their output: " in sentence
    assert sorted(job_ids(cluster)) == ["1", "2_0", "2_1", "2_2", "2_3", "3"]
    shown = cluster.ask("scontrol", "show", "job", "2")
    assert "Comment=a word" in shown
    assert "Requeue=1" in shown
    assert "TimeLimit=00:30:00" in shown
    assert opened.run("slurm", held).startswith("Nothing was submitted: 6 jobs of this study are queued already (")


@real_slurm
def test_a_job_sees_one_gpu(cluster: SlurmCluster, tmp_path: Path) -> None:
    """The script prints its environment and ends before the worker begins."""
    opened = sweep_records.one(tmp_path / "results")
    shown = tmp_path / "environment"
    opened.run("slurm", {"slurm_setup": f"srun --ntasks=1 env > {shown}; exit"})
    cluster.wait_until_idle()
    variables = dict(line.split("=", 1) for line in shown.read_text(encoding="utf-8").splitlines() if "=" in line)
    assert variables["CUDA_VISIBLE_DEVICES"] in ("0", "1")


@real_slurm
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gpus": "a100:1"}, "Requested node configuration is not available"),
        ({"gpus": "0", "partition": "none"}, "invalid partition specified: none"),
        ({"gpus": "0", "slurm_colour": "a100"}, "unrecognized option '--colour=a100'"),
    ],
)
def test_what_slurm_refuses(cluster: SlurmCluster, tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(lnkit.UsageError) as refused:
        sweep_records.one(tmp_path).run("slurm", options)
    assert str(refused.value).startswith("SLURM refused the job: ")
    assert said in str(refused.value)


@real_slurm
@pytest.mark.exhaustive
def test_slurm_gives_the_records_of_this_machine(cluster: SlurmCluster, tmp_path: Path) -> None:
    here = run_here(sweep_records.three(tmp_path / "here"))
    opened = sweep_records.three(tmp_path / "there")
    assert opened.run("slurm", ON_CPU).startswith("Submitted 3 jobs")
    cluster.wait_until_idle()
    assert records(opened.results) == here, output_of_jobs(opened.results)


@real_slurm
@pytest.mark.exhaustive
@pytest.mark.parametrize("victim", ["worker", "job", "slurmd", "node"])
def test_a_kill_in_the_middle_of_a_training(
    cluster: SlurmCluster, tmp_path: Path, trained_here: dict[str, object], victim: str
) -> None:
    opened = sweep_records.training(tmp_path / "results")
    opened.run("slurm", ON_CPU)
    wait_until(lambda: checkpoints(opened.results))
    time.sleep(3)
    first = worker_process(opened.results)
    assert first
    if victim == "worker":
        os.kill(first, signal.SIGKILL)
    elif victim == "job":
        cluster.ask("scancel", "--signal=KILL", "1")
    elif victim == "slurmd":  # the job goes on without the daemon
        cluster.stop("slurmd", signal.SIGKILL)
        time.sleep(3)
        cluster.start("slurmd")
    else:  # with all that runs on it
        cluster.stop("slurmd", signal.SIGKILL)
        cluster.kill_steps()
        wait_until(lambda: cluster.ask("sinfo", "--noheader", "--format=%t").startswith("down"))
        cluster.start("slurmd")
    if victim != "slurmd":
        wait_until(lambda: worker_process(opened.results) != first)
    cluster.wait_until_idle(400)
    if victim == "job":  # SLURM counts it as failed; the same command goes on
        assert opened.run("slurm", ON_CPU).startswith("Submitted 1 job")
        cluster.wait_until_idle()
    assert records(opened.results) == trained_here, output_of_jobs(opened.results)


@real_slurm
@pytest.mark.exhaustive
def test_the_submitting_process_is_killed(
    cluster: SlurmCluster, tmp_path: Path, trained_here: dict[str, object]
) -> None:
    results = tmp_path / "results"
    study = (
        "backbones = 'squeezenet1_1'\npoints = 'early'\nweights = 'random'\n"
        "[[bench]]\nname = 'delineation'\nsample = true\nset = { epochs = '20' }\n"
    )
    (tmp_path / "study.toml").write_text(study, encoding="utf-8")
    words = [sys.executable, "-m", "lnkit", "sweep", "run", "study.toml", "--on", "slurm", "--results", str(results)]
    words += [word for option, value in ON_CPU.items() for word in ("--option", f"{option}={value}")]
    with subprocess.Popen(words, cwd=tmp_path) as submitting:
        wait_until(lambda: cluster.states())
        submitting.kill()
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Submitted" in done.stdout) == (0, False), done.stdout + done.stderr
    cluster.wait_until_idle()
    if not records(results):  # submitit waits a minute for what the killed process did not write, then fails
        assert subprocess.run(words, cwd=tmp_path, check=False).returncode == 0
        cluster.wait_until_idle()
    assert records(results) == trained_here, output_of_jobs(results)


@real_slurm
@pytest.mark.exhaustive
def test_a_training_goes_on_after_the_time_limit(cluster: SlurmCluster, tmp_path: Path) -> None:
    here = run_here(sweep_records.training(tmp_path / "here", epochs=60))
    opened = sweep_records.training(tmp_path / "results", epochs=60)
    opened.run("slurm", {**ON_CPU, "time": "2m", "slurm_signal_delay_s": "60"})
    cluster.wait_until_idle(600)
    assert "Requeued job 1" in output_of_jobs(opened.results)
    assert records(opened.results) == here, output_of_jobs(opened.results)
    assert not opened.claims.failed_ids()


@real_slurm
@pytest.mark.exhaustive
def test_a_training_goes_on_after_a_preemption(
    cluster: SlurmCluster, tmp_path: Path, trained_here: dict[str, object]
) -> None:
    opened = sweep_records.training(tmp_path / "results")
    opened.run("slurm", ON_CPU)
    wait_until(lambda: checkpoints(opened.results))
    time.sleep(3)
    urgent = ["srun", "--partition=urgent", "--exclusive", "--ntasks=1", "true"]
    subprocess.run(urgent, env=cluster.environment, check=True, timeout=240)
    cluster.wait_until_idle(600)
    assert "Requeued job 1 (10 remaining timeouts)" in output_of_jobs(opened.results)
    assert records(opened.results) == trained_here, output_of_jobs(opened.results)
    assert not opened.claims.failed_ids()


@pytest.mark.exhaustive
def test_two_processes_with_shards(tmp_path: Path) -> None:
    here = run_here(sweep_records.three(tmp_path / "here"))
    study = "backbones = ['pixel', 'alexnet', 'squeezenet1_1']\nweights = 'random'\n"
    study += "bench = [{name = 'bapps', sample = true}]\n"
    (tmp_path / "study.toml").write_text(f"results = 'there'\n{study}", encoding="utf-8")
    words = [sys.executable, "-m", "lnkit", "sweep", "run", str(tmp_path / "study.toml"), "--device", "cpu", "--shard"]
    processes = [subprocess.Popen([*words, f"{number}/2"]) for number in range(2)]
    assert [process.wait(240) for process in processes] == [0, 0]
    assert records(tmp_path / "there") == here


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"partitionn": "gpu"}, "The executor slurm has no option 'partitionn'. Did you mean 'partition'?"),
        ({"time": "soon"}, "Expected a time such as 8h, 30m, 2d or 08:30:00, got 'soon'."),
        ({"time": "0h"}, "Expected a time"),
        ({"gpus": "2"}, "Expected gpus=1, gpus=TYPE:1 or gpus=0, got '2'. A job uses one GPU."),
        ({"parallel": "0"}, "Expected parallel as a whole number from 1, got '0'."),
        ({"cpus": "two"}, "Expected cpus as a whole number"),
        ({"slurm_time": "3"}, "slurm_time has a name of its own: use the option time."),
        ({"slurm_array": "0-3"}, "got slurm_array (lnkit sets this one)."),
        ({"slurm_No Key": "1"}, "Expected slurm_KEY=VALUE with an option of sbatch as KEY"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(lnkit.UsageError) as refused:
        sweep_records.one(tmp_path).run("slurm", options)
    assert said in str(refused.value)


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(lnkit.UsageError, match="needs SLURM's sbatch, squeue, scontrol, srun, which this machine does"):
        sweep_records.one(tmp_path).run("slurm", {})
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(lnkit.UsageError, match=r"package submitit \(pip install 'lnkit\[slurm\]'\)"):
        sweep_records.one(tmp_path).run("slurm", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8h", 480), ("1d12h", 2160), ("30m", 30), ("90s", 2), ("08:30:00", 510), ("2-00:00:30", 2881)],
)
def test_times(text: str, expected: int) -> None:
    assert minutes(text) == expected


def test_options_become_parameters_of_submitit() -> None:
    read = job_options({"cpus": "4", "memory": "16G", "gpus": "a100:1", "slurm_setup": "module load cuda"})
    assert read.device == "cuda:0"
    assert read.parameters == {
        "time": 480,
        "mem": "16G",
        "cpus_per_task": 4,
        "srun_args": ["--cpus-per-task=4"],
        "gpus_per_node": "a100:1",
        "setup": ["module load cuda"],
        "additional_parameters": {"requeue": True},
    }
    assert "gpus_per_node" not in job_options({"slurm_gres": "gpu:a100:1"}).parameters
