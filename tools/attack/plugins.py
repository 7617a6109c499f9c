"""Hostile plugins, as installed distributions: every command still works, says what it said, and names the plugin."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lnkit.plugins.entrypoints import find_entry_points

from .behaviours import USUAL as PLAIN, Behaviour, behaviours
from .material import EVAL, NETWORK, make
from .process import Command, Ended, run
from .report import Report

UNIT, COUNT = "plugins", 300
PLUGIN = '''
PLACE, CODE = {place!r}, {code!r}


def at(place, normal=None):
    if place != PLACE:
        return normal
    names = {{"normal": normal, "result": normal, "__name__": "hostile"}}
    exec(CODE, names)
    return names["result"]


at("import")
import dataclasses
import click
import lnkit

NAMES = {{"backbone": "hostile", "bench": "hostile_bench", "distance": "hostile_distance", "title": "hostile"}}
NAMES = at("names", NAMES)


@dataclasses.dataclass(frozen=True)
class Protocol:
    distance: str = "spatial"


def load(pretrained):
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 5, 4)
            self.last = torch.nn.Identity()

        def forward(self, images):
            return self.last(at("forward", self.conv(images)))

    return at("load", Network())


def load_distance(**options):
    return lambda a, b: at("distance", (a - b).abs().flatten(1).mean(1))


def open_data(facts):
    return at("open_data", lnkit.BenchmarkData("content", {{"data": "ab" * 32}}))


def run(context, data):
    import numpy

    outcome = lnkit.Outcome({{"good": lnkit.Score(0.5, n=3)}}, {{"values": numpy.zeros(3)}})
    return at("run", {{network: outcome for network in context.networks}})


def rescore(arrays, protocol, seed):
    return at("rescore", lnkit.Outcome({{"good": lnkit.Score(0.5, n=3)}}))


@lnkit.hookimpl
def register_backbone(register):
    at("hook")
    many = NAMES.get("many", 0)
    for number in range(abs(many)):
        register(lnkit.BackboneSpec(name=f"hostile{{number if many > 0 else ''}}", family="Hostile", load=load))
    register(lnkit.BackboneSpec(name=NAMES["backbone"], family=NAMES["title"], load=load))


@lnkit.hookimpl
def register_extraction_points(register, backbones):
    register(NAMES["backbone"], lnkit.ExtractionPoint("late", node="last"))


@lnkit.hookimpl
def register_distance(register):
    register(lnkit.DistanceSpec(name=NAMES["distance"], load=load_distance, description=NAMES["title"]))


@lnkit.hookimpl
def register_benchmark(register):
    register(lnkit.BenchmarkSpec(
        name=NAMES["bench"], title=NAMES["title"], version="1", citation="", protocols={{"paper": Protocol()}},
        scores=(lnkit.ScoreSpec("good", "good", primary=True),), open_data=open_data, run=run, rescore=rescore,
    ))


@click.command()
def command():
    """Do something."""
    at("command")
    click.echo("done")
'''
_ONE = (*EVAL, "--point", "1", "--bench", "bapps", "--data", "{ground}/bapps")
USUAL = {  # commands that no plugin concerns, and whether their output is compared
    "version": ("--version",),
    "help": ("results", "--help"),
    "listing": ("results", "list", "--json"),
    "published": ("published", "list", "--json"),
    "distances": ("list-distances",),
    "eval": (*_ONE, "--force", "--json"),
}
REACHING = {  # the command that reaches a place
    "load": ("eval", "--backbone", "hostile", "--bench", "bapps", "--data", "{ground}/bapps", "--engine", "eager"),
    "distance": (*_ONE, "--distance", "hostile_distance"),
    "open_data": ("eval", "--backbone", NETWORK, "--point", "1", "--bench", "hostile_bench"),
    "command": ("hostile",),
}
REACHING |= {
    "forward": REACHING["load"],
    "run": REACHING["open_data"],
    "rescore": ("results", "rescore", "hostile_bench"),
}
WHERE_LISTED = ("import", "hook")  # reached by every command


def prepare(ground: Path) -> None:
    """Write down what the usual commands say without a plugin."""
    make(ground)
    nobody = Behaviour("", "", "", "", PLAIN)
    plain = _Attack(nobody, ground, ground / "plain", Report("plain"))
    shutil.copytree(ground / "work", plain.folder / "work")
    run(plain.command(_ONE))
    shutil.copytree(plain.folder / "results", ground / "results")
    usual = {name: _said(name, run(plain.command(words))) for name, words in USUAL.items()}
    (ground / "usual.json").write_text(json.dumps(usual), encoding="utf-8")


def cases(_seed: int) -> Iterator[str]:
    """Yield kind|place|behaviour, kinds in turn."""
    every = list(behaviours().values())
    for number in range(max(map(len, every))):
        yield from (listed[number].id for listed in every if number < len(listed))


def attempt(case: str, _seed: int, ground: Path, work: Path) -> Report:
    """Install a plugin, run the command that reaches it, and then the usual commands."""
    report = Report(case)
    report.counts["plugins"] += 1
    behaviour = next(each for listed in behaviours().values() for each in listed if each.id == case)
    attack = _Attack(behaviour, ground, work, report)
    attack.install()
    shutil.copytree(ground / "work", work / "work")
    shutil.copytree(ground / "results", work / "results")
    if behaviour.place in REACHING:
        attack.reach()
    attack.run_usual()
    return report


@dataclass(frozen=True)
class _Attack:
    behaviour: Behaviour
    ground: Path
    folder: Path
    report: Report

    def install(self) -> None:
        """Write the plugin and what pip would write."""
        site, (name, version, entry) = self.folder / "site", self.behaviour.distribution
        metadata = site / f"{name.replace('-', '_') if name.isprintable() else 'hostile'}-1.0.dist-info"
        metadata.mkdir(parents=True)
        plugin = PLUGIN.format(place=self.behaviour.place, code=self.behaviour.code)
        (site / "hostile.py").write_text(plugin, encoding="utf-8")
        headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (metadata / "METADATA").write_text(headers, encoding="utf-8")
        commands = "[lnkit.commands]\nhostile = hostile:command\n"
        (metadata / "entry_points.txt").write_text(f"[lnkit]\n{entry}\n\n{commands}", encoding="utf-8")

    def command(self, words: tuple[str, ...], **variables: str) -> Command:
        own = {
            "LNKIT_CACHE": str(self.folder / "cache"),
            "LNKIT_RESULTS": str(self.folder / "results"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }
        arguments = tuple(word.replace("{ground}", str(self.ground)) for word in words)
        site = [str(self.folder / "site")] if self.behaviour.kind else []
        return Command(arguments, self.folder / "work", {**own, **variables}, path=site)

    def reach(self) -> None:
        """Run the command that reaches the place."""
        kind, place = self.behaviour.kind, self.behaviour.place
        results = str(self.folder / "reached")  # apart from those of the usual commands
        words = REACHING[place]
        if place == "rescore":
            run(self.command(REACHING["run"], LNKIT_RESULTS=results))
            words = ("results", "rescore", *(path.name for path in Path(results).glob("hostile_bench*")))
        ended = run(self.command(words, LNKIT_RESULTS=results))
        if kind == "ends":
            self._check_next(ended)
            return
        self.report.judge(ended)
        self._check_code(ended)
        if kind in {"raises", "returns", "outcomes"} and ended.code and "hostile" not in ended.stderr:
            self.report.find("a failure of a plugin does not name it", ended)
        if kind == "good" and ended.code:
            self.report.find("numbers that are right once converted are refused", ended)

    def _check_code(self, ended: Ended) -> None:
        """Find exit codes that do not say what happened."""
        if self.behaviour.kind == "raises" and ended.code == 0:
            self.report.find("exit code 0 although foreign code raised", ended)
        if ended.code == 130 and not (self.behaviour.kind == "interrupts" or "Abort" in self.behaviour.name):
            self.report.find("says that it was interrupted", ended)
        if ended.code == 0 and not ended.stdout.strip():
            self.report.find("exit code 0, and nothing was printed", ended)

    def _check_next(self, ended: Ended) -> None:
        """After the end of a process, find an exit code 0; the next command names the plugin."""
        if ended.code == 0 and not ended.stdout.strip() and self.behaviour.name != "exec":  # another program's code
            self.report.find("exit code 0, and nothing was done", ended)
        again = run(self.command(USUAL["distances"]))
        if self.behaviour.place in WHERE_LISTED and "hostile" not in again.stderr:
            self.report.find("the plugin that ended the last command is not named", again)

    def run_usual(self) -> None:
        """Compare what the usual commands say with what they say without the plugin."""
        usual = json.loads((self.ground / "usual.json").read_text(encoding="utf-8"))
        kind, place = self.behaviour.kind, self.behaviour.place
        without = kind == "ends" and place in WHERE_LISTED
        if without:
            self._check_next(run(self.command(USUAL["distances"])))
        named = ""
        for name, words in USUAL.items():
            ended = run(self.command(words, **({"LNKIT_PLUGINS": others()} if without else {})))
            self.report.judge(ended)
            named += ended.stderr
            if kind == "interrupts" and ended.code == 130:
                continue
            if name == "distances" and kind in {"names", "distributions"}:
                continue
            if ended.code or not _same(name, _said(name, ended), usual[name]):
                self.report.find(f"`{name}` does not say what it says without the plugin", ended)
        if place in WHERE_LISTED and not without:
            ended = run(self.command(("plugins",)))
            self.report.judge(ended)
            if kind == "raises" and "hostile" not in named + ended.stdout:
                self.report.find("no command names the plugin", ended)
        self._check_places()

    def _check_places(self) -> None:
        """Find files that are where no command may write."""
        allowed = {"site", "work", "reached", "cache", "results", "config", "state"}
        strange = set(os.listdir(self.folder)) - allowed  # noqa: PTH208
        strange |= {name for name in ("/tmp/attacked", "/x") if Path(name).exists()}
        if strange:
            self.report.find(f"written outside its folder: {sorted(strange)}")


def others() -> str:
    """Return the names of the plugins that are really installed, for LNKIT_PLUGINS."""
    return ",".join(entry.name for entry in find_entry_points() if entry.distribution != "lnkit")


def _said(name: str, ended: Ended) -> str:
    """Return what a command says, without what differs from run to run."""
    if name != "eval":
        return ended.stdout
    try:
        return json.dumps([run["scores"] for run in json.loads(ended.stdout)])
    except (ValueError, KeyError, TypeError):
        return f"no scores: {ended.stdout[:200]}"


def _same(name: str, said: str, usual: str) -> bool:
    """Whether two outputs are the same; the plugin may add a distance."""
    if name == "distances":
        return {line.split()[0] for line in usual.splitlines() if line} <= {
            line.split()[0] for line in said.splitlines() if line.strip()
        }
    return said == usual
