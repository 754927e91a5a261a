"""Reading an input: a first pass that learns what it holds, then blocks of rows in flat memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from escalate.errors import ScoringError
from escalate.scoring.blocks import Block
from escalate.scoring.files import TableFile

BLOCK_ROWS: Final = 1_000
"""Most rows of a block."""

BLOCK_SIZE: Final = 1 << 22
"""Characters or bytes after which a block ends before it has so many rows."""


@dataclass(frozen=True)
class Survey:
    """What a first pass over an input learned.

    Attributes:
        rows: Rows of all files, malformed ones included.
        schema: The columns with their types; those that only folder names tell come last.
        marked: Whether the input begins with the byte order mark of UTF-8, by which Excel knows it.
    """

    rows: int
    schema: pa.Schema
    marked: bool = False


class Source(ABC):
    """Files of one format, read one after the other.

    Attributes:
        files: The files in the order in which they are read.
        partition_names: Columns that the folders of any file tell; null in the rows of the others.
    """

    def __init__(self, files: Sequence[TableFile]) -> None:
        """Take the files in the order in which they are read."""
        self.files = files
        self.partition_names = list(dict.fromkeys(name for file in files for name in file.partitions))

    @abstractmethod
    def survey(self) -> Survey:
        """Count the rows and learn the columns.

        Raises:
            ScoringError: A file cannot be read, or its columns do not go with those of the others.
        """

    @abstractmethod
    def read_file(self, file: TableFile) -> Iterator[Block]:
        """Yield the rows of one file."""

    def blocks(self, limit: int | None = None) -> Iterator[Block]:
        """Yield the rows of all files, or the first ``limit``. The same input gives the same blocks.

        Raises:
            ScoringError: A file cannot be read.
        """
        for file in self.files:
            with reading(file):
                for block in self.read_file(file):
                    if limit is not None and limit <= len(block):
                        yield block.head(limit)
                        return
                    limit = None if limit is None else limit - len(block)
                    yield block

    def with_partitions(self, columns: Iterable[pa.Field]) -> pa.Schema:
        """Return the columns of the files and, as strings, those that only folder names tell."""
        schema = pa.schema(columns)
        for name in self.partition_names:
            if name not in schema.names:
                schema = schema.append(pa.field(name, pa.string()))
        return schema


@contextmanager
def reading(file: TableFile) -> Iterator[None]:
    """Turn what reading a file can raise into a ScoringError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise ScoringError(f"cannot read {file.path}: there is no such file") from error
    except (OSError, UnicodeError, pa.ArrowException) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "copy or export the file again"
        if isinstance(error, UnicodeError) and file.format != "parquet":
            remedy = "name another encoding with --encoding, such as utf-16-le"
        raise ScoringError(f"cannot read {file.path}: {cause}; {remedy}") from error


def refuse_duplicates(file: TableFile, names: Sequence[str]) -> None:
    """Refuse a file in which two columns have one name.

    Raises:
        ScoringError: There are such columns.
    """
    if names.count("") > 1:
        raise ScoringError(f"{file.path} has more than one column without a name; name them or take them out")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ScoringError(f"{file.path} has more than one column {', '.join(map(repr, twice))}; rename them")


def refuse_other_columns(first: TableFile, names: Sequence[str], file: TableFile, own: Sequence[str]) -> None:
    """Refuse a file whose columns, in whatever order, are not those of the first file.

    Raises:
        ScoringError: A column is missing or additional.
    """
    for kind, differing in (("lacks", set(names) - set(own)), ("also has", set(own) - set(names))):
        if differing:
            raise ScoringError(
                f"{file.path} {kind} the column {', '.join(map(repr, sorted(differing)))}, unlike "
                f"{first.path}; score such files on their own"
            )
