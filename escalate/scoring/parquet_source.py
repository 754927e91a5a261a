"""Reading Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from escalate.errors import ScoringError
from escalate.scoring.blocks import Block, TableBlock
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

_READ_BYTES: Final = 1 << 20


class ParquetSource(Source):
    """Parquet files. All columns keep their types."""

    def survey(self) -> Survey:
        """Read the footers, which tell the rows and the columns."""
        rows = 0
        schema: pa.Schema | None = None
        for file in self.files:
            with reading(file), _open(file) as parquet:
                rows += parquet.metadata.num_rows
                own = parquet.schema_arrow
            refuse_duplicates(file, own.names)
            schema = own if schema is None else self._unified(schema, file, own)
        assert schema is not None  # there is at least one file
        return Survey(rows, self.with_partitions(schema).with_metadata(schema.metadata))

    def _unified(self, schema: pa.Schema, file: TableFile, own: pa.Schema) -> pa.Schema:
        refuse_other_columns(self.files[0], schema.names, file, own.names)
        try:
            return pa.unify_schemas([schema, own])
        except pa.ArrowException as error:
            raise ScoringError(
                f"{file.path} has other column types than {self.files[0].path} ({error}); "
                "score such files on their own"
            ) from error

    def read_file(self, file: TableFile) -> Iterator[Block]:
        """Yield the rows, so many at a time that a block has some megabytes at most."""
        first_row = 1
        with _open(file) as parquet:
            rows = _rows_in_block(parquet.metadata)
            for batch in parquet.iter_batches(batch_size=rows, use_threads=False):
                table = pa.Table.from_batches([batch])
                for name in self.partition_names:
                    if name not in table.column_names:
                        values = [file.partitions.get(name)] * len(batch)
                        table = table.append_column(name, pa.array(values, pa.string()))
                yield TableBlock(file, first_row, table)
                first_row += len(batch)


@contextmanager
def _open(file: TableFile) -> Iterator[pq.ParquetFile]:
    # Buffered pages instead of whole row groups keep memory flat; pyarrow takes no name that is not UTF-8.
    with (
        file.path.open("rb") as stream,
        pq.ParquetFile(stream, buffer_size=_READ_BYTES, pre_buffer=False) as parquet,
    ):
        yield parquet


def _rows_in_block(metadata: pq.FileMetaData) -> int:
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    return max(1, min(BLOCK_ROWS, int(BLOCK_SIZE * metadata.num_rows / max(1, size))))
