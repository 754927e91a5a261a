"""Commands about a data scientist's own tickets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.commands.common import KINDS, or_exit
from training.errors import TicketsError
from training.printing import say
from training.tickets.columns import Columns
from training.tickets.options import takes_columns


@takes_columns
def label_errors(
    source: Annotated[str, typer.Argument(help=f"Your tickets: {KINDS}.")],
    out: Annotated[Path, typer.Option(help="The review, a CSV file; with --apply the corrected tickets.")],
    review: Annotated[
        Path | None, typer.Option("--apply", help="A review whose column 'correct' you have filled in.")
    ] = None,
    *,
    columns: Columns,
) -> None:
    """List the labels that a cross-validated model disputes most, or apply your corrections of them."""

    def action() -> None:
        from training.files import refuse_unwritable
        from training.tickets.corrections import apply_review
        from training.tickets.label_errors import find_label_errors
        from training.tickets.reading import read_tickets, without_text_notes
        from training.tickets.review import write_review

        console = Console()
        if out.exists():
            raise TicketsError(f"{out} exists; name another file with --out, or move it away first")
        refuse_unwritable(out)
        if review is not None:
            changed = apply_review(source, columns, review, out)
            say(console, f"wrote {out}: {changed:,} {'label' if changed == 1 else 'labels'} changed")
            return
        tickets = read_tickets(source, columns)
        for note in without_text_notes(len(tickets.without_text)):
            say(console, note, "yellow")
        found = find_label_errors(tickets)
        for reason in found.skipped:
            say(console, f"not checked: {reason}", "yellow")
        write_review(out, found.disputes)
        say(
            console,
            f"wrote {out}: {len(found.disputes):,} of {found.labels:,} labels are disputed, the most "
            "doubtful first. Fill in the column 'correct' (0, 1, or ? for unknown; empty keeps the label), "
            "then run label-errors again with --apply.",
        )

    or_exit(action)
