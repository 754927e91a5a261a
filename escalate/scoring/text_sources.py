"""Reading CSV and JSON lines."""

from __future__ import annotations

import codecs
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

import pyarrow as pa

from escalate.errors import ScoringError
from escalate.scoring.blocks import Record, RecordBlock
from escalate.scoring.csv_rows import CsvFormat, Malformed, read_rows
from escalate.scoring.files import TableFile
from escalate.scoring.sources import (
    BLOCK_ROWS,
    BLOCK_SIZE,
    Source,
    Survey,
    reading,
    refuse_duplicates,
    refuse_other_columns,
)
from escalate.scoring.values import common_kind, kind_of, readable

_READ_BYTES: Final = 1 << 16
_UNDECODABLE: Final = "escalate.surrogates"
_MARKED: Final = "utf-8-sig"
_DELIMITERS: Final = ",;\t|"
_DEEPEST: Final = 48
"""Brackets in brackets of a row, its own among them; pyarrow reads no Parquet of 50 lists in each other."""

_ARRAY: Final = re.compile(r"\s*\[\s*(\{|$)")
_SEPARATOR: Final = re.compile(r"\s*sep=.?\s*", re.IGNORECASE)


class CsvSource(Source):
    """CSV files with a header. Every cell is a string and stays as it is: ``007`` is no number."""

    def __init__(self, files: Sequence[TableFile], encoding: str, layout: CsvFormat) -> None:
        """Take the files, their encoding and how they are written.

        Raises:
            ScoringError: There is no such encoding.
        """
        super().__init__(files)
        self._encoding = _known(encoding)
        self._layout = layout

    def survey(self) -> Survey:
        """Count the rows and read the headers; files may order their columns differently."""
        names: list[str] = []
        for file in self.files:
            with reading(file), self._open(file) as rows:
                own = _header(file, rows)
            _refuse_separator_row(file, own)
            _refuse_other_delimiter(file, own, self._layout)
            refuse_duplicates(file, own)
            names = names or own
            refuse_other_columns(self.files[0], names, file, own)
        rows_in_all = malformed = 0
        first: tuple[TableFile, Malformed] | None = None
        for file in self.files:
            with reading(file):
                for block in self.read_file(file):
                    rows_in_all += len(block)
                    for row in block.rows:
                        if isinstance(row, Malformed):
                            malformed += 1
                            first = first or (file, row)
        if first is not None and malformed == rows_in_all:
            self._refuse_all(*first, len(names))
        fields = (pa.field(name, pa.string()) for name in names)
        return Survey(rows_in_all, self.with_partitions(fields), self._is_marked(self.files[0]))

    def read_file(self, file: TableFile) -> Iterator[RecordBlock]:
        """Yield the rows below the header."""
        with self._open(file) as rows:
            header = _header(file, rows)
            partitions = {name: value for name, value in file.partitions.items() if name not in header}
            records = (
                (row, len(row.raw))
                if isinstance(row, Malformed)
                else ({**dict(zip(header, row, strict=True)), **partitions}, sum(map(len, row)))
                for row in rows
            )
            yield from _blocks(file, records)

    def _refuse_all(self, file: TableFile, first: Malformed, width: int) -> NoReturn:
        """Stop at an input whose every row is malformed, of which this is the first."""
        row = next(read_rows(io.StringIO(first.raw, newline=""), self._layout, file.tabs))
        found = "a quote in a wrong place" if isinstance(row, Malformed) else f"{len(row)}"
        raise ScoringError(
            f"no row of {file.path} has as many cells as the header ({width}); the first has {found}: let "
            "header and rows have the same cells, or name the file's --delimiter, --quote and --escape"
        )

    def _is_marked(self, file: TableFile) -> bool:
        if self._encoding != _MARKED:
            return False
        with reading(file), _open_text(file, "utf-8", newline="") as text:
            return text.read(1) == "\ufeff"

    @contextmanager
    def _open(self, file: TableFile) -> Iterator[Iterator[list[str] | Malformed]]:
        with _open_text(file, self._encoding, newline="") as text:
            yield read_rows(text, self._layout, file.tabs)


