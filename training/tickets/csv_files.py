"""CSV files as spreadsheets and warehouses write them."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from escalate.scoring.csv_rows import csv_lines
from training.errors import TicketsError

_DELIMITERS: Final = ",;\t|"
_LONGEST_CELL: Final = 10_000_000
_SEPARATOR: Final = re.compile(r"\s*sep=.?\s*", re.IGNORECASE)
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Form:
    """How a CSV file is written."""

    encoding: str
    delimiter: str
    line_end: str


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file in memory; ``rows`` are the number and the cells of each row after the first."""

    form: Form
    names: list[str]
    rows: list[tuple[int, list[str]]]


def read_csv(
    path: Path,
    choose: Callable[[Sequence[str]], Sequence[str]],
    encoding: str | None,
    delimiter: str | None,
) -> tuple[list[int], dict[str, list[str | None]]]:
    """Return the numbers of the rows, and the chosen columns with None for an empty cell.

    Raises:
        TicketsError: The file cannot be read, is empty, or a row is broken.
    """
    file = open_csv(path, encoding, delimiter)
    positions = {name: file.names.index(name) for name in choose(file.names)}
    columns: dict[str, list[str | None]] = {
        name: [cells[position] or None for _, cells in file.rows] for name, position in positions.items()
    }
    return [number for number, _ in file.rows], columns


def is_utf8(path: Path) -> bool:
    """Tell whether a file can be read as UTF-8.

    Raises:
        TicketsError: It cannot be read at all.
    """
    try:
        _read(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def open_csv(path: Path, encoding: str | None, delimiter: str | None) -> CsvFile:
    """Read a CSV file whole; rows without any cell are left out.

    Raises:
        TicketsError: The file cannot be read, is empty, or a row is broken.
    """
    data = _read(path)
    marked = (name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark))
    encoding = next(marked, encoding or "utf-8")
    text = _decode(path, data, encoding)
    if not text.strip():
        raise TicketsError(f"{path} is empty; its first row must name the columns")
    first = text[: text.find("\n")] if "\n" in text else text
    if not first.strip():
        raise TicketsError(f"the first row of {path} is blank; it must name the columns")
    if _SEPARATOR.fullmatch(first):
        raise TicketsError(
            f"the first row of {path} is {first.strip()!r}, which only a spreadsheet understands: take that "
            "row out, so that the first one names the columns"
        )
    if delimiter is not None and len(delimiter) != 1:
        raise TicketsError(f"--delimiter {delimiter!r} is not one character, such as ; or tab")
    delimiter = delimiter or max(_DELIMITERS, key=lambda mark: _cells_of(first, mark))
    rows: list[tuple[int, list[str]]] = []
    with _long_cells():
        reader = _reader(text, delimiter)
        number = 0
        try:
            for number, cells in enumerate(reader, 1):
                if cells:
                    rows.append((number, cells))
        except csv.Error as error:
            raise TicketsError(
                f"{path} row {number + 1} is broken ({error}); look for a quote that is not closed or doubled"
            ) from None
    names = [name.strip() for name in rows.pop(0)[1]]
    # A spreadsheet leaves columns without a name behind, and nobody can ask for them.
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise TicketsError(f"{path} has more than one column {', '.join(map(repr, twice))}; rename them")
    for number, cells in rows:
        if len(cells) != len(names):
            raise TicketsError(
                f"{path} row {number} has {len(cells)} cells but the first row has {len(names)}; quote cells "
                f"that hold {delimiter!r}, or name another delimiter with --delimiter"
            )
    return CsvFile(Form(encoding, delimiter, "\r\n" if first.endswith("\r") else "\n"), names, rows)


def write_csv(path: Path, form: Form, names: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    """Write a CSV file; callers see to it that it appears only when whole.

    Raises:
        OSError: It cannot be written.
    """
    with path.open("w", encoding=form.encoding, newline="") as file:
        file.writelines(csv_lines([names], form.delimiter, form.line_end))
        file.writelines(csv_lines(rows, form.delimiter, form.line_end))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TicketsError(f"cannot read {path}: {error.strerror}") from error


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells be as long as the longest e-mail thread; the limit belongs to the whole process."""
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _cells_of(row: str, delimiter: str) -> int:
    try:
        return len(next(_reader(row, delimiter)))
    except csv.Error:
        return 0


def _decode(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except LookupError:
        raise TicketsError(f"there is no encoding {encoding!r}; one is windows-1255") from None
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
    row = _row_at(data[:start].decode(encoding, errors="replace"))
    if encoding.startswith("utf-8") and any(map(_is_long_utf8, data.split(b"\n"))):
        raise TicketsError(
            f"{path} mixes encodings: row {row} is not UTF-8 but other rows are; save that row and those "
            "like it as UTF-8 again"
        )
    raise TicketsError(
        f"{path} row {row} is not {encoding}; save the file as UTF-8 or name its encoding, such as "
        "--encoding windows-1255 (Hebrew), windows-1256 (Arabic) or windows-1250 (Czech)"
    )


def _row_at(text: str) -> int:
    """Return the row in which a text ends, line breaks inside quotes apart."""
    outside = "".join(text.split('"')[::2])
    return outside.count("\n") + 1


def _is_long_utf8(line: bytes) -> bool:
    try:
        return not line.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False
