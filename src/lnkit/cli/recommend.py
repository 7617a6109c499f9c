"""`lnkit recommend`: the loss network to take for a task, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lnkit.cli._output import emit_json, json_option, note, print_table
from lnkit.cli._sentences import say

if TYPE_CHECKING:
    from lnkit.analysis.recommend.candidates import Candidate
    from lnkit.analysis.recommend.recommend import Recommendation, SettingRecommendation

Command = TypeVar("Command", bound=Callable[..., Any])

MAGNITUDES = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
FLAGS = ("batch_norm", "skip_connections", "branches", "conv_1x1")
MOST_SCORES = 4  # beside each other before the table turns unreadable


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A number such as 2e9, 500M or 2G."""

    name = "AMOUNT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip().upper()
        factor = MAGNITUDES.get(text[-1:], 1.0)
        try:
            amount = float(text[:-1] if factor > 1 else text) * factor
        except ValueError:
            amount = float("nan")
        if not 0 < amount < float("inf"):
            self.fail(f"{value!r} is no amount; a number above 0 is expected, such as 2e9, 500M or 2G.", param, ctx)
        return amount


def _flag_option(name: str) -> Callable[[Command], Command]:
    dashed = name.replace("_", "-")
    return click.option(f"--{dashed}/--no-{dashed}", default=None, help=f"With or without {name.replace('_', ' ')}.")


@click.command("recommend")
@click.option("--task", "tasks", multiple=True, required=True, metavar="TASK",
              help="A benchmark or one of its scores: superres, x4_psnr_set5. Can be given again.")  # fmt: skip
@click.option("--macs-below", type=Amount(), help="Multiply-adds up to the point, at 224 x 224.")
@click.option("--parameters-below", type=Amount(), help="Parameters up to the point.")
@_flag_option("batch_norm")
@_flag_option("skip_connections")
@_flag_option("branches")
@_flag_option("conv_1x1")
@click.option("--family", multiple=True, metavar="NAME", help="Only this family. Can be given again.")
@click.option("--backbone", multiple=True, metavar="NAME", help="Only this backbone. Can be given again.")
@click.option("--point", multiple=True, metavar="POINT", help="Only this extraction point. Can be given again.")
@click.option("--from", "origin", type=click.Choice(["own", "published", "both"]), default="both", show_default=True,
              help="Own results, the published scores, or both.")  # fmt: skip
@click.option("--results", "folder", type=click.Path(path_type=Path), help="Folder of results.")
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="How many to show.")
@json_option
def recommend(tasks: tuple[str, ...], origin: str, folder: Path | None, top: int, as_json: bool, **wishes: Any) -> None:
    """Recommend a loss network, and explain why.

    The loss networks that meet the constraints are sorted by their mean rank over the scores of the task. Own results
    that are comparable with published ones come first if they have three or more loss networks to choose from, then the
    published study, then other own results. Several tasks are answered one by one and together. If the data cannot
    answer, the command says so, and the answer in --json is null.
    """
    from lnkit.analysis.collect import gather  # noqa: PLC0415
    from lnkit.analysis.recommend.recommend import recommendations  # noqa: PLC0415 - not for help

    found = gather(folder, origin)
    conclusions = recommendations(found, tasks, _constraints(wishes))
    if as_json:
        emit_json([_plain(one, top) for one in conclusions])
        return
    for number, one in enumerate(conclusions):
        click.echo("\n" * bool(number), nl=False)
        _show(one, top)
    for remark in found.remarks:
        note(f"Note: {remark}")


def _constraints(wishes: dict[str, Any]) -> Any:
    from lnkit.analysis.recommend.constraints import Constraints  # noqa: PLC0415 - not for help

    return Constraints(
        macs_below=wishes["macs_below"],
        parameters_below=wishes["parameters_below"],
        flags={name: wishes[name] for name in FLAGS if wishes[name] is not None},
        families=wishes["family"],
        backbones=wishes["backbone"],
        points=wishes["point"],
    )


def _plain(conclusion: Recommendation, top: int) -> dict[str, Any]:
    by_setting = [
        one._asdict() | {"candidates": [candidate._asdict() for candidate in _shown(one, top)]}
        for one in conclusion.by_setting
    ]
    return conclusion._asdict() | {"by_setting": by_setting}


def _shown(advice: SettingRecommendation, top: int) -> tuple[Candidate, ...]:
    """Return no candidates without an answer, so that nobody takes the first of them for one."""
    return advice.candidates[:top] if advice.answer else ()


def _show(conclusion: Recommendation, top: int) -> None:
    say(f"{conclusion.task}: {_headline(conclusion)}.")
    for remark in conclusion.remarks:
        say(remark)
    for advice in conclusion.by_setting:
        click.echo()
        say(advice.explanation[0])
        if shown := _shown(advice, top):
            _show_table(shown)
        for sentence in (*advice.explanation[1:], *advice.left_out):
            say(f"- {sentence}", "  ")


def _headline(conclusion: Recommendation) -> str:
    """Format the answer: ``take vgg11:late (published study)``, or less if other loss networks are as good."""
    if conclusion.answer is None:
        return "the data cannot answer this"
    who = "published study" if conclusion.setting == "published" else "own results"
    if not conclusion.rivals:
        return f"take {conclusion.answer} ({who})"
    count = len(conclusion.rivals)
    others = conclusion.rivals[0] if count == 1 else f"{count} others"
    return f"{conclusion.answer} comes first ({who}), but the scores do not separate it from {others}"


def _show_table(candidates: Sequence[Candidate]) -> None:
    scores = list(candidates[0].values)
    few = scores if len(scores) <= MOST_SCORES else []
    columns = ["loss network", "mean rank", *(few or ["ranks"]), "macs", "parameters"]
    print_table(columns, [_row(one, few) for one in candidates])


def _row(one: Candidate, scores: Sequence[str]) -> list[str]:
    from lnkit.analysis.recommend.constraints import amount  # noqa: PLC0415 - not for help

    ranks = [f"{min(one.ranks.values()):g} to {max(one.ranks.values()):g}"]
    return [
        one.loss_network,
        f"{one.mean_rank:.2f}",
        *([f"{one.values[score]:.4g}" for score in scores] or ranks),
        "-" if one.point_macs is None else amount(one.point_macs),
        "-" if one.point_parameters is None else amount(one.point_parameters),
    ]
