"""The error about one cell of a file of tickets."""

from __future__ import annotations

from typing import Any, Final

from training.errors import TicketsError
from training.tickets.personal_data import count_personal_data

_LONGEST_SHOWN: Final = 30


def wrong_cell(source: str, row: int, column: str, value: Any, reason: str) -> TicketsError:
    """Return an error that names a cell and shows the beginning of what it holds.

    Not where it looks like an address or a number of a person; a name cannot be told from other words.

    Args:
        source: The file, folder or hub id.
        row: The row.
        column: The name of the column.
        value: What the cell holds.
        reason: What it must hold.
    """
    text = str(value)
    if kinds := count_personal_data(text, None):
        shown = f"holds what looks like {' and '.join(_with_article(kind) for kind in kinds)}"
    else:
        short = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
        shown = f"is {short!r}"
    return TicketsError(f"{source} row {row}, column {column!r} {shown}: {reason}")


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiouAEIOU' else 'a'} {noun}"
