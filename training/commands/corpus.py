"""Commands about a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.commands.common import FolderArgument, or_exit
from training.corpus.messages import CORPUS, read_messages


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
        from training.corpus import validation
        from training.corpus.targets import Targets
        from training.files import write_whole

        strict = folder.resolve() == CORPUS if targets is None else targets
        other = validation.HELD_OUT if held_out is None and validation.HELD_OUT.is_dir() else held_out
        report = validation.check_corpus(folder, Targets() if strict else None, other)
        validation.print_report(report, Console())
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
        Console().print(f"wrote {out}")

    or_exit(action)


def datasheet(folder: FolderArgument = CORPUS) -> None:
    """Write the tables in a corpus' README.md and its balance.png anew."""

    def action() -> None:
        from training.corpus.datasheet import write_datasheet

        for path in write_datasheet(folder):
            Console().print(f"wrote {path}")

    or_exit(action)
