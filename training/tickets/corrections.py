"""Feeds a corrected review back into the tickets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.errors import TicketsError
from training.files import whole_file, write_whole
from training.tickets.cells import wrong_cell
from training.tickets.columns import Columns
from training.tickets.csv_files import open_csv, write_csv
from training.tickets.reading import read_columns
from training.tickets.review import check_code, read_review
from training.tickets.tables import (
    CSV_ENDINGS,
    JSON_ENDINGS,
    PARQUET_ENDINGS,
    arrow_table,
)
from training.tickets.values import parse_label

Cells = Mapping[tuple[int, str], Any]
"""New values by row and column."""


def apply_review(source: str, columns: Columns, review: Path, out: Path) -> int:
    """Write the tickets with the labels that a review corrects; all other cells stay as they are.

    A label is written as the column writes it most often: ``no`` in a column of yes and no, the
    commonest score on the right side of the cut in a column of scores.

    Args:
        source: The tickets.
        columns: Which column holds what, as when the review was made.
        review: The review.
        out: The corrected tickets: CSV of CSV, JSON lines of JSON lines, else Parquet.

    Returns:
        How many labels changed.

    Raises:
        TicketsError: The review does not belong to the tickets, or a file cannot be used.
        FileError: ``out`` cannot be written.
    """
    write = _writer(source, out)
    corrections, codes = read_review(review, columns.encoding)
    table, found = read_columns(source, columns)
    position = {row: i for i, row in enumerate(table.rows)}
    for row, code in codes.items():
        if row not in position or check_code(str(table.columns[found["text"]][position[row]])) != code:
            raise TicketsError(f"{review} does not belong to {source}: row {row} has another text there")
    cells: dict[tuple[int, str], Any] = {}
    for output in dict.fromkeys(output for _, output in corrections):
        if output not in found:
            raise TicketsError(f"{source} has no column for {output}; name it as when the review was made")
        values = table.columns[found[output]]
        labels = []
        for row, value in zip(table.rows, values, strict=True):
            try:
                labels.append(parse_label(value, columns.cuts.get(output)))
            except ValueError as error:
                raise wrong_cell(source, row, found[output], value, str(error)) from None
        for (row, of), label in corrections.items():
            if of == output and labels[position[row]] != label:
                cells[row, found[output]] = _spelling(values, labels, label)
    write(source, columns, cells, out)
    return len(cells)


def _spelling(values: Sequence[Any], labels: Sequence[int | None], label: int | None) -> Any:
    """Return the commonest value of a column that means a label; None for no label."""
    if label is None:
        return None
    counts = Counter(value for value, meant in zip(values, labels, strict=True) if meant == label)
    return counts.most_common(1)[0][0] if counts else label


Write = Callable[[str, Columns, Cells, Path], None]


def _writer(source: str, out: Path) -> Write:
    """Return what writes tickets of this kind.

    Raises:
        TicketsError: ``out`` has the ending of another kind.
    """
    kinds: Sequence[tuple[Sequence[str], Write]] = (
        (CSV_ENDINGS, _write_csv),
        (JSON_ENDINGS, _write_json_lines),
        (PARQUET_ENDINGS, _write_parquet),
    )
    path = Path(source)
    ending = path.suffix.lower() if path.is_file() else PARQUET_ENDINGS[0]
    endings, write = next((kind for kind in kinds if ending in kind[0]), kinds[-1])
    if out.suffix.lower() not in endings:
        raise TicketsError(f"{out}: the corrected tickets of {source} end in {' or '.join(endings)}")
    return write


def _write_csv(source: str, columns: Columns, cells: Cells, out: Path) -> None:
    file = open_csv(Path(source), columns.encoding, columns.delimiter)

    def rows() -> Iterator[list[str]]:
        for row, values in file.rows:
            named = zip(file.names, values, strict=True)
            changed = [cells.get((row, name), value) for name, value in named]
            yield ["" if value is None else str(value) for value in changed]

    with whole_file(out) as temporary:
        write_csv(temporary, file.form, file.names, rows())


def _write_json_lines(source: str, columns: Columns, cells: Cells, out: Path) -> None:
    changes: dict[int, dict[str, Any]] = {}
    for (row, name), value in cells.items():
        changes.setdefault(row, {})[name] = value
    lines = Path(source).read_bytes().decode("utf-8").split("\n")
    for row, values in changes.items():
        data = json.loads(lines[row - 1].removeprefix("\ufeff"))
        changed = json.dumps(data | values, ensure_ascii=False)
        # Half a character, which UTF-8 cannot hold, stays the escape it was.
        lines[row - 1] = changed.encode("utf-8", "backslashreplace").decode("utf-8")
    write_whole(out, "\n".join(lines))


def _write_parquet(source: str, columns: Columns, cells: Cells, out: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = arrow_table(source)
    for name in {name for _, name in cells}:
        place = table.column_names.index(name)
        field = table.schema.field(place)
        values = table.column(place).to_pylist()
        for (row, column), value in cells.items():
            if column == name:
                values[row - 1] = value
        table = table.set_column(place, field, pyarrow.array(values, type=field.type))
    with whole_file(out) as temporary:
        pyarrow.parquet.write_table(table, temporary)
