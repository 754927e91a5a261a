"""Blocks: some consecutive rows of one input file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from escalate.errors import ScoringError
from escalate.scoring.answers import Status, read_text, read_texts
from escalate.scoring.csv_rows import Malformed
from escalate.scoring.files import TableFile
from escalate.scoring.values import json_ready, to_array, with_schema

Record = dict[str, Any]
"""A row by column names, its values as JSON knows them."""


class Block(ABC):
    """Some consecutive rows of one input file.

    Attributes:
        file: Where the rows are from.
        first_row: Number of the first of them in its file, from 1, a header not counted.
        size: Characters of text, or bytes of Arrow data, of all of them.
    """

    def __init__(self, file: TableFile, first_row: int, size: int) -> None:
        """Say where the rows are from and how large they are."""
        self.file = file
        self.first_row = first_row
        self.size = size

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of rows."""

    @abstractmethod
    def head(self, rows: int) -> Block:
        """Return the first rows as a block of their own."""

    @abstractmethod
    def texts(self, column: str) -> tuple[list[str | None], list[Status]]:
        """Return the text of every row (None where there is none) and its status."""

    @abstractmethod
    def values(self, column: str) -> list[Any]:
        """Return the values of a column as JSON knows them."""

    @abstractmethod
    def records(self, text_column: str) -> list[Record]:
        """Return the rows; a malformed one holds only what stood in the file, as its text."""

    @abstractmethod
    def table(self, schema: pa.Schema, text_column: str) -> pa.Table:
        """Return the rows as Arrow data of a given schema, malformed ones as in ``records``."""


class RecordBlock(Block):
    """Rows of a CSV or JSON file."""

    def __init__(
        self, file: TableFile, first_row: int, size: int, rows: Sequence[Record | Malformed]
    ) -> None:
        """Take the rows and say where they are from and how large they are."""
        super().__init__(file, first_row, size)
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def head(self, rows: int) -> RecordBlock:
        """Return the first rows, taken to be as large as all are on average."""
        return RecordBlock(self.file, self.first_row, self.size * rows // len(self), self.rows[:rows])

    def names(self) -> list[str]:
        """Return the names of the columns in the order in which they come up."""
        return list(dict.fromkeys(name for row in self.rows if isinstance(row, dict) for name in row))

    def texts(self, column: str) -> tuple[list[str | None], list[Status]]:
        """Return texts and statuses; a malformed row has no text."""
        read = [_text_of(row, column) for row in self.rows]
        return [text for text, _ in read], [status for _, status in read]

    def values(self, column: str) -> list[Any]:
        """Return the values of a column."""
        return [None if isinstance(row, Malformed) else row.get(column) for row in self.rows]

    def records(self, text_column: str) -> list[Record]:
        """Return the rows."""
        return [
            {**self.file.partitions, text_column: row.raw} if isinstance(row, Malformed) else row
            for row in self.rows
        ]

    def table(self, schema: pa.Schema, text_column: str) -> pa.Table:
        """Return the rows as Arrow data.

        Raises:
            ScoringError: A nested value does not fit the type of its column.
        """
        records = self.records(text_column)
        arrays = []
        for field in schema:
            try:
                arrays.append(to_array([record.get(field.name) for record in records], field.type))
            except pa.ArrowException as error:
                last = self.first_row + len(self) - 1
                raise ScoringError(
                    f"{self.file.path}, rows {self.first_row} to {last}: column {field.name} does not fit "
                    f"{field.type} ({error}); write JSON lines instead"
                ) from error
        return pa.Table.from_arrays(arrays, schema=schema)


class TableBlock(Block):
    """Rows of a Parquet file."""

    def __init__(self, file: TableFile, first_row: int, rows: pa.Table) -> None:
        """Take the rows and say where they are from."""
        super().__init__(file, first_row, rows.nbytes)
        self.rows = rows

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def head(self, rows: int) -> TableBlock:
        """Return the first rows."""
        return TableBlock(self.file, self.first_row, self.rows.slice(0, rows))

    def texts(self, column: str) -> tuple[list[str | None], list[Status]]:
        """Return texts and statuses."""
        return read_texts(self.rows.column(column))

    def values(self, column: str) -> list[Any]:
        """Return the values of a column.

        Raises:
            ScoringError: A value has no form in JSON: text inside a nested one that is not UTF-8, or what
                neither Python nor Arrow can write out.
        """
        try:
            return json_ready(self.rows.column(column))
        except (OverflowError, TypeError, ValueError, pa.ArrowException) as error:
            last = self.first_row + len(self) - 1
            what = "values that cannot be written as text"
            if isinstance(error, UnicodeDecodeError):
                what = "lists or structures with text that is not UTF-8"
            raise ScoringError(
                f"{self.file.path}, rows {self.first_row} to {last}: column {column} holds {what} "
                f"({error}); correct them or drop the column"
            ) from error

    def records(self, text_column: str) -> list[Record]:
        """Return the rows."""
        names = self.rows.column_names
        columns = [self.values(name) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def table(self, schema: pa.Schema, text_column: str) -> pa.Table:
        """Return the rows as Arrow data."""
        return with_schema(self.rows.select(schema.names), schema)


def _text_of(row: Record | Malformed, column: str) -> tuple[str | None, Status]:
    return (None, "malformed_row") if isinstance(row, Malformed) else read_text(row.get(column))
