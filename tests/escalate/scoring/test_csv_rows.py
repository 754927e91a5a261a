from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate import ScoringError
from escalate.scoring.csv_rows import CsvFormat, Malformed, read_rows
from escalate.scoring.files import describe_file
from escalate.scoring.sinks import CsvSink

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.text(
    "ab,;|\t\"'\\ \r\n", max_size=12
)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)
LAYOUTS = st.sampled_from(
    [CsvFormat(","), CsvFormat(";"), CsvFormat("\t"), CsvFormat("|", "'"), CsvFormat(",", '"', "\\")]
)


def read(text: str, layout: CsvFormat | None = None) -> list[list[str] | Malformed]:
    lines = io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8", "surrogatepass", "")
    return list(read_rows(lines, layout or CsvFormat(), tabs=False))


def written(table: list[list[str]], layout: CsvFormat, **options: Any) -> str:
    text = io.StringIO(newline="")
    if layout.escape:
        options |= {"escapechar": layout.escape, "doublequote": False}
    csv.writer(text, delimiter=layout.delimiter or ",", quotechar=layout.quote, **options).writerows(table)
    return text.getvalue()


@given(TABLES, LAYOUTS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_was_written_is_read(
    table: list[list[str]], layout: CsvFormat, end: str, quote_all: bool
) -> None:
    # With its other line end Python's writer does not quote a carriage return.
    quoting = csv.QUOTE_ALL if quote_all or end == "\n" else csv.QUOTE_MINIMAL
    assert read(written(table, layout, lineterminator=end, quoting=quoting), layout) == table


BAD_LINES = st.sampled_from(
    ['x,"never closed', 'x,"closed" in the middle', "one", "one,two,three", 'one,"two",three', '"']
)


# Only behind cells like these is it sure where a quote that was never closed should have ended.
PLAIN_CELLS = st.text("abc אבג\n;\t", min_size=1, max_size=12).map(lambda text: f"x{text}")


@given(st.lists(st.lists(PLAIN_CELLS, min_size=2, max_size=2), min_size=1, max_size=5), BAD_LINES, st.data())
def test_a_bad_line_costs_no_other_row(table: list[list[str]], bad: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(table)))
    before, after = (
        written(rows, CsvFormat(), lineterminator="\n", quoting=csv.QUOTE_ALL)
        for rows in (table[:place], table[place:])
    )
    rows = read(f"a,b\n{before}{bad}\n{after}")
    assert rows == [["a", "b"], *table[:place], Malformed(bad), *table[place:]]


@given(st.text('a,"\n\r\\', max_size=60))
def test_no_character_vanishes(text: str) -> None:
    kept = "".join(row.raw if isinstance(row, Malformed) else "".join(row) for row in read("a,b\n" + text))
    for character in "a\\":
        # The header brings one more letter.
        assert kept.count(character) == text.count(character) + (character == "a")


def test_a_quote_that_swallows_too_much_gives_the_lines_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalate.scoring.csv_rows._LONGEST_RECORD", 50)
    lines = [f"{i},good" for i in range(30)]
    rows = read("a,b\n" + 'x,"open\n' + "\n".join(lines) + '\ny,"quoted"\n')
    assert rows[1] == Malformed('x,"open')
    assert rows[2:] == [[*line.split(",")] for line in [*lines, "y,quoted"]]


@given(TABLES)
def test_the_sink_writes_what_is_read(table: list[list[str]]) -> None:
    names = [f"c{i}" for i in range(len(table[0]))]
    columns = pa.schema([(name, pa.string()) for name in names])
    sink = CsvSink(describe_file(Path("out.csv")), columns, pa.schema([]), names[0], ",", marked=False)
    records = [dict(zip(names, row, strict=True)) for row in table]
    assert read(f"{','.join(names)}\n" + sink._lines(records, [{}] * len(records))) == [names, *table]


def test_blank_lines_are_rows_only_in_a_single_column() -> None:
    assert read("a,b\n\n1,2\n\n") == [["a", "b"], ["1", "2"]]
    assert read("a\n\nx\n") == [["a"], [""], ["x"]]


def test_a_cell_of_megabytes() -> None:
    long = "x" * 3_000_000
    assert read(f'a,b\n1,"{long}"\n') == [["a", "b"], ["1", long]]


def test_without_quotes_a_quote_is_a_letter() -> None:
    assert read('a|b\n"x|y"\n', CsvFormat("|", "")) == [["a", "b"], ['"x', 'y"']]


@pytest.mark.parametrize(
    "marks", [(";;", '"', ""), ("", '"', ""), (",", "''", ""), (",", ",", ""), ("\n", '"', "")]
)
def test_marks_that_are_not_one_character_each(marks: tuple[str, str, str]) -> None:
    with pytest.raises(ScoringError, match="character"):
        CsvFormat(*marks)
