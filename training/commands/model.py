"""Commands from a trained network to a released bundle."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from escalate.bundle import released_bundle
from escalate.version import RELEASED_MODEL
from training.commands.common import (
    KINDS,
    OWN_TICKETS,
    RUN,
    CorpusOption,
    ModelOption,
    RunOption,
    or_exit,
    refuse_columns_without,
)
from training.corpus.messages import CORPUS
from training.printing import say
from training.tickets.columns import Columns
from training.tickets.options import takes_columns

MODELS: Final = Path(__file__).resolve().parents[2] / "models"


def export(
    run: RunOption = RUN,
    corpus: CorpusOption = CORPUS,
    version: Annotated[str, typer.Option(help="Version of the model.")] = RELEASED_MODEL,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the bundle.", show_default="bundle in the run's folder"),
    ] = None,
) -> None:
    """Quantise, calibrate and measure a trained network, and write its bundle."""

    def action() -> None:
        from training.bundle.export import export as export_run

        say(Console(), f"wrote {export_run(run, corpus, version, out or run / 'bundle')}")

    or_exit(action)


@takes_columns
def release(
    candidate: Annotated[Path, typer.Argument(help="Folder of the candidate's bundle.")],
    against: Annotated[
        Path | None,
        typer.Option(help="Folder of the bundle to compare with.", show_default="the released model"),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            "--corpus",
            help="Folder with the test split to compare on, such as runs/mine/corpus.",
            show_default="the one that the candidate was trained with",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help=f"Own labelled tickets to compare on: {KINDS}.",
            show_default="the test split of --corpus",
            rich_help_panel=OWN_TICKETS,
        ),
    ] = None,
    models: Annotated[
        Path, typer.Option(help="Folder of the released bundles.", show_default="models")
    ] = MODELS,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Day of the release.", show_default="today"),
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="Release also where there is nothing to compare with.")
    ] = False,
    accept_losses: Annotated[
        bool, typer.Option("--accept-losses", help="Release in spite of losses; the changelog lists them.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only compare: release nothing.")] = False,
    *,
    columns: Columns,
) -> None:
    """Release a candidate that is not worse than the released model; exit code 1 where it is."""
    if corpus is not None and data is not None:
        raise typer.BadParameter("--corpus and --data both say what to compare on; name one")
    refuse_columns_without(data, columns)

    def action() -> None:
        from training.release.gate import publish, refuse_worse, show, try_candidate
        from training.release.samples import sample_of_corpus, sample_of_tickets

        console = Console()
        sample = (
            sample_of_corpus(candidate, corpus)
            if data is None
            else sample_of_tickets(candidate, data, columns, against)
        )
        trial = try_candidate(candidate, sample, against)
        show(trial, console)
        if check:
            refuse_worse(trial, first=first, accept_losses=accept_losses)
            say(console, f"{candidate} passes; nothing was released.")
            return
        released = (day or datetime.now()).date()
        folder = publish(trial, models, released, first=first, accept_losses=accept_losses)
        if trial.obstacle is not None:
            say(console, f"Not compared: {trial.obstacle}.")
        say(console, f"released {folder}")
        if trial.classifier.version != RELEASED_MODEL:
            say(console, "To ship it, set RELEASED_MODEL in escalate/version.py.")

    or_exit(action)


def benchmark(
    model: ModelOption = None,
    corpus: CorpusOption = CORPUS,
) -> None:
    """Time a bundle beside its base encoder and a bare ONNX Runtime call."""

    def action() -> None:
        from training.benchmark import print_benchmark, run_benchmark

        print_benchmark(run_benchmark(model or released_bundle(), corpus), Console())

    or_exit(action)


def benchmark_scoring(
    model: ModelOption = None,
    corpus: CorpusOption = CORPUS,
) -> None:
    """Time the scoring of files beside bare ``predict_many``, and measure its memory."""

    def action() -> None:
        from training.scoring_benchmark import print_scoring_benchmark, run_scoring_benchmark

        print_scoring_benchmark(run_scoring_benchmark(model or released_bundle(), corpus), Console())

    or_exit(action)
