"""What the commands share: options, and how an error ends a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import typer
from rich.console import Console

from escalate.errors import EscalateError, MissingExtraError
from training.errors import TrainingError

Result = TypeVar("Result")

RUN: Final = Path("runs/default")

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the corpus.", show_default="data")]
CorpusOption = Annotated[Path, typer.Option("--corpus", help="Folder with train, validation and test.")]
RecipeOption = Annotated[Path, typer.Option("--recipe", help="TOML file with all settings.")]
RunOption = Annotated[Path, typer.Option("--run", help="Folder of the run; an interrupted one goes on.")]


def or_exit(action: Callable[[], Result]) -> Result:
    """Return what ``action`` returns; an expected error is printed and ends the command with code 1."""
    try:
        return action()
    except ModuleNotFoundError as error:
        _fail(MissingExtraError(f"training (module {error.name})", "train"))
    except (EscalateError, TrainingError) as error:
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(f"training: {error}", style="red", markup=False)
    raise typer.Exit(1)
