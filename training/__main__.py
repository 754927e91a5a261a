"""``python -m training``: the commands of the training pipeline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console

from escalate.bundle import released_bundle
from escalate.errors import EscalateError, MissingExtraError
from escalate.version import RELEASED_MODEL
from training.config import RECIPE, RecipeError, read_recipe
from training.corpus import CORPUS, CorpusError, read_messages

RUN = Path("runs/default")
MODELS = Path(__file__).resolve().parent.parent / "models"

Result = TypeVar("Result")

app = typer.Typer(
    name="training",
    help="From a corpus to a released bundle.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the corpus.", show_default="data")]
CorpusOption = Annotated[Path, typer.Option("--corpus", help="Folder with train, validation and test.")]
RecipeOption = Annotated[Path, typer.Option("--recipe", help="TOML file with all settings.")]
RunOption = Annotated[Path, typer.Option("--run", help="Folder of the run; an interrupted one goes on.")]


@app.command()
def train(run: RunOption = RUN, corpus: CorpusOption = CORPUS, recipe: RecipeOption = RECIPE) -> None:
    """Train on the train split of a corpus."""

    def action() -> None:
        from training import pipeline

        pipeline.train(corpus, read_recipe(recipe), run)

    _or_exit(action)


@app.command()
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
        from training import exporting

        Console().print(f"wrote {exporting.export(run, corpus, version, out or run / 'bundle')}")

    _or_exit(action)


@app.command()
def validate(
    folder: FolderArgument = CORPUS,
    targets: Annotated[
        bool | None,
        typer.Option(
            "--targets/--no-targets",
            help="Require the size and balance of the project's corpus.",
            show_default="only in the project's corpus",
        ),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of .jsonl files whose texts must not be in the corpus.",
            show_default="shared/real-dev beside the checkout, where it is",
        ),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the numbers.")] = None,
) -> None:
    """Check a corpus: print its numbers and what is wrong with it; exit code 1 for errors."""

    def action() -> bool:
        from training import validation
        from training.files import write_whole
        from training.targets import Targets

        strict = folder.resolve() == CORPUS if targets is None else targets
        other = validation.HELD_OUT if held_out is None and validation.HELD_OUT.is_dir() else held_out
        report = validation.check_corpus(folder, Targets() if strict else None, other)
        validation.print_report(report, Console())
        if json_file is not None:
            write_whole(json_file, report.to_json())
        return report.failed

    if _or_exit(action):
        raise typer.Exit(1)


@app.command()
def split(
    files: Annotated[list[Path], typer.Argument(help="JSON-lines files of messages.")],
    out: Annotated[Path, typer.Option(help="Folder of the new corpus.")],
    seed: Annotated[int, typer.Option(help="Seed of the assignment.")] = 1,
) -> None:
    """Make a corpus of messages: 80/10/10 by group, pair and situation, alike in labels and kinds."""

    def action() -> None:
        from training.splitting import write_splits

        write_splits([message for file in files for message in read_messages(file)], out, seed)
        Console().print(f"wrote {out}")

    _or_exit(action)


@app.command()
def datasheet(folder: FolderArgument = CORPUS) -> None:
    """Write the tables in a corpus' README.md and its balance.png anew."""

    def action() -> None:
        from training.datasheet import write_datasheet

        for path in write_datasheet(folder):
            Console().print(f"wrote {path}")

    _or_exit(action)


@app.command()
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
        from training.report import write_report

        bundle = model or released_bundle()
        Console().print(f"wrote {write_report(bundle, corpus, out or bundle / 'report')}")

    _or_exit(action)


@app.command()
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
        from training.release import publish, show, try_candidate

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

    _or_exit(action)


@app.command()
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

    _or_exit(action)


def _or_exit(action: Callable[[], Result]) -> Result:
    try:
        from training.base_encoder import BaseEncoderError
        from training.bundling import ExportError
        from training.pipeline import RunError
        from training.release import ReleaseError

        expected = (BaseEncoderError, CorpusError, ExportError, RecipeError, ReleaseError, RunError)
        try:
            return action()
        except expected as error:
            _fail(error)
    except ModuleNotFoundError as error:
        _fail(MissingExtraError(f"training (module {error.name})", "train"))
    except EscalateError as error:
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(f"training: {error}", style="red", markup=False)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