class JsonSource(Source):
    """Files with one JSON object a line. Lines may have different keys; blank lines are no rows."""

    def __init__(self, files: Sequence[TableFile], encoding: str) -> None:
        """Take the files and their encoding.

        Raises:
            ScoringError: There is no such encoding.
        """
        super().__init__(files)
        self._encoding = _known(encoding)

    def survey(self) -> Survey:
        """Count the rows and learn the keys in the order in which they come up, and their types.

        A key with values of different types becomes a column of strings, the others than strings as
        JSON text.
        """
        rows = malformed = 0
        kinds: dict[str, pa.DataType] = {}
        for file in self.files:
            with reading(file):
                for block in self.read_file(file):
                    rows += len(block)
                    malformed += sum(isinstance(row, Malformed) for row in block.rows)
                    for name in block.names():
                        kind = kind_of(block.values(name))
                        kinds[name] = common_kind(kinds[name], kind) if name in kinds else kind
                    if block.first_row == 1:
                        _refuse_array(file, block.rows[0])
        if rows and malformed == rows:
            raise ScoringError(
                f"no line of {self.files[0].path} can be read as a JSON object: put one object into each "
                f"line, without NaN and with brackets no more than {_DEEPEST} deep, and name its --encoding "
                "if that is not UTF-8"
            )
        fields = [
            pa.field(name, pa.string() if pa.types.is_null(kind) else kind) for name, kind in kinds.items()
        ]
        return Survey(rows, self.with_partitions(fields))

    def read_file(self, file: TableFile) -> Iterator[RecordBlock]:
        """Yield the objects."""
        with _open_text(file, self._encoding, newline="\n") as text:
            records = ((_parse(line, file), len(line)) for line in text if not line.isspace())
            yield from _blocks(file, records)


def _blocks(file: TableFile, records: Iterable[tuple[Record | Malformed, int]]) -> Iterator[RecordBlock]:
    """Gather rows, each with its size in characters, into blocks."""
    first_row, size = 1, 0
    rows: list[Record | Malformed] = []
    for row, characters in records:
        rows.append(row)
        size += characters
        if len(rows) == BLOCK_ROWS or size >= BLOCK_SIZE:
            yield RecordBlock(file, first_row, size, rows)
            first_row, size, rows = first_row + len(rows), 0, []
    if rows:
        yield RecordBlock(file, first_row, size, rows)


def _parse(line: str, file: TableFile) -> Record | Malformed:
    try:
        # What Python reads beyond JSON (NaN, infinities) could not be written as JSON again.
        record = json.loads(line, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or _is_too_deep(record):
        return Malformed(line.removesuffix("\n").removesuffix("\r"))
    record = {readable(name): value for name, value in record.items()}
    for name, value in file.partitions.items():
        record.setdefault(name, value)
    return record


def _is_too_deep(record: object) -> bool:
    # Level by level, because a function that calls itself for each would end where json.loads does not.
    level = [record]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _values_in(outer)]
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)


def _values_in(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_array(file: TableFile, first: Record | Malformed) -> None:
    """Stop at a file that is one JSON array."""
    if isinstance(first, Malformed) and _ARRAY.match(first.raw):
        raise ScoringError(f"{file.path} is a JSON array; put one object into each line, without brackets")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is too large")
    return value


def _header(file: TableFile, rows: Iterator[list[str] | Malformed]) -> list[str]:
    header = next(rows, None)
    if not isinstance(header, list):
        raise ScoringError(f"{file.path} does not begin with a line of column names; add one")
    return [readable(name) for name in header]


def _refuse_separator_row(file: TableFile, header: list[str]) -> None:
    """Stop at a first line that tells a spreadsheet the delimiter."""
    if _SEPARATOR.fullmatch(header[0]):
        raise ScoringError(
            f"the first line of {file.path} begins with {header[0]!r}, which only a spreadsheet understands: "
            "take that line out, so that the first one names the columns"
        )


def _refuse_other_delimiter(file: TableFile, header: list[str], layout: CsvFormat) -> None:
    """Stop where a header of one cell shows that something else parts the cells."""
    if len(header) > 1 or layout.delimiter is not None:
        return
    if mark := next((mark for mark in _DELIMITERS if mark in header[0]), None):
        raise ScoringError(
            f"{file.path}: the header is one column, {header[0]!r}; if {mark!r} parts the cells, "
            f"name it with --delimiter, else name {layout.delimiter_for(file.tabs)!r}"
        )


def _known(encoding: str) -> str:
    """Return the name of an encoding for reading; UTF-8 drops a byte order mark."""
    try:
        "".encode(encoding)
    except (LookupError, ValueError) as error:
        raise ScoringError(
            f"there is no encoding {encoding!r}; known are for example utf-8, cp1255, cp1256, cp1250"
        ) from error
    return _MARKED if codecs.lookup(encoding).name == "utf-8" else encoding


def _as_surrogates(error: UnicodeError) -> tuple[str, int]:
    """Keep undecodable bytes as lone surrogates, like ``surrogateescape``, but those below 128 as well."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_UNDECODABLE, _as_surrogates)


@contextmanager
def _open_text(file: TableFile, encoding: str, newline: str) -> Iterator[io.TextIOWrapper]:
    """Yield the text of a file; a byte that does not fit the encoding becomes a lone surrogate."""
    # Through Python's own file: pyarrow takes no name that is not UTF-8.
    with (
        file.path.open("rb") as binary,
        pa.input_stream(binary, compression=file.compression, buffer_size=_READ_BYTES) as stream,
    ):
        yield io.TextIOWrapper(stream, encoding, errors=_UNDECODABLE, newline=newline)
