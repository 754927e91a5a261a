"""Rows of a CSV text, in which a broken row costs no other, and back.

The reader of pyarrow cannot do this: it stops at, or leaves out, what it cannot take apart, it
guesses types from the first block, and one byte that does not fit the encoding ends the file.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from escalate.errors import ScoringError

_LONGEST_RECORD: Final = 1 << 23
"""Characters after which a quote that was not closed no longer swallows lines."""

_LONGEST_FIELD: Final = (1 << 31) - 1


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is written.

    Attributes:
        delimiter: One character between the cells; None for what the file's ending says.
        quote: One character around cells, doubled inside them; empty where cells are never quoted.
        escape: One character that takes the next one literally; empty for none.
    """

    delimiter: str | None = None
    quote: str = '"'
    escape: str = ""

    def __post_init__(self) -> None:
        """Refuse what is not one character."""
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise ScoringError(f"the delimiter is {self.delimiter!r}; it must be one character")
        for name, value in (("quote", self.quote), ("escape", self.escape)):
            if len(value) > 1:
                raise ScoringError(f"the {name} character is {value!r}; it must be one character or none")
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark]
        if len(set(marks)) < len(marks) or set(marks) & set("\r\n"):
            raise ScoringError("delimiter, quote and escape must be three different characters in a line")

    def delimiter_for(self, tabs: bool) -> str:
        """Return the delimiter of a file whose ending says tabs, or commas."""
        return self.delimiter or ("\t" if tabs else ",")


@dataclass(frozen=True)
class Malformed:
    """A row that could not be taken apart, as it stood in the file."""

    raw: str


def read_rows(lines: Iterable[str], layout: CsvFormat, tabs: bool) -> Iterator[list[str] | Malformed]:
    r"""Yield the header and then a row for every record, in order.

    A record whose number of cells is not the header's is malformed as a whole. Where a quote is never
    closed, or closed in the middle of a cell, the line on which the record began is malformed and
    reading goes on with the next line. Blank lines are no rows, but in a file of one column, where
    they are empty cells.

    Args:
        lines: Lines with their ends, cut at ``\n``, ``\r`` or ``\r\n``.
        layout: Quotes and escapes.
        tabs: Whether tabs part the cells where ``layout`` names no delimiter.
    """
    # The limit is one of the whole process; 128 KB, the default, is less than a long message.
    csv.field_size_limit(_LONGEST_FIELD)
    source = _Lines(lines)
    options: dict[str, Any] = {"delimiter": layout.delimiter_for(tabs), "strict": True}
    if layout.escape:
        options["escapechar"] = layout.escape
    if layout.quote:
        options["quotechar"] = layout.quote
    else:
        options["quoting"] = csv.QUOTE_NONE
    reader = csv.reader(source, **options)
    width = 0
    while True:
        source.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except (csv.Error, _RecordTooLongError):
            yield Malformed(source.give_back())
            continue
        if not row:
            if width == 1:
                yield [""]
            continue
        width = width or len(row)
        yield row if len(row) == width else Malformed(source.record())


def csv_lines(rows: Iterable[Sequence[str]], delimiter: str, line_end: str = "\n") -> Iterator[str]:
    """Yield rows as lines of a CSV text, with quotes where they are needed.

    Args:
        rows: The cells of each row.
        delimiter: Between the cells.
        line_end: Of each line.
    """
    written = _Written()
    # The writer quotes a cell only for what is in its line end, so it must believe in this one.
    writer = csv.writer(written, delimiter=delimiter, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)
        yield written.line.removesuffix("\r\n") + line_end


class _Written:
    """Takes a line of a CSV writer."""

    line = ""

    def write(self, line: str) -> None:
        self.line = line


class _RecordTooLongError(Exception):
    """A record has more characters than any record should."""


class _Lines:
    """Lines that remember those of the current record and can take them back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[str] = deque()
        self._record: list[str] = []
        self._size = 0

    def begin(self) -> None:
        """Say that the next line begins a record."""
        self._record, self._size = [], 0

    def record(self) -> str:
        """Return the current record without the end of its last line."""
        return _without_end("".join(self._record))

    def give_back(self) -> str:
        """Return the first line of the current record; those after it will come again."""
        first, *others = self._record
        self._waiting.extendleft(reversed(others))
        return _without_end(first)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > _LONGEST_RECORD:
            raise _RecordTooLongError
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self._record.append(line)
        self._size += len(line)
        return line


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")
