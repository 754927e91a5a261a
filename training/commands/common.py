"""What the commands share: options, and how an error ends a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import typer
from rich.console import Console

from escalate.errors import EscalateError
from training.errors import TrainingError
from training.network.packed_encoder import PACKAGE, PACKAGE_VERSION
from training.printing import say
from training.tickets.columns import Columns

Result = TypeVar("Result")

RUN: Final = Path("runs/default")
KINDS: Final = "a CSV, JSON-lines or Parquet file, a folder that `datasets` reads, or a hub id"
"""What own tickets can be in."""

OWN_TICKETS: Final = "Your own tickets"
"""Panel of a command's help with the options for them."""

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the corpus.", show_default="data")]
CorpusOption = Annotated[
    Path, typer.Option("--corpus", help="Folder with train, validation and test.", show_default="data")
]
ModelOption = Annotated[
    Path | None, typer.Option("--model", help="Folder of a bundle.", show_default="the released model")
]
RecipeOption = Annotated[
    Path,
    typer.Option(
        "--recipe", help="TOML file with all settings.", show_default="training/fitting/recipe.toml"
    ),
]
RunOption = Annotated[Path, typer.Option("--run", help="Folder of the run; an interrupted one goes on.")]


def or_exit(action: Callable[[], Result]) -> Result:
    """Return what ``action`` returns; an expected error is printed and ends the command with code 1."""
    try:
        return action()
    except KeyboardInterrupt:
        _fail(TrainingError("interrupted; nothing is half-written, run the same command again"))
    except ModuleNotFoundError as error:
        _fail(TrainingError(f"training needs the package of the module {error.name}; {_remedy(error.name)}"))
    except (EscalateError, TrainingError) as error:
        _fail(error)


def _remedy(module: str | None) -> str:
    if module == PACKAGE:
        return (
            f"pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}, or make .venv/development in the checkout"
        )
    return "run make .venv/development in the checkout, or pip install -e '.[train]'"


def refuse_columns_without(data: str | None, columns: Columns) -> None:
    """Stop at columns of own tickets where no tickets are named.

    Raises:
        typer.BadParameter: There are some.
    """
    if data is None and columns != Columns():
        raise typer.BadParameter("columns are those of own tickets; name --data")


def _fail(error: Exception) -> NoReturn:
    say(Console(stderr=True), f"training: {error}", "red")
    raise typer.Exit(1)
