"""``python -m training``: the commands of the training pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from escalate.errors import EscalateError
from escalate.version import RELEASED_MODEL
from training.config import RECIPE, RecipeError, read_recipe
from training.corpus import CORPUS, CorpusError, read_split

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

CorpusOption = Annotated[Path, typer.Option("--corpus", help="Folder with train, validation and test.")]
RecipeOption = Annotated[Path, typer.Option("--recipe", help="TOML file with all settings.")]
RunOption = Annotated[Path, typer.Option("--run", help="Folder of the run; an interrupted one goes on.")]


@app.command()
def train(run: RunOption = RUN, corpus: CorpusOption = CORPUS, recipe: RecipeOption = RECIPE) -> None:
    """Train teachers and student on the train split of a corpus."""

    def action() -> None:
        from training import pipeline

        pipeline.train(read_split(corpus, "train"), read_recipe(recipe), run)

    _or_exit(action)


@app.command()
def export(
    run: RunOption = RUN,
    corpus: CorpusOption = CORPUS,
    recipe: RecipeOption = RECIPE,
    version: Annotated[str, typer.Option(help="Version of the model.")] = RELEASED_MODEL,
    models: Annotated[Path, typer.Option(help="Folder the bundle's folder goes into.")] = MODELS,
) -> None:
    """Quantise, calibrate and measure a trained network, and write its bundle."""

    def action() -> None:
        from training import exporting

        folder = exporting.export(run, corpus, read_recipe(recipe), version, models / version)
        Console().print(f"wrote {folder}")

    _or_exit(action)


def _or_exit(action: Callable[[], Result]) -> Result:
    from training.base_encoder import BaseEncoderError
    from training.pipeline import RunError

    expected = (BaseEncoderError, CorpusError, EscalateError, RecipeError, RunError)
    try:
        return action()
    except expected as error:
        Console(stderr=True, soft_wrap=True).print(f"training: {error}", style="red", markup=False)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
