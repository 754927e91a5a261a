"""What the commands print alike."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text


def facts_table(facts: Iterable[tuple[str, str]]) -> Table:
    """Return a table of names and values without a header; long values fold, so that nothing is cut."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(Text(name, style="bold"), Text(value))
    return table
