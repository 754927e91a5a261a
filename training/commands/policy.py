"""The command that chooses a policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.commands.common import KINDS, CorpusOption, ModelOption, or_exit
from training.corpus.messages import CORPUS
from training.fitting.recipe import read_recipe
from training.printing import say
from training.tickets.columns import Columns
from training.tickets.options import takes_columns

if TYPE_CHECKING:
    from training.policy.aims import Aim

_COSTS = "Choose by costs"
_CAPACITY = "Choose by capacity"
_RECALL = "Choose by recall"


@takes_columns
def thresholds(
    data: Annotated[
        str | None,
        typer.Option(help=f"Own labelled tickets: {KINDS}.", show_default="the validation split of --corpus"),
    ] = None,
    corpus: CorpusOption = CORPUS,
    model: ModelOption = None,
    missed_cost: Annotated[
        float | None,
        typer.Option(help="What a missed escalation costs, in any unit.", rich_help_panel=_COSTS),
    ] = None,
    hand_off_cost: Annotated[
        float | None,
        typer.Option(help="What a needless hand-off costs, in the same unit.", rich_help_panel=_COSTS),
    ] = None,
    capacity: Annotated[
        float | None, typer.Option(help="Most hand-offs a day, offers included.", rich_help_panel=_CAPACITY)
    ] = None,
    volume: Annotated[
        float | None,
        typer.Option(
            help="Messages a day; with costs or a recall it only gives the expectations per day.",
            rich_help_panel=_CAPACITY,
        ),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            help="Share of the messages that must reach a person that do (0..1).", rich_help_panel=_RECALL
        ),
    ] = None,
    per_language: Annotated[
        bool, typer.Option("--per-language", help="Give each language with enough labels its own thresholds.")
    ] = False,
    escalate_precision: Annotated[
        float | None,
        typer.Option(
            help="Precision of each output from which a message is handed over at once (0..1).",
            show_default="that of the recipe",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="File of the policy.")] = Path("policy.json"),
    report: Annotated[
        Path | None, typer.Option(help="Folder for the report with figures.", show_default="none")
    ] = None,
    *,
    columns: Columns,
) -> None:
    """Choose a bundle's policy by costs, by capacity or by the recall to hold.

    Name exactly one: --missed-cost with --hand-off-cost, --capacity with --volume, or --recall.
    """
    for name, share in (("--recall", recall), ("--escalate-precision", escalate_precision)):
        if share is not None and not 0 < share <= 1:
            raise typer.BadParameter(f"{share:g} is not above 0 and at most 1", param_hint=name)
    aim = _aim(missed_cost, hand_off_cost, capacity, volume, recall)

    def action() -> None:
        from training.files import refuse_unwritable, write_whole
        from training.policy.report import show, write_report
        from training.policy.thresholds import Source, pick_policy, split_of
        from training.tickets.reading import read_tickets, without_text_notes

        refuse_unwritable(out)
        console = Console()
        precision = read_recipe().escalate_precision if escalate_precision is None else escalate_precision
        if data is None:
            source = split_of(corpus)
        else:
            tickets = read_tickets(data, columns)
            source = Source(data, tickets.messages)
            for note in without_text_notes(len(tickets.without_text)):
                say(console, note, "yellow")
        result = pick_policy(
            source, model, aim, precision, per_language=per_language, volume=volume, corpus=corpus
        )
        show(result.numbers, console)
        if report is not None:
            say(console, f"wrote {write_report(result, report)}")
        write_whole(out, json.dumps(result.policy.to_dict(), indent=2) + "\n")
        say(console, f"wrote {out}")

    or_exit(action)


def _aim(
    missed_cost: float | None,
    hand_off_cost: float | None,
    capacity: float | None,
    volume: float | None,
    recall: float | None,
) -> Aim:
    """Return the one aim that the options name.

    Raises:
        typer.BadParameter: They name none, half of one, or more than one.
    """
    amounts = {
        "--missed-cost": missed_cost,
        "--hand-off-cost": hand_off_cost,
        "--capacity": capacity,
        "--volume": volume,
    }
    for name, value in amounts.items():
        if value is not None and not 0 < value < float("inf"):
            raise typer.BadParameter(f"{value:g} is not above 0", param_hint=name)
    costs = missed_cost is not None or hand_off_cost is not None
    if costs + (capacity is not None) + (recall is not None) != 1:
        raise typer.BadParameter(
            "name exactly one aim: --missed-cost with --hand-off-cost, --capacity with --volume, or --recall"
        )
    return or_exit(lambda: _build_aim(missed_cost, hand_off_cost, capacity, volume, recall))


def _build_aim(
    missed_cost: float | None,
    hand_off_cost: float | None,
    capacity: float | None,
    volume: float | None,
    recall: float | None,
) -> Aim:
    from training.policy.aims import Capacity, Costs, Recall

    if recall is not None:
        return Recall(recall)
    if capacity is not None:
        if volume is None:
            raise typer.BadParameter("--capacity needs --volume, the messages a day")
        return Capacity(capacity, volume)
    if missed_cost is None or hand_off_cost is None:
        raise typer.BadParameter("--missed-cost and --hand-off-cost are needed together")
    return Costs(missed_cost, hand_off_cost)
