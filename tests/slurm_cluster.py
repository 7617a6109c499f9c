"""A real SLURM on this machine for tests: Debian's slurmctld and slurmd as children, with their state in a folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GPUS = "".join(f"NodeName={{host}} Name=gpu File=/dev/{device}\n" for device in ("null", "zero"))  # stand for two
COMMANDS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
SECONDS = 60  # that the daemons get to start

CONFIGURATION = """\
ClusterName=lnkit
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SwitchType=switch/none
MpiDefault=none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdTimeout=15
KillWait=5
MaxArraySize=4
SchedulerParameters=sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 Gres=gpu:2
GresTypes=gpu
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=10
"""


def absent() -> str:
    """Return why no SLURM can be started here, or ""."""
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        return f"SLURM is not installed ({', '.join(missing)}): apt-get install slurmctld slurmd slurm-client"
    return "" if os.getuid() == 0 else "SLURM's daemons run as root"


class SlurmCluster:
    """One controller and one node with two processors and what SLURM takes for two GPUs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        ports = _free_ports()
        for name, text in {"slurm.conf": CONFIGURATION, "gres.conf": GPUS}.items():
            filled = text.format(host=socket.gethostname(), ports=ports, folder=folder)
            (folder / name).write_text(filled, encoding="utf-8")
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, daemon: str) -> None:
        """Start "slurmctld" or "slurmd"."""
        with (self.folder / f"{daemon}.log").open("ab") as log:
            self.daemons[daemon] = subprocess.Popen(
                [daemon, "-D"], env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def stop(self, daemon: str, number: int = signal.SIGTERM) -> None:
        """Send a signal to a daemon, and wait for its end."""
        self.daemons[daemon].send_signal(number)
        self.daemons.pop(daemon).wait(SECONDS)

    def ask(self, *words: str) -> str:
        """Return what a command of SLURM prints."""
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, check=True).stdout

    def states(self) -> list[str]:
        """Return the states of all jobs that have not ended."""
        return self.ask("squeue", "--noheader", "--array", "--format=%T").split()

    def kill_steps(self) -> None:
        """Kill all that runs in jobs, as a node does that loses its power."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                variables = (process / "environ").read_bytes().split(b"\0")
                stepd = (process / "comm").read_text().startswith("slurmstepd")
                words = (process / "cmdline").read_bytes()
            except OSError:  # it has just ended
                continue
            own = f"SLURM_CONF={self.folder / 'slurm.conf'}".encode() in variables
            if own and (stepd or (b"SLURM_JOB_ID=" in b"".join(variables) and b"pytest" not in words)):
                with suppress(ProcessLookupError):
                    os.kill(int(process.name), signal.SIGKILL)

    def wait_until_idle(self, seconds: float = 240) -> None:
        """Wait until no job is left; one that was queued again begins soon, where SLURM waits two minutes."""
        end = time.monotonic() + seconds
        while self.states():
            for id_ in self.ask("squeue", "--noheader", "--format=%i %r").splitlines():
                if id_.endswith("BeginTime"):
                    time.sleep(5)  # the node refuses a job within seconds of its end
                    _answer(self, "scontrol", "update", f"JobId={id_.split()[0]}", "StartTime=now")
            assert time.monotonic() < end, self.ask("squeue")
            time.sleep(0.3)


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[SlurmCluster]:
    """Start a cluster, and end it with all of its jobs."""
    cluster = SlurmCluster(folder)
    try:
        cluster.start("slurmctld")
        _until(lambda: "UP" in _answer(cluster, "scontrol", "ping"))
        cluster.start("slurmd")
        _until(lambda: _answer(cluster, "sinfo", "--noheader", "--format=%t").split()[:1] == ["idle"])
        yield cluster
    finally:
        _answer(cluster, "scancel", "--user=root")
        with_jobs = time.monotonic() + 15
        while _answer(cluster, "squeue", "--noheader") and time.monotonic() < with_jobs:
            time.sleep(0.3)
        for daemon in list(cluster.daemons):
            cluster.stop(daemon)


def _until(true: object) -> None:
    end = time.monotonic() + SECONDS
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "SLURM did not start"
        time.sleep(0.1)


def _answer(cluster: SlurmCluster, *words: str) -> str:
    done = subprocess.run(words, env=cluster.environment, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def _free_ports() -> list[int]:
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
