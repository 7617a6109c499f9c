"""The audit of the published tables: what is known of them is found, what is planted too, and sound tables pass."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from lnkit.analysis.published.audit import AuditFinding, PublishedTables, audit
from lnkit.analysis.published.caveats import CAVEATS
from lnkit.analysis.published.tables import read_rows
from lnkit.cli import cli


@pytest.fixture
def tables() -> PublishedTables:
    return PublishedTables.shipped()


def find(name: str, tables: PublishedTables) -> AuditFinding:
    return next(finding for finding in audit(tables) if finding.id == name)


def test_what_is_known_of_the_tables(tables: PublishedTables) -> None:
    assert {finding.id: finding.verdict for finding in audit(tables)} == {
        "completeness": "agrees",
        "mean-ranks": "agrees",
        "best-point-mismatch": "differs",
        "running-sum": "suspect",
        "training-mode": "suspect",
        "attributes": "differs",
        "macs": "differs",
        "table-1-and-text": "differs",
        "metrics-pixel": "differs",
        "metrics-sources": "differs",
        "metrics-windows": "suspect",
        "metrics-copies": "suspect",
        "metrics-means": "agrees",
        "psychophysics-matching": "differs",
    }


def test_every_caveat_has_a_finding_that_is_no_agreement(tables: PublishedTables) -> None:
    doubtful = {finding.id: finding.tables for finding in audit(tables) if finding.verdict != "agrees"}
    for caveat in CAVEATS:
        assert caveat.table in doubtful[caveat.id]


def test_the_running_sum_has_the_statistics_that_are_reported(tables: PublishedTables) -> None:
    finding = find("running-sum", tables)
    fits = {row[0]: [float(cell) for cell in row[1:4]] for row in finding.rows if row[4] == "yes"}
    assert set(fits) == {"delineation correctness", "delineation completeness", "delineation quality"}
    for r_squared, by_slope, ratio in fits.values():
        assert 0.9945 < r_squared < 0.9975
        assert 55 < by_slope < 60.5
        assert 1.935 < ratio < 2.085
    assert "51 of 56" in finding.summary


def test_tables_without_a_running_sum_are_not_suspected(tables: PublishedTables) -> None:
    draw = np.random.default_rng(0)
    sound = tables.scores.copy()
    rows = sound.benchmark == "delineation"
    sound.loc[rows, "value"] = draw.uniform(10, 70, rows.sum())
    assert find("running-sum", replace(tables, scores=sound)).verdict == "agrees"
    summed = sound.copy()
    listing = 3 * 0.1 * (56 + draw.permutation(56) + 1)
    summed.loc[summed.score == "2afc", "value"] = listing
    found = find("running-sum", replace(tables, scores=summed))
    assert found.verdict == "suspect"
    assert [row[0] for row in found.rows if row[4] == "yes"] == ["bapps 2afc"]


def test_batch_norm_is_compared_by_the_mode_of_the_loss_network(tables: PublishedTables) -> None:
    """Mean ranks of Table III, averaged over the nine backbones that Table I marks, and over the other five."""
    finding = find("training-mode", tables)
    table_iii, table_i = read_rows("average_rankings"), read_rows("attributes")
    marked = {row["backbone"] for row in table_i if row["batch_norm"] == "1"}
    assert len(marked) == 9
    modes = {row[0]: row[1] for row in finding.rows}
    assert modes == {
        "bapps": "evaluation",
        "superres": "evaluation",
        "delineation": "training",
        "autoencoder": "training",
    }
    for benchmark, _, with_norm, without in finding.rows:
        for cell, chosen in ((with_norm, True), (without, False)):
            ranks = [float(row[benchmark]) for row in table_iii if (row["backbone"] in marked) == chosen]
            assert float(cell) == pytest.approx(np.mean(ranks), abs=0.13)  # ties of rounded scores
    assert "loss of the 9 backbones" in finding.summary
    assert "`--set loss_mode=eval`" in finding.summary


def test_without_backbones_with_batch_norm_the_mode_does_not_matter(tables: PublishedTables) -> None:
    none = tables.attributes.assign(batch_norm=False)
    assert find("training-mode", replace(tables, attributes=none)).verdict == "agrees"


def test_planted_errors_are_found(tables: PublishedTables) -> None:
    rankings = tables.rankings.copy()
    rankings.loc[rankings.backbone == "vgg19", "superres"] += 1
    found = find("mean-ranks", replace(tables, rankings=rankings))
    assert found.verdict == "differs"
    assert next(row[:3] for row in found.rows if row[0] == "superres") == ("superres", "1.000", "vgg19")

    best = tables.best.copy()
    best.loc[best.backbone == "vgg11", "2afc"] = "early"
    rows = find("best-point-mismatch", replace(tables, best=best)).rows
    assert ("2afc", "vgg11", "early", "2afc", "late") in rows

    gaps = find("completeness", replace(tables, scores=tables.scores.iloc[1:]))
    assert gaps.verdict == "differs"
    assert gaps.rows == (("bapps 2afc", "55"),)

    attributes = tables.attributes.copy()
    attributes.loc[attributes.backbone == "alexnet", "depth"] = 9
    assert ("alexnet", "depth", "9", "8") in find("attributes", replace(tables, attributes=attributes)).rows


def test_table_1_of_kumar2022_is_compared_with_its_text(tables: PublishedTables) -> None:
    found = find("table-1-and-text", tables)
    assert {(*row[:2], row[3]) for row in found.rows} == {  # read in the paper: sections 6, 6, 6, 6 and 8.5
        ("resnet6", "width", "69.6"),
        ("resnet200", "width", "67.6"),
        ("resnet200", "train steps", "69.7"),
        ("vit_b_8", "train steps", "68.4"),
        ("resnet50", "default", "68.0"),
    }
    assert found.summary.startswith("22 scores are not printed")
    planted = tables.early_stopping.copy()
    planted.loc[(planted.network == "vit_l_4") & planted.setting.isin(["depth", "best"]), "perceptual_score"] = 70.0
    extra = set(find("table-1-and-text", replace(tables, early_stopping=planted)).rows) - set(found.rows)
    assert extra == {("vit_l_4", "depth", "70.0", "68.3", "Table 1")}
    planted.loc[(planted.network == "vit_l_4") & (planted.setting == "depth"), "perceptual_score"] = 68.3
    extra = set(find("table-1-and-text", replace(tables, early_stopping=planted)).rows) - set(found.rows)
    assert extra == {("vit_l_4", "best", "70.0", "68.4", "Table 1")}


def test_commands() -> None:
    run = CliRunner().invoke
    said = run(cli, ["published", "audit"])
    assert said.exit_code == 0
    assert "Table X: a running sum?: suspect" in said.stdout
    assert "Tables X and XI: batch norm, or the mode of the loss network?: suspect" in said.stdout
    assert {finding["id"] for finding in json.loads(run(cli, ["published", "audit", "--json"]).stdout)} >= {"macs"}
    assert "performance_scores" in run(cli, ["published", "list"]).stdout
    shown = run(cli, ["published", "show", "performance_scores", "--backbone", "vgg11", "--score", "2afc"])
    assert [line.split()[4] for line in shown.stdout.splitlines()[1:]] == ["0.635", "0.65", "0.659", "0.682"]
    assert "running sum" in run(cli, ["published", "show", "performance_scores", "--bench", "delineation"]).output
    for benchmark, doubted in (("delineation", True), ("autoencoder", True), ("superres", False), ("bapps", False)):
        shown = run(cli, ["published", "show", "performance_scores", "--bench", benchmark]).output
        assert ("leaves the loss network in training mode" in shown) == doubted
    assert "training mode" in run(cli, ["published", "show", "average_rankings"]).output
    exported = run(cli, ["published", "export", "average_rankings", "--format", "csv"]).stdout
    assert exported.splitlines()[0].endswith("all,source,caveat")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "best_point"], "Did you mean 'best_points'"),
        (["export", "scores"], "There is no published table 'scores'"),
        (["show", "attributes", "--score", "2afc"], "has no column 'score'"),
        (["show", "performance_scores", "--backbone", "vgg61"], "Did you mean"),
    ],
)
def test_wrong_names(arguments: list[str], message: str) -> None:
    with pytest.raises(Exception, match=message):
        CliRunner().invoke(cli, ["published", *arguments], catch_exceptions=False)
