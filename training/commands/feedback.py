"""The command that reads agents' verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from escalate.policy import OUTPUTS
from training.commands.common import KINDS, or_exit
from training.printing import say
from training.tickets.columns import Columns
from training.tickets.options import PANEL, takes_columns_without

_RULE = "When retraining is due"


@takes_columns_without(*OUTPUTS, "group", "domain", "channel", "cut")
def feedback(
    verdicts: Annotated[
        str,
        typer.Argument(help=f"Past decisions: {KINDS}."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the bundle that scores where the file holds no probabilities.",
            show_default="the released model",
        ),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Corpus that the model learned from.",
            show_default="that of the model's run, else data",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the report with figures.", show_default="none")
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="week|month",
            help="Unit of the figures over time.",
            show_default="week up to half a year, else month",
        ),
    ] = None,
    recent_days: Annotated[
        int,
        typer.Option(min=1, help="Days before the last decision that are recent.", rich_help_panel=_RULE),
    ] = 28,
    drop: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="By how much agreement must have fallen (0..1).", rich_help_panel=_RULE
        ),
    ] = 0.05,
    error: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="How far calibration error must be above chance (0..1).", rich_help_panel=_RULE
        ),
    ] = 0.05,
    action: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Column of what was done: continue, offer or escalate.",
            rich_help_panel=PANEL,
        ),
    ] = "action",
    verdict: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Column of whether it needed a person (by offer too): yes, no, or empty: nobody judged.",
            rich_help_panel=PANEL,
        ),
    ] = "needed_a_person",
    scores: Annotated[
        str,
        typer.Option(
            metavar="PREFIX",
            help="Prefix of the columns that `escalate score` added.",
            show_default="none",
            rich_help_panel=PANEL,
        ),
    ] = "",
    *,
    columns: Columns,
) -> None:
    """Report drift from agents' verdicts on past decisions, and whether retraining is due."""
    if period not in (None, "week", "month"):
        raise typer.BadParameter(f"{period!r} is not week or month", param_hint="--period")

    def run() -> None:
        from training.feedback.drift import measure_drift
        from training.feedback.report import show, write_report
        from training.feedback.rule import Rule
        from training.feedback.verdicts import DecisionColumns, read_verdicts

        read = read_verdicts(verdicts, columns, DecisionColumns(action, verdict, scores), model)
        rule = Rule(drop=drop, error=error, recent_days=recent_days)
        drift = measure_drift(read, model, corpus, rule, period)
        console = Console()
        show(drift.numbers, console)
        if report is not None:
            say(console, f"wrote {write_report(drift, report)}")

    or_exit(run)
