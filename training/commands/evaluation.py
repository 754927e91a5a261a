"""The command that evaluates: a bundle on a corpus, or a new model beside the released one on own tickets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from escalate.bundle import read_manifest, released_bundle
from training.commands.common import KINDS, OWN_TICKETS, ModelOption, or_exit, refuse_columns_without
from training.corpus.messages import CORPUS
from training.printing import say
from training.tickets.columns import Columns
from training.tickets.options import takes_columns


@takes_columns
def evaluate(
    model: ModelOption = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            "--corpus",
            help="Folder with a test split to report on.",
            show_default="data; for a model trained on own tickets the test split that it kept",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help=f"Own labelled tickets to compare on: {KINDS}.",
            show_default="the test split of --run",
            rich_help_panel=OWN_TICKETS,
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            help="Run that trained the model.",
            show_default="the one in runs/ with its messages",
            rich_help_panel=OWN_TICKETS,
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Bundle to compare with.", show_default="the released model", rich_help_panel=OWN_TICKETS
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder the report goes into.", show_default="report in the model's folder"),
    ] = None,
    *,
    columns: Columns,
) -> None:
    """Measure a bundle on a test split, or compare a model with the released one on your own tickets.

    On own tickets the verdict is printed and goes into COMPARISON.md and comparison.json; on a corpus
    the report goes into REPORT.md, report.json and figures.
    """
    if corpus is not None and (data is not None or run is not None or against is not None):
        raise typer.BadParameter("--corpus is for a report; --data, --run and --against are for a comparison")
    refuse_columns_without(data, columns)

    def action() -> None:
        bundle = model or released_bundle()
        folder = out or bundle / "report"
        asked = data is not None or run is not None or against is not None
        if corpus is None and (asked or _was_retrained(bundle)):
            _compare(bundle, data, columns, run, against, folder)
            return
        from training.evaluation.report import write_report

        say(Console(), f"wrote {write_report(bundle, corpus or CORPUS, folder)}")

    or_exit(action)


def _was_retrained(bundle: Path) -> bool:
    """Tell whether a bundle was trained on own tickets; of these alone a manifest counts the labels."""
    return "labels" in read_manifest(bundle)["data"]


def _compare(
    bundle: Path, data: str | None, columns: Columns, run: Path | None, against: Path | None, folder: Path
) -> None:
    if bundle.resolve() == (against or released_bundle()).resolve():
        raise typer.BadParameter(
            "the model would be compared with itself; name yours with --model, or another with --against"
        )
    from training.release.own_messages import given_test_messages, saved_test_messages
    from training.retraining.comparing import compare_on_own
    from training.retraining.comparison_text import comparison_table, write_comparison

    if data is None:
        test = saved_test_messages(bundle, run)
    else:
        test = given_test_messages(bundle, data, columns, run)
    result = compare_on_own(bundle, test, against)
    console = Console()
    say(console, f"{result.versions[0]} beside {result.versions[1]} on {result.test.name}")
    for note in result.test.notes:
        say(console, note, "yellow")
    console.print(comparison_table(result))
    for sentence in result.sentences:
        say(console, sentence)
    say(console, f"wrote {write_comparison(result, folder)}")
