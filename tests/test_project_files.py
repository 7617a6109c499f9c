"""The files of the project itself: workflows, locks, links and the repository's address."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import check_tag
import pytest
import repository_address
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DISTRIBUTIONS = [ROOT, *sorted((ROOT / "plugins").glob("lnkit-*"))]
ACTION = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_workflows_run_targets_of_the_makefile_only() -> None:
    targets = set(re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = {step["run"] for _, step in steps() if "run" in step}
    assert commands <= {f"make {target}" for target in targets}
    assert {"make lint", "make test", "make test-lowest", "make docs", "make dist", "make test-all"} <= commands


def test_actions_are_pinned_by_hash_and_named_by_release() -> None:
    uses = re.compile(r"^\s*(?:- )?uses: (.+)$", re.MULTILINE)
    used = [action for file in WORKFLOWS for action in uses.findall(file.read_text(encoding="utf-8"))]
    own = "$/.github/workflows/tests.yml"
    assert own in used
    assert [action for action in used if action != own and not ACTION.match(action)] == []
    pins = {action.split("@")[0]: action for action in used}
    assert set(used) == set(pins.values()), "every action has one version"


def test_workflows_have_no_rights_but_those_of_their_jobs() -> None:
    for file in WORKFLOWS:
        assert workflow(file)["permissions"] == {}, file
    writing = {
        (file.name, name): {right for right, level in job["permissions"].items() if level == "write"}
        for file in WORKFLOWS
        for name, job in workflow(file)["jobs"].items()
    }
    assert {job: rights for job, rights in writing.items() if rights} == {
        ("docs.yml", "publish"): {"pages", "id-token"},
        ("release.yml", "publish"): {"id-token"},
    }


def test_the_release_publishes_every_distribution() -> None:
    names = [name_of(folder) for folder in DISTRIBUTIONS]
    publish = workflow(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["publish"]
    assert publish["strategy"]["matrix"]["distribution"] == names


def test_tests_run_on_every_python_that_is_named() -> None:
    test = workflow(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["test"]
    classifiers = project(ROOT)["classifiers"]
    minors = [one.rpartition(" ")[2] for one in classifiers if re.search(r":: 3\.\d+$", one)]
    assert test["strategy"]["matrix"]["python"] == minors == ["3.11", "3.12", "3.13"]


def test_the_lowest_pins_are_the_lower_bounds() -> None:
    """Where distributions differ, the higher bound counts."""
    pins = pinned("lowest.txt")
    bounds: dict[str, Version] = {}
    for folder in DISTRIBUTIONS:
        facts = project(folder)
        extras = [text for texts in facts.get("optional-dependencies", {}).values() for text in texts]
        for name, bound in lower_bounds([*facts["dependencies"], *extras]):
            bounds[name] = max(bound, bounds.get(name, bound))
    assert bounds["torch"] == Version("2.6")
    assert {name: pins[name] for name in bounds} == bounds


def test_the_lock_has_every_dependency_in_a_version_that_fits() -> None:
    pins = pinned("lock.txt")
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    texts = [text for folder in DISTRIBUTIONS for text in project(folder)["dependencies"]]
    texts += [text for extra in project(ROOT)["optional-dependencies"].values() for text in extra]
    texts += [text for group in groups.values() for text in group if isinstance(text, str)]
    wanted = [requirement for requirement in map(Requirement, texts) if not own(requirement.name)]
    assert len(wanted) > 40
    unmet = [str(one) for one in wanted if not one.specifier.contains(pins.get(canonical(one.name), Version("0")))]
    assert unmet == [], "run: make locks"
    assert "--hash=sha256:" in (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")


def test_pre_commit_has_the_versions_of_the_lock() -> None:
    pins = pinned("lock.txt")
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    used = {Requirement(text) for hook in hooks for text in hook["additional_dependencies"]}
    locked = {one.name: one for one in used if canonical(one.name) in pins}
    assert set(locked) == {"ruff", "codespell"}
    assert all(one.specifier.contains(pins[name]) for name, one in locked.items())


def test_pages_of_the_package_index_have_absolute_links_to_what_is_there() -> None:
    address = repository_address.repository()
    readmes = [folder / project(folder)["readme"] for folder in DISTRIBUTIONS]
    links = [(file, link) for file in readmes for link in LINK.findall(file.read_text(encoding="utf-8"))]
    assert [(file, link) for file, link in links if not link.startswith(("https://", "#"))] == []
    own_links = [link for _, link in links if link.startswith(address)]
    assert own_links
    inside = re.compile(re.escape(address) + r"/(?:blob|tree|raw)/main/([^#]+)")
    assert [link for link in own_links if not (ROOT / inside.match(link)[1]).exists()] == []  # type: ignore[index]


def test_no_file_names_another_repository() -> None:
    address = repository_address.repository()
    known = re.compile(r"https://(?:github\.com/[\w.-]+/lnkit|[\w.-]+\.github\.io/lnkit)(?![\w-])")
    named = {
        (file.relative_to(ROOT).as_posix(), match)
        for file in repository_address.text_files()
        if file.name not in {"repository_address.py", Path(__file__).name}
        for match in known.findall(file.read_text(encoding="utf-8"))
    }
    assert {match for _, match in named} == {address, repository_address.site(address).rstrip("/")}
    files = {file for file, _ in named}
    assert {"README.md", "CITATION.cff", "SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml"} <= files


def test_the_repository_moves(tmp_path: Path) -> None:
    """Every file with the address gets the new one, and no other address changes."""
    for name in ("pyproject.toml", "README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    old = repository_address.repository()
    (tmp_path / "other.md").write_text(f"{old}-extra and https://github.com/else/lnkit\n", encoding="utf-8")

    changed = repository_address.move("https://github.com/someone/loss-networks", tmp_path)

    assert {file.name for file in changed} == {"pyproject.toml", "README.md", "CITATION.cff"}
    urls = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    assert urls["Repository"] == "https://github.com/someone/loss-networks"
    assert urls["Documentation"] == "https://someone.github.io/loss-networks/"
    assert not [file for file in changed if old in file.read_text(encoding="utf-8")]
    assert (tmp_path / "other.md").read_text(encoding="utf-8").startswith(f"{old}-extra")


def test_a_wrong_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert repository_address.main(["lnkit.org"]) == 2
    assert capsys.readouterr().err == "Expected an address like https://github.com/NAME/lnkit, got 'lnkit.org'.\n"


@pytest.mark.parametrize(
    ("tag", "heading", "said"),
    [
        ("v1.2.0", "## 1.2.0 (2026-05-01)", []),
        ("1.2.0", "## 1.2.0 (2026-05-01)", ["Expected the tag v1.2.0, as in src/lnkit/_version.py, got 1.2.0."]),
        (
            "v1.2.0",
            "## 1.2.0 (unreleased)",
            ["Expected '## 1.2.0 (YYYY-MM-DD)' as the first heading in CHANGELOG.md, got '## 1.2.0 (unreleased)'."],
        ),
    ],
)
def test_what_may_be_released(tag: str, heading: str, said: list[str]) -> None:
    changelog = f"# Changelog\n\n{heading}\n\n## 1.1.0 (2026-04-01)\n"
    assert check_tag.problems(tag, "1.2.0", changelog) == said


def workflow(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in WORKFLOWS:
        for job in workflow(file)["jobs"].values():
            for step in job.get("steps", ()):
                yield file.name, step


def project(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return content


def name_of(folder: Path) -> str:
    name: str = project(folder)["name"]
    return name


def pinned(file: str) -> dict[str, Version]:
    """Return the highest version that a file of requirements/ pins of each package."""
    pins: dict[str, Version] = {}
    for line in (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([\w.-]+)==(\S+)", line):
            name, version = canonical(match[1]), Version(match[2])
            pins[name] = max(version, pins.get(name, version))
    return pins


def lower_bounds(texts: list[str]) -> Iterator[tuple[str, Version]]:
    for requirement in map(Requirement, texts):
        for specifier in requirement.specifier:
            if specifier.operator == ">=" and not own(requirement.name):
                yield canonical(requirement.name), Version(specifier.version)


def own(name: str) -> bool:
    return name in {name_of(folder) for folder in DISTRIBUTIONS}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
