"""Tables of any kind that tickets come in: CSV, JSON lines, Parquet, ``datasets`` folders and hub ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from training.errors import TicketsError
from training.tickets.csv_files import read_csv

if TYPE_CHECKING:
    import pyarrow

CSV_ENDINGS: Final = (".csv", ".tsv", ".txt")
JSON_ENDINGS: Final = (".jsonl", ".ndjson", ".json")
PARQUET_ENDINGS: Final = (".parquet", ".pq")

_MOST_COLUMNS: Final = 10_000
_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_KNOWN: Final = ".csv, .jsonl or .parquet file, a folder that `datasets` reads, or a hub id owner/name"

Choose = Callable[[Sequence[str]], Sequence[str]]
"""Takes the names of all columns and returns those to read."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one source.

    Attributes:
        rows: The number of each row, as ``Tickets.rows`` counts.
        columns: The values of the chosen columns by name; None is no value.
    """

    rows: Sequence[int]
    columns: Mapping[str, Sequence[Any]]

    def part(self, wanted: Sequence[bool]) -> Table:
        """Return the wanted rows."""
        columns = {name: list(compress(values, wanted)) for name, values in self.columns.items()}
        return Table(list(compress(self.rows, wanted)), columns)


def read_table(
    source: str | Path, choose: Choose, encoding: str | None = None, delimiter: str | None = None
) -> Table:
    """Read columns of a source.

    Args:
        source: A file, a folder, or a hub id where there is no such path.
        choose: Picks the columns.
        encoding: Encoding of a CSV file without a byte order mark, None for UTF-8.
        delimiter: Of a CSV file, None to see it in the first row.

    Raises:
        TicketsError: The source cannot be read or is no table.
    """
    path = Path(source)
    if path.is_dir():
        return _from_arrow(source, choose)
    ending = path.suffix.lower()
    if path.is_file():
        if ending in CSV_ENDINGS:
            return Table(*read_csv(path, choose, encoding, delimiter))
        if ending in JSON_ENDINGS:
            return _read_json_lines(path, choose)
        if ending in PARQUET_ENDINGS:
            return _from_arrow(source, choose)
        raise TicketsError(f"{path} is of an unknown kind; give a {_KNOWN}")
    if ending in (*CSV_ENDINGS, *JSON_ENDINGS, *PARQUET_ENDINGS) or not _HUB_ID.fullmatch(str(source)):
        raise TicketsError(f"there is no {source}; give a {_KNOWN}")
    return _from_arrow(source, choose)


def json_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the objects of a JSON-lines file with the numbers of their lines.

    Raises:
        TicketsError: The file cannot be read or a line is no JSON object.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise TicketsError(f"cannot read {path}: {error.strerror}") from error
    objects = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            raise TicketsError(f"{path} row {number} is not UTF-8; save the file as UTF-8") from None
        except ValueError:
            raise TicketsError(f"{path} row {number} is not JSON; put one object into each line") from None
        if not isinstance(data, dict):
            raise TicketsError(f"{path} row {number} is not a JSON object; put one object into each line")
        objects.append((number, data))
    return objects


def arrow_table(source: str | Path) -> pyarrow.Table:
    """Return a Parquet file, a ``datasets`` folder or a hub id as one table; splits follow each other.

    Raises:
        TicketsError: It cannot be read.
    """
    import pyarrow

    path = Path(source)
    try:
        if path.is_file():
            import pyarrow.parquet

            return pyarrow.parquet.read_table(path)
        return _dataset_table(source)
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
        reason = str(error).split("\n")[0] or type(error).__name__
        where = "it" if path.exists() else f"there is no such path, and the hub id {source}"
        raise TicketsError(f"{source}: {where} cannot be read ({reason}); give a {_KNOWN}") from error


def _dataset_table(source: str | Path) -> pyarrow.Table:
    import datasets
    import pyarrow

    folder = Path(source)
    try:
        if any((folder / name).is_file() for name in ("state.json", "dataset_dict.json")):
            loaded = datasets.load_from_disk(str(folder))
        else:
            # Of a folder the whole path: "csv" and "json" alone are names of readers in `datasets`.
            name = str(folder.absolute() if folder.is_dir() else source)
            loaded = datasets.load_dataset(name, **_csv_options(name))
    except datasets.exceptions.DatasetsError as error:
        raise ValueError(str(error.__cause__ or error)) from error
    parts = list(loaded.values()) if isinstance(loaded, dict) else [loaded]
    # A dataset that was filtered or shuffled keeps its rows in place and only lists them in order.
    return pyarrow.concat_tables([part.flatten_indices().data.table for part in parts])


def _csv_options(name: str) -> dict[str, Any]:
    """Return what keeps the cells of CSV files as they are written; nothing for other kinds of files.

    Else "None" and "n/a" would be no texts, and the id 007 the number 7.
    """
    import datasets
    from datasets.packaged_modules.csv.csv import CsvConfig

    if not isinstance(datasets.load_dataset_builder(name).config, CsvConfig):
        return {}
    # By number, since the names of the columns are not known before the files are read.
    return {"converters": dict.fromkeys(range(_MOST_COLUMNS), str), "keep_default_na": False}


def _from_arrow(source: str | Path, choose: Choose) -> Table:
    table = arrow_table(source)
    columns = {name: _values(source, name, table.column(name)) for name in choose(table.column_names)}
    return Table(range(1, len(table) + 1), columns)


def _values(source: str | Path, name: str, column: pyarrow.ChunkedArray) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError as error:
        raise TicketsError(
            f"{source}: column {name!r} has text that is not UTF-8 ({error}); write the file again, "
            "with its right encoding"
        ) from None


def _read_json_lines(path: Path, choose: Choose) -> Table:
    objects = json_lines(path)
    names = dict.fromkeys(name for _, data in objects for name in data)
    if not objects:
        raise TicketsError(f"{path} is empty")
    chosen = choose(list(names))
    return Table(
        [number for number, _ in objects],
        {name: [_without_halves(data.get(name)) for _, data in objects] for name in chosen},
    )


def _without_halves(value: Any) -> Any:
    """Return a value that UTF-8 can hold: JSON can escape half a character, as a text cut short has it."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
