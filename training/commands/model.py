"""Commands from a trained network to a released bundle."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from escalate.bundle import released_bundle
from escalate.version import RELEASED_MODEL
from training.commands.common import RUN, CorpusOption, RecipeOption, RunOption, or_exit
from training.corpus.messages import CORPUS
from training.fitting.recipe import RECIPE, read_recipe

MODELS: Final = Path(__file__).resolve().parents[2] / "models"


def train(run: RunOption = RUN, corpus: CorpusOption = CORPUS, recipe: RecipeOption = RECIPE) -> None:
    """Train on the train split of a corpus."""

    def action() -> None:
        from training.fitting import pipeline

        pipeline.train(corpus, read_recipe(recipe), run)

    or_exit(action)


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

        Console().print(f"wrote {export_run(run, corpus, version, out or run / 'bundle')}")

    or_exit(action)


def evaluate(
    model: Annotated[
        Path | None, typer.Option(help="Folder of a bundle.", show_default="the released model")
    ] = None,
    corpus: CorpusOption = CORPUS,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder the report goes into.", show_default="report in the model's folder"),
    ] = None,
) -> None:
    """Measure a bundle on the test split: REPORT.md, report.json and figures."""

    def action() -> None:
        from training.evaluation.report import write_report

        bundle = model or released_bundle()
        Console().print(f"wrote {write_report(bundle, corpus, out or bundle / 'report')}")

    or_exit(action)


def release(
    candidate: Annotated[Path, typer.Argument(help="Folder of the candidate's bundle.")],
    against: Annotated[
        Path | None,
        typer.Option(help="Folder of the bundle to compare with.", show_default="the released model"),
    ] = None,
    corpus: CorpusOption = CORPUS,
    models: Annotated[Path, typer.Option(help="Folder of the released bundles.")] = MODELS,
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
) -> None:
    """Release a candidate that is not worse than the shipped model; exit code 1 where it is."""

    def action() -> None:
        from training.release.gate import publish, show, try_candidate

        console = Console()
        trial = try_candidate(candidate, corpus, against)
        show(trial, console)
        released = (day or datetime.now()).date()
        folder = publish(trial, models, released, first=first, accept_losses=accept_losses)
        if trial.obstacle is not None:
            console.print(f"Not compared: {trial.obstacle}.", markup=False, soft_wrap=True)
        console.print(f"released {folder}", markup=False, soft_wrap=True)
        if trial.classifier.version != RELEASED_MODEL:
            console.print("To ship it, set RELEASED_MODEL in escalate/version.py.", soft_wrap=True)

    or_exit(action)


def benchmark(
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of a bundle; without it the released one.")
    ] = None,
    corpus: CorpusOption = CORPUS,
) -> None:
    """Time a bundle beside its base encoder and a bare ONNX Runtime call."""

    def action() -> None:
        from training.benchmark import print_benchmark, run_benchmark

        print_benchmark(run_benchmark(model or released_bundle(), corpus), Console())

    or_exit(action)
