"""`lnkit recommend`: recommend a loss network for a task, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lnkit.cli._analysis import note_remarks, origin_option, results_option
from lnkit.cli._output import echo, emit_json, json_option, print_sentence, print_table

if TYPE_CHECKING:
    from lnkit.analysis.recommend.candidates import Candidate
    from lnkit.analysis.recommend.recommend import Recommendation, SettingRecommendation

Command = TypeVar("Command", bound=Callable[..., Any])

MAGNITUDES = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
FLAGS = ("batch_norm", "skip_connections", "branches", "conv_1x1")
MAX_SCORES = 4  # columns in a readable table


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
            self.fail(f"Expected a number above 0, such as 2e9, 500M or 2G, got {value!r}.", param, ctx)
        return amount


def _flag_option(name: str) -> Callable[[Command], Command]:
    dashed = name.replace("_", "-")
    return click.option(f"--{dashed}/--no-{dashed}", default=None, help=f"With or without {name.replace('_', ' ')}.")


@click.command("recommend")
@click.option("--task", "tasks", multiple=True, required=True, metavar="TASK",
              help="A benchmark or one of its scores: superres, x4_psnr_set5. May be repeated.")  # fmt: skip
@click.option("--macs-below", type=Amount(), help="Most multiply-adds up to the point, at 224 x 224.")
@click.option("--parameters-below", type=Amount(), help="Most parameters up to the point.")
@_flag_option("batch_norm")
@_flag_option("skip_connections")
@_flag_option("branches")
@_flag_option("conv_1x1")
@click.option("--family", multiple=True, metavar="NAME", help="Only this family. May be repeated.")
@click.option("--backbone", multiple=True, metavar="NAME", help="Only this backbone. May be repeated.")
@click.option("--point", multiple=True, metavar="POINT", help="Only this extraction point. May be repeated.")
@origin_option
@results_option
@click.option(
    "--top", type=click.IntRange(min=1), default=5, show_default=True, help="Number of loss networks to show."
)
@json_option
def recommend(
    tasks: tuple[str, ...], origin: str, folder: Path | None, top: int, as_json: bool, **filters: Any
) -> None:
    """Recommend a loss network for a task, with reasons.

    Loss networks that meet the constraints are ordered by their mean rank over the scores of the task. Own results that
    are comparable with published ones are used first, if there are three or more to choose from; then the published
    study, then other own results. Several tasks are answered one by one and together. If the data do not support an
    answer, the command says so, and the answer in --json is null.
    """
    from lnkit.analysis.collect import gather  # noqa: PLC0415
    from lnkit.analysis.recommend.recommend import recommendations  # noqa: PLC0415 - not for help

    gathered = gather(folder, origin)
    conclusions = recommendations(gathered, tasks, _constraints(filters))
    if as_json:
        emit_json([_json_facts(conclusion, top) for conclusion in conclusions])
        return
    for number, conclusion in enumerate(conclusions):
        if number:
            echo()
        _show(conclusion, top)
    note_remarks(gathered)


def _constraints(filters: dict[str, Any]) -> Any:
    from lnkit.analysis.recommend.constraints import Constraints  # noqa: PLC0415 - not for help

    return Constraints(
        macs_below=filters["macs_below"],
        parameters_below=filters["parameters_below"],
        flags={name: filters[name] for name in FLAGS if filters[name] is not None},
        families=filters["family"],
        backbones=filters["backbone"],
        points=filters["point"],
    )


def _json_facts(conclusion: Recommendation, top: int) -> dict[str, Any]:
    people = _people(conclusion)
    recommended = [
        advice._asdict()
        | {
            "candidates": [
                candidate._asdict() | ({"bapps_2afc": people.get(candidate.loss_network)} if people else {})
                for candidate in _shown(advice, top)
            ]
        }
        for advice in conclusion.by_setting
    ]
    return conclusion._asdict() | {"by_setting": recommended}


def _shown(advice: SettingRecommendation, top: int) -> tuple[Candidate, ...]:
    """Return the candidates to show: none if there is no answer, so that nobody takes the first for one."""
    return advice.candidates[:top] if advice.answer else ()


def _people(conclusion: Recommendation) -> dict[str, float]:
    """Return the agreement of loss networks with people for an answer by PSNR or SSIM; nothing for others."""
    from lnkit.analysis.recommend.people import agreement_with_people, compares_pixels  # noqa: PLC0415 - not for help

    scores = {score for advice in conclusion.by_setting if advice.answer for score in advice.candidates[0].values}
    return agreement_with_people() if compares_pixels(scores) else {}


def _show(conclusion: Recommendation, top: int) -> None:
    people = _people(conclusion)
    print_sentence(f"{conclusion.task}: {_headline(conclusion)}.")
    for remark in conclusion.remarks:
        print_sentence(remark)
    for advice in conclusion.by_setting:
        echo()
        print_sentence(advice.explanation[0])
        if shown := _shown(advice, top):
            _show_table(shown, people)
        for sentence in (*advice.explanation[1:], *advice.left_out):
            print_sentence(f"- {sentence}", "  ")
    if people and conclusion.answer:
        _show_training(conclusion.answer)


def _show_training(answer: str) -> None:
    """Print what agrees with people, and how to train with the answer."""
    from lnkit.analysis.recommend.people import say_people, say_weight, training_snippet  # noqa: PLC0415 - not for help

    print_sentence(f"- {say_people(answer)}", "  ")
    if snippet := training_snippet(answer):
        echo()
        print_sentence("To train with it:")
        for line in snippet:
            echo(f"    {line}")
        print_sentence(say_weight())


def _headline(conclusion: Recommendation) -> str:
    """Return ``take vgg11:late (published study)``, or a weaker sentence if the scores do not decide."""
    if conclusion.answer is None:
        return "the published data cannot answer this"
    source = "published study" if conclusion.setting == "published" else "own results"
    if not conclusion.rivals:
        return f"take {conclusion.answer} ({source})"
    count = len(conclusion.rivals)
    others = conclusion.rivals[0] if count == 1 else f"{count} others"
    return f"{conclusion.answer} comes first ({source}), but the scores do not distinguish it from {others}"


def _show_table(candidates: Sequence[Candidate], people: Mapping[str, float]) -> None:
    scores = list(candidates[0].values)
    few = scores if len(scores) <= MAX_SCORES else []
    columns = ["loss network", "mean rank", *(few or ["ranks"]), *(["2afc"] if people else []), "macs", "parameters"]
    print_table(columns, [_row(candidate, few, people) for candidate in candidates])


def _row(candidate: Candidate, scores: Sequence[str], people: Mapping[str, float]) -> list[str]:
    from lnkit.analysis.recommend.constraints import amount  # noqa: PLC0415 - not for help

    ranks = [f"{min(candidate.ranks.values()):g} to {max(candidate.ranks.values()):g}"]
    return [
        candidate.loss_network,
        f"{candidate.mean_rank:.2f}",
        *([f"{candidate.values[score]:.4g}" for score in scores] or ranks),
        *([f"{people[candidate.loss_network]:g}" if candidate.loss_network in people else "-"] if people else []),
        "-" if candidate.point_macs is None else amount(candidate.point_macs),
        "-" if candidate.point_parameters is None else amount(candidate.point_parameters),
    ]
