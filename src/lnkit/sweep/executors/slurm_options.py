"""The options of the executor slurm, as parameters of submitit."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lnkit.errors import UsageError

OPTIONS = {
    "parallel": "the number of jobs, each a worker; by default one for each open task, at most 16",
    "partition": "to submit to",
    "time": "limit of a job, such as 8h, 30m, 2d or 08:30:00, by default 8h; the job is queued again after it",
    "requeues": "how often a job is queued again after its time limit, by default 10",
    "gpus": "of a job: 1, TYPE:1, or 0 to compute on the CPU; by default 1",
    "cpus": "of a job; its threads",
    "memory": "of a job, such as 16G",
    "qos": "quality of service",
    "account": "to charge",
    "slurm_KEY": "any other parameter of submitit or sbatch, such as slurm_constraint=a100",
}
MOST_JOBS = 16  # unless more are asked for
TIME = "8h"
REQUEUES = 10

UNITS = {"d": 24 * 60, "h": 60, "m": 1, "s": 1 / 60}  # minutes
GPU_PARAMETERS = ("gpus_per_node", "gpus_per_task", "gres", "gpus")  # another way to ask for the GPU
LISTS = ("setup", "teardown", "srun_args")  # lines of the script, and words for srun
SUBMITIT = ("signal_delay_s", "stderr_to_stdout")  # parameters that are no option of sbatch
OWN = {
    "time": "time",
    "partition": "partition",
    "mem": "memory",
    "cpus_per_task": "cpus",
    "qos": "qos",
    "account": "account",
}
MADE = ("array", "job_name", "output", "error", "signal", "open_mode", "nodes", "ntasks", "ntasks_per_node", "use_srun")


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What jobs to submit."""

    parallel: int
    requeues: int
    device: str
    parameters: Mapping[str, Any]  # of submitit


def job_options(options: Mapping[str, str]) -> JobOptions:
    """Read the options.

    Args:
        options: As the user gave them.

    Raises:
        UsageError: A value is wrong.
    """
    more = _more({name.removeprefix("slurm_"): text for name, text in options.items() if name.startswith("slurm_")})
    gpus = options.get("gpus", "1")
    if not re.fullmatch(r"([\w.-]+:)?[01]", gpus):
        raise UsageError(f"Expected gpus=1, gpus=TYPE:1 or gpus=0, got {gpus!r}. A job uses one GPU.")
    on_cpu = gpus[-1] == "0"
    parameters: dict[str, Any] = {"time": minutes(options.get("time", TIME))}
    for option, parameter in {"partition": "partition", "memory": "mem", "qos": "qos", "account": "account"}.items():
        if option in options:
            parameters[parameter] = options[option]
    if "cpus" in options:
        cpus = _number("cpus", options["cpus"])
        # Since SLURM 22.05 a step does not get the CPUs of its job unless it asks for them too.
        parameters["cpus_per_task"] = cpus
        more["srun_args"] = [f"--cpus-per-task={cpus}", *more.get("srun_args", [])]
    if not on_cpu and not any(name in more or name in more["additional_parameters"] for name in GPU_PARAMETERS):
        parameters["gpus_per_node"] = gpus
    return JobOptions(
        _number("parallel", options.get("parallel", str(MOST_JOBS))),
        _number("requeues", options.get("requeues", str(REQUEUES)), least=0),
        "cpu" if on_cpu else "cuda:0",
        parameters | more,
    )


def minutes(text: str) -> int:
    """Return the minutes of a duration: "8h", "1d12h", "30m", "HH:MM:SS", "D-HH:MM:SS".

    Raises:
        UsageError: It is none.
    """
    found = 0.0
    if clock := re.fullmatch(r"(?:(\d{1,3})-)?(\d{1,4}):(\d{2}):(\d{2})", text):
        days, hours, mins, seconds = (int(part or 0) for part in clock.groups())
        found = days * 24 * 60 + hours * 60 + mins + seconds / 60
    elif re.fullmatch(r"(\d{1,6}[dhms])+", text):
        found = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))
    if not found:
        raise UsageError(f"Expected a time such as 8h, 30m, 2d or 08:30:00, got {text!r}.")
    return math.ceil(found)


def _number(option: str, text: str, least: int = 1) -> int:
    if not re.fullmatch(r"\d{1,6}", text) or int(text) < least:
        raise UsageError(f"Expected {option} as a whole number from {least}, got {text!r}.")
    return int(text)


def _more(given: Mapping[str, str]) -> dict[str, Any]:
    """Return further parameters: those that only submitit knows, and those of sbatch."""
    known: dict[str, Any] = {}
    others: dict[str, Any] = {"requeue": True}  # also where the cluster's default is not to
    for name, text in given.items():
        value: Any = int(text) if re.fullmatch(r"\d{1,9}", text) else True if text == "true" else text
        if name in OWN:
            raise UsageError(f"slurm_{name} has a name of its own: use the option {OWN[name]}.")
        if name in MADE or not re.fullmatch(r"[a-z][a-z_-]*", name):
            taken = " (lnkit sets this one)" if name in MADE else ""
            raise UsageError(f"Expected slurm_KEY=VALUE with an option of sbatch as KEY, got slurm_{name}{taken}.")
        if name in LISTS:
            known[name] = shlex.split(text) if name == "srun_args" else [text]
        elif name in SUBMITIT:
            known[name] = value
        else:
            others[name] = value
    return known | {"additional_parameters": others}
