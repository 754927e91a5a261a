"""The review of disputed labels: a CSV file that a person corrects in a spreadsheet."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from escalate.policy import OUTPUTS
from training.errors import TicketsError
from training.files import write_whole
from training.tickets.csv_files import is_utf8, open_csv
from training.tickets.label_errors import Dispute
from training.tickets.values import parse_label

COLUMNS: Final = (
    "row",
    "check",
    "id",
    "language",
    "text",
    "label",
    "given",
    "suggested",
    "probability",
    "correct",
)

_UNKNOWN: Final = "?"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Corrections = dict[tuple[int, str], int | None]
"""Labels by row and output; None empties the cell."""


def write_review(path: Path, disputes: Iterable[Dispute]) -> None:
    """Write a review, with a byte order mark so that spreadsheets read it as UTF-8.

    Raises:
        FileError: It cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for dispute in disputes:
        message = dispute.message
        writer.writerow(
            [
                dispute.row,
                check_code(message.text),
                _harmless(message.id),
                message.language,
                _harmless(message.text),
                dispute.output,
                dispute.given,
                1 - dispute.given,
                f"{dispute.probability:.3f}",
                "",
            ]
        )
    write_whole(path, "\ufeff" + text.getvalue())


def read_review(path: Path, encoding: str | None = None) -> tuple[Corrections, dict[int, str]]:
    """Return the corrections of a review, and the check code of each row they are for.

    Args:
        path: The review.
        encoding: Its encoding where a spreadsheet has not kept it in UTF-8.

    Raises:
        TicketsError: It is no review, or a correction is unknown or contradicts another.
    """
    file = open_csv(path, None if is_utf8(path) else encoding, None)
    if missing := [name for name in ("row", "check", "label", "correct") if name not in file.names]:
        raise TicketsError(f"{path} is no review: it has no column {', '.join(missing)}")
    corrections: Corrections = {}
    codes = {}
    for number, cells in file.rows:
        values = dict(zip(file.names, cells, strict=True))
        answer = values["correct"].strip()
        if not answer:
            continue
        try:
            label = None if answer == _UNKNOWN else parse_label(answer, None)
            key = int(values["row"]), values["label"]
        except ValueError:
            raise TicketsError(
                f"{path} row {number}: the correction {answer!r} or the row {values['row']!r} is unknown; "
                "a correction is 0, 1 or ?, and the other columns stay as they were"
            ) from None
        if values["label"] not in OUTPUTS:
            raise TicketsError(f"{path} row {number}: there is no label {values['label']!r}")
        if corrections.setdefault(key, label) != label:
            raise TicketsError(f"{path} row {number} contradicts another correction of row {key[0]}")
        codes[key[0]] = values["check"]
    return corrections, codes


def check_code(text: str) -> str:
    """Return a short code of a text, with which a review is held against its tickets.

    It begins with a letter: spreadsheets turn other codes into numbers.
    """
    return "x" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _harmless(text: str) -> str:
    """Keep a spreadsheet from running what a customer wrote as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
