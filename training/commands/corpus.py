"""Commands about a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.commands.common import KINDS, FolderArgument, or_exit
from training.corpus.messages import CORPUS, is_corpus, is_project, read_messages
from training.printing import say
from training.tickets.columns import Columns
from training.tickets.options import takes_columns

if TYPE_CHECKING:
    from training.corpus.validation import Report


@takes_columns
def validate(
    source: Annotated[
        str,
        typer.Argument(help=f"Folder of the corpus, or your own tickets: {KINDS}.", show_default="data"),
    ] = str(CORPUS),
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
    *,
    columns: Columns,
) -> None:
    """Check a corpus or your own tickets: numbers, and what is wrong or risky; exit code 1 for errors."""
    corpus = is_corpus(Path(source))
    if corpus and columns != Columns():
        raise typer.BadParameter(
            f"{source} is a corpus, whose columns have fixed names; leave out its options"
        )
    if not corpus and (targets is not None or held_out is not None):
        raise typer.BadParameter("--targets and --held-out are for a corpus; leave them out for own tickets")

    def action() -> bool:
        from training.files import refuse_unwritable, write_whole

        if json_file is not None:
            refuse_unwritable(json_file)
        report = _report_on_corpus(Path(source), targets, held_out) if corpus else _report_on(source, columns)
        if json_file is not None:
            write_whole(json_file, report.to_json())
        return report.failed

    if or_exit(action):
        raise typer.Exit(1)


def split(
    files: Annotated[list[Path], typer.Argument(help="JSON-lines files of messages.")],
    out: Annotated[Path, typer.Option(help="Folder of the new corpus.")],
    seed: Annotated[int, typer.Option(help="Seed of the assignment.")] = 1,
) -> None:
    """Make a corpus of messages: 80/10/10 by group, pair and situation, alike in labels and kinds."""

    def action() -> None:
        from training.corpus.splitting import write_splits

        write_splits([message for file in files for message in read_messages(file)], out, seed)
        say(Console(), f"wrote {out}")

    or_exit(action)


def datasheet(folder: FolderArgument = CORPUS) -> None:
    """Write the tables in a corpus' README.md and its balance.png anew."""

    def action() -> None:
        from training.corpus.datasheet import write_datasheet

        for path in write_datasheet(folder):
            say(Console(), f"wrote {path}")

    or_exit(action)


def _report_on_corpus(folder: Path, targets: bool | None, held_out: Path | None) -> Report:
    from training.corpus import validation
    from training.corpus.targets import Targets

    strict = is_project(folder) if targets is None else targets
    other = validation.HELD_OUT if held_out is None and validation.HELD_OUT.is_dir() else held_out
    report = validation.check_corpus(folder, Targets() if strict else None, other)
    validation.print_report(report, Console())
    return report


def _report_on(source: str, columns: Columns) -> Report:
    from training.tickets import validation

    found = validation.check_tickets(source, columns)
    validation.print_report(found, Console())
    return found.report
