"""Writing: parts of the output, and the whole of them. The same rows give the same bytes."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from escalate.scoring.blocks import Block
from escalate.scoring.csv_rows import csv_lines
from escalate.scoring.files import TableFile
from escalate.scoring.values import cell, json_text, with_schema

_ROW_GROUP_ROWS: Final = 20_000
_ROW_GROUP_BYTES: Final = 1 << 24

Scored = tuple[Block, pa.RecordBatch]
"""Rows as read, and the columns added to them."""


class Sink(ABC):
    """Writes parts of an output, each a file of its own, and joins them."""

    def __init__(self, file: TableFile, columns: pa.Schema, added: pa.Schema, text_column: str) -> None:
        """Say what is written.

        Args:
            file: The output.
            columns: The columns of the input.
            added: The columns added to them.
            text_column: Where what stood in a malformed row goes.
        """
        self.file = file
        self._columns = columns
        self._added = added
        self._text_column = text_column

    @abstractmethod
    def write_part(self, path: Path, rows: Iterable[Scored]) -> None:
        """Write some rows to a file of their own."""

    @abstractmethod
    def join(self, path: Path, parts: Sequence[Path]) -> None:
        """Write the whole output from its parts, in flat memory."""


class _TextSink(Sink):
    """Text in UTF-8; its parts are not compressed and have no header."""

    _header = b""

    def write_part(self, path: Path, rows: Iterable[Scored]) -> None:
        """Write the lines of some rows."""
        with path.open("wb") as stream:
            for block, added in rows:
                stream.write(self._lines(block.records(self._text_column), added.to_pylist()).encode("utf-8"))

    def join(self, path: Path, parts: Sequence[Path]) -> None:
        """Write header and parts one after the other, compressed as one stream."""
        # Through Python's own file, so that a full disk is an OSError with its number, and because pyarrow
        # takes no name that is not UTF-8.
        with path.open("wb") as file, pa.output_stream(file, compression=self.file.compression) as stream:
            stream.write(self._header)
            for part in parts:
                with part.open("rb") as lines:
                    shutil.copyfileobj(lines, stream)

    @abstractmethod
    def _lines(self, records: Iterable[dict[str, Any]], added: Iterable[dict[str, Any]]) -> str:
        """Return the lines of some rows."""


class JsonSink(_TextSink):
    """One JSON object a line: the keys of the row as they were read, then the added ones."""

    def _lines(self, records: Iterable[dict[str, Any]], added: Iterable[dict[str, Any]]) -> str:
        rows = zip(records, added, strict=True)
        return "".join(f"{json_text({**record, **answer})}\n" for record, answer in rows)


class CsvSink(_TextSink):
    """CSV with a header, cells quoted where they need it, lists of reasons joined with ``;``."""

    def __init__(
        self,
        file: TableFile,
        columns: pa.Schema,
        added: pa.Schema,
        text_column: str,
        delimiter: str,
        marked: bool,
    ) -> None:
        """Take, besides what every sink takes, the delimiter and whether a byte order mark comes first."""
        super().__init__(file, columns, added, text_column)
        self._delimiter = delimiter
        header = "".join(csv_lines([[*columns.names, *added.names]], delimiter))
        self._header = header.encode("utf-8-sig" if marked else "utf-8")

    def _lines(self, records: Iterable[dict[str, Any]], added: Iterable[dict[str, Any]]) -> str:
        cells = (
            [
                *(cell(record.get(name)) for name in self._columns.names),
                *(";".join(value) if isinstance(value, list) else cell(value) for value in answer.values()),
            ]
            for record, answer in zip(records, added, strict=True)
        )
        return "".join(csv_lines(cells, self._delimiter))


class ParquetSink(Sink):
    """Parquet with the types of the input."""

    def write_part(self, path: Path, rows: Iterable[Scored]) -> None:
        """Write some rows as a Parquet file."""
        tables = (
            pa.Table.from_arrays(
                [*block.table(self._columns, self._text_column).columns, *added.columns], schema=self._schema
            )
            for block, added in rows
        )
        self._write(path, tables)

    def join(self, path: Path, parts: Sequence[Path]) -> None:
        """Write the parts again, several as one row group."""
        self._write(path, _row_groups(parts))

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema([*self._columns, *self._added], metadata=self._columns.metadata)

    def _write(self, path: Path, tables: Iterable[pa.Table]) -> None:
        with path.open("wb") as stream, pq.ParquetWriter(stream, self._schema) as writer:
            for table in tables:
                writer.write_table(with_schema(table, self._schema))


def open_sink(
    file: TableFile, columns: pa.Schema, added: pa.Schema, text_column: str, delimiter: str, marked: bool
) -> Sink:
    """Return the sink for a file; ``delimiter`` and ``marked`` count for CSV only."""
    if file.format == "csv":
        return CsvSink(file, columns, added, text_column, delimiter, marked)
    kind = ParquetSink if file.format == "parquet" else JsonSink
    return kind(file, columns, added, text_column)


def _row_groups(parts: Sequence[Path]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for part in parts:
        with part.open("rb") as stream, pq.ParquetFile(stream) as parquet:
            waiting.append(parquet.read(use_threads=False))
        rows, size = (sum(values) for values in zip(*((t.num_rows, t.nbytes) for t in waiting), strict=True))
        if rows >= _ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
