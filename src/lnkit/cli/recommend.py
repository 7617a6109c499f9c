"""`lnkit recommend`: which loss network to take, and on which grounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lnkit.cli._output import clean, emit_json, json_option, note, print_table
from lnkit.errors import UsageError

if TYPE_CHECKING:
    from lnkit.analysis.advice import Advice, Candidate

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
@click.option("--flops-below", type=Amount(), help="Multiply-adds up to the point, at 224 x 224.")
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
    """Advise which loss network to take, and say on which grounds.

    Loss networks are ranked by their mean rank over the scores of the task, among those that meet the constraints; own
    results and the published study apart. Where the data do not carry an answer, that is said instead.
    """
    from lnkit.analysis.advice import advise  # noqa: PLC0415 - not for help
    from lnkit.analysis.gathering import gather  # noqa: PLC0415

    found = gather(folder, origin)
    constraints = _constraints(wishes)
    advice = [one for task in tasks for one in advise(found, task, constraints)]
    if as_json:
        emit_json([asdict(one) | {"candidates": [asdict(c) for c in one.candidates[:top]]} for one in advice])
        return
    for number, one in enumerate(advice):
        _show(one, top, first=not number)
    for remark in found.remarks:
        note(f"Note: {remark}")


def _constraints(wishes: dict[str, Any]) -> Any:
    from lnkit.analysis.advice import Constraints  # noqa: PLC0415 - not for help

    _require_known(wishes["family"], wishes["backbone"])
    return Constraints(
        flops_below=wishes["flops_below"],
        parameters_below=wishes["parameters_below"],
        flags={name: wishes[name] for name in FLAGS if wishes[name] is not None},
        families=wishes["family"],
        backbones=wishes["backbone"],
        points=wishes["point"],
    )


def _require_known(families: tuple[str, ...], backbones: tuple[str, ...]) -> None:
    for what, names in (("family", families), ("backbone", backbones)):
        if any(not name.strip() for name in names):
            raise UsageError(f"The name of a {what} is empty; `lnkit recommend --help` shows what can be asked for.")


def _show(advice: Advice, top: int, *, first: bool) -> None:
    if not first:
        click.echo()
    click.echo(clean(f"{advice.task}, {advice.setting}: {advice.answer or 'no answer'}"))
    if advice.answer:  # an order that carries no answer is not shown, so that nobody takes its first for one
        scores = list(advice.candidates[0].values)[:MOST_SCORES]
        columns = ["  loss network", "mean rank", *scores, "flops", "parameters"]
        print_table(columns, [_row(one, scores) for one in advice.candidates[:top]])
    for sentence in (*advice.grounds, *advice.excluded):
        click.echo(clean(f"  {sentence}"))


def _row(one: Candidate, scores: list[str]) -> list[str]:
    return [
        f"  {one.loss_network}",
        f"{one.mean_rank:.2f}",
        *(f"{one.values[score]:.3f}" for score in scores),
        "-" if one.point_flops is None else f"{one.point_flops / 1e6:,.0f} M",
        "-" if one.point_parameters is None else f"{one.point_parameters:,.0f}",
    ]
