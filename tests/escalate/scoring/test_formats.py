from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import os
import re
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from escalate import Classifier, ScoringError, score_file
from escalate.scoring.answers import ANSWER_COLUMNS, answer_schema
from escalate.scoring.files import describe_file
from escalate.scoring.sinks import open_sink
from escalate.scoring.tally import months_in
from escalate.scoring.text_sources import JsonSource
from tests.escalate.scoring.tables import MESSAGES, read_any, rows_of, run_score, write_csv

ENDINGS = ("csv", "tsv", "jsonl", "parquet", "csv.gz", "csv.zst", "jsonl.gz", "jsonl.zst", "tsv.gz")


def without_answers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in ANSWER_COLUMNS} for row in rows]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", ("csv", None, False)),
        ("a.txt", ("csv", None, False)),
        ("a.tsv", ("csv", None, True)),
        ("a.tab", ("csv", None, True)),
        ("a.jsonl", ("json", None, False)),
        ("a.ndjson", ("json", None, False)),
        ("a.json", ("json", None, False)),
        ("a.parquet", ("parquet", None, False)),
        ("a.pq", ("parquet", None, False)),
        ("A.CSV.GZ", ("csv", "gzip", False)),
        ("A.Tab.Zst", ("csv", "zstd", True)),
        ("A.NDJSON", ("json", None, False)),
        ("2024.05.csv.2024.json.gz", ("json", "gzip", False)),
    ],
)
def test_the_ending_says_the_format(name: str, expected: tuple[str, str | None, bool]) -> None:
    file = describe_file(Path(name))
    assert (file.format, file.compression, file.tabs) == expected


@pytest.mark.parametrize("name", ["a", "a.gz", "gz", "a.csv.bz2", "a.xlsx", "csv"])
def test_other_endings_are_refused(name: str) -> None:
    with pytest.raises(ScoringError, match=r"no ending of a known format.*\.ndjson.*\.zst"):
        describe_file(Path(name))


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_goes_round(ending: str, tmp_path: Path, classifier: Classifier) -> None:
    rows = rows_of(40)
    rows[3]["text"] = 'two\nlines, a "quote"; and\ta tab'
    first, second = tmp_path / f"first.{ending}", tmp_path / "second.parquet"
    score_file(write_csv(tmp_path / "in.csv", rows), first)
    scored = read_any(first)
    assert without_answers(scored) == rows
    score_file(first, second, text_column="text", prefix="again_")
    for row, again in zip(scored, read_any(second), strict=True):
        expected = classifier.predict(row["text"])
        assert float(row["complexity"]) == again["again_complexity"] == expected.complexity
        assert row["action"] == again["again_action"] == expected.action
        reasons = row["reasons"] if isinstance(row["reasons"], list) else row["reasons"].split(";")
        assert [*filter(None, reasons)] == again["again_reasons"] == list(expected.reasons)
        assert row["status"] == again["again_status"] == "ok"


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    moment = datetime.datetime(2024, 5, 1, 12, 30, tzinfo=datetime.timezone.utc)
    table = pa.table(
        {
            "id": pa.array([7, None], pa.int16()),
            "when": pa.array([moment, None], pa.timestamp("ns", "UTC")),
            "price": pa.array([Decimal("1.20"), None], pa.decimal128(9, 2)),
            "tags": pa.array([["a", "b"], None], pa.list_(pa.string())),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "nothing": pa.array([[None, None], None]),
            "share": pa.array([float("nan"), 0.5], pa.float32()),
            "raw": pa.array([b"\xff\x00", None]),
            "took": pa.array([5_000_001, None], pa.duration("us")),
            "text": pa.array(["Where is it?", None], pa.large_string()),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", text_column="text")
    scored = pq.read_table(tmp_path / "out.parquet")
    assert scored.schema.names == [*table.schema.names, *ANSWER_COLUMNS]
    assert scored.select(table.schema.names).schema.types == table.schema.types
    assert str(scored.select(table.schema.names).to_pylist()) == str(table.to_pylist())
    assert scored["status"].to_pylist() == ["ok", "missing_text"]
    score_file(tmp_path / "in.parquet", tmp_path / "out.jsonl", text_column="text")
    row = read_any(tmp_path / "out.jsonl")[0]
    assert row["when"].startswith("2024-05-01 12:30:00")
    assert (row["id"], row["price"], row["tags"], row["kind"]) == (7, "1.20", ["a", "b"], "x")
    assert (row["share"], row["raw"]) == (None, "\\xff\x00")
    assert row["took"] == "0:00:05.000001"


def test_csv_cells_stay_as_they_are(tmp_path: Path) -> None:
    rows = [{"id": "007", "n": "1.50", "yes": "TRUE", "none": "NA", "text": m} for m in MESSAGES]
    score_file(write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    assert without_answers(read_any(tmp_path / "out.csv")) == rows


def test_json_keeps_objects_and_gives_parquet_types(tmp_path: Path) -> None:
    objects: list[dict[str, Any]] = [
        {"id": 2**60, "text": "Where is it?", "user": {"name": "a", "age": 3}, "score": 1},
        {"id": 2, "text": 5, "score": 0.5, "late": True},
        {"id": 3, "text": "When?", "user": None, "mixed": "x", "empty": {}},
        {"id": 4, "text": "Why?", "mixed": 1},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(o) + "\n" for o in objects), encoding="utf-8")
    score_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", text_column="text")
    scored = read_any(tmp_path / "out.jsonl")
    assert without_answers(scored) == objects
    assert [row["status"] for row in scored] == ["ok", "wrong_type", "ok", "ok"]
    score_file(tmp_path / "in.jsonl", tmp_path / "out.parquet", text_column="text")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("id").type == pa.int64()
    assert table.schema.field("score").type == pa.float64()
    assert table.schema.field("late").type == pa.bool_()
    assert table["id"].to_pylist()[0] == 2**60
    assert table["user"].to_pylist()[0] == {"name": "a", "age": 3}
    assert table["mixed"].to_pylist() == [None, None, "x", "1"]
    assert table["empty"].to_pylist()[2] == "{}"
    assert table["text"].to_pylist()[1] == "5"


def test_large_json_numbers_with_a_fraction_or_exponent_stay_numbers(tmp_path: Path) -> None:
    lines = ['{"text": "a b", "x": 1.5, "n": 1}', '{"text": "c d", "x": 1e20, "n": 100000000000000000000}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    score_file(tmp_path / "in.jsonl", tmp_path / "out.parquet", text_column="text")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["x"].to_pylist() == [1.5, 1e20]
    assert table["n"].to_pylist() == ["1", "1" + 20 * "0"]  # no integer type of Parquet holds these


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("cp1255", "אני רוצה לדבר עם נציג"),
        ("cp1256", "أريد التحدث مع موظف"),
        ("cp1250", "Chci mluvit s člověkem a je to příšerné"),
        ("utf-8-sig", "אני רוצה לדבר עם נציג"),
        ("utf-8", "أريد التحدث مع موظف"),
        ("utf-16", "Chci mluvit s člověkem"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_encodings(encoding: str, message: str, ending: str, tmp_path: Path, classifier: Classifier) -> None:
    source = tmp_path / f"in.{ending}"
    text = f"text\n{message}\n" if ending == "csv" else json.dumps({"text": message}, ensure_ascii=False)
    source.write_bytes(text.encode(encoding))
    score_file(source, tmp_path / "out.jsonl", encoding="utf-8" if "utf-8" in encoding else encoding)
    row = read_any(tmp_path / "out.jsonl")[0]
    assert row["text"] == message
    assert row["action"] == classifier.predict(message).action


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "U8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_a_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("id,text\n1,one two\n".encode("utf-8-sig"))
    score_file(tmp_path / "in.csv", tmp_path / "out.jsonl", text_column="text", encoding=name)
    assert read_any(tmp_path / "out.jsonl")[0]["id"] == "1"


def test_bad_rows_keep_their_place_and_content(tmp_path: Path) -> None:
    lines = [
        b"id,text",
        b'1,"good\nin two lines"',
        b"2,too,many",
        b"few",
        b"4,bytes \xff\xfe here",
        b"5,",
        b'6,"never closed',
        b"\xff,good again",
        b"8,the end",
    ]
    (tmp_path / "in.csv").write_bytes(b"\n".join(lines))
    texts = [
        "good\nin two lines",
        "2,too,many",
        "few",
        "bytes \\xff\\xfe here",
        "",
        '6,"never closed',
        "good again",
        "the end",
    ]
    statuses = ["ok", *["malformed_row"] * 2, "broken_encoding", "missing_text", "malformed_row", "ok", "ok"]
    for ending in ("csv", "jsonl", "parquet"):
        output = tmp_path / f"out.{ending}"
        summary = score_file(tmp_path / "in.csv", output, text_column="text", id_column="id")
        rows = read_any(output)
        assert [row["text"] for row in rows] == texts
        assert [row["status"] for row in rows] == statuses
        assert [row.get("id") or None for row in rows] == ["1", None, None, "4", "5", None, "\\xff", "8"]
        assert summary.tally.statuses == {s: statuses.count(s) for s in statuses}
        assert [(bad.row, bad.id) for bad in summary.tally.bad_rows] == [
            (2, None),
            (3, None),
            (4, "4"),
            (5, "5"),
            (6, None),
        ]


@pytest.mark.parametrize("options", [{}, {"text_column": "text"}])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "1,hello where is my parcel,\n" * 3,
            "in.csv has as many cells as the header (2); the first has 3: let header",
        ),
        ('"1,5",hello,"two\nlines"\nfew\n', "the first has 3"),
        ("hello where is my parcel\n", "the first has 1"),
        ('1,"hello where\n2,"is my\n', "the first has a quote in a wrong place"),
    ],
)
def test_csv_of_malformed_rows_only_is_refused(
    rows: str, message: str, options: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text(f"id,text\n{rows}", encoding="utf-8")
    with pytest.raises(ScoringError, match=re.escape(message)):
        score_file(tmp_path / "in.csv", tmp_path / "out.csv", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_bad_json_lines_keep_their_place_and_content(tmp_path: Path) -> None:
    lines = [
        b'{"id": 1, "text": "good"}',
        b'{"id": 2, "text": "cut',
        b"[1, 2]",
        b'{"id": 4}',
        b'{"id": 5, "text": "\xff"}',
        b'{"id": NaN, "text": "no JSON"}',
        b'{"id": 1e999, "text": "no number"}',
        b'{"id": 8, "text": "half \\ud83d"}',
        b"[" * 100_000,
        b'{"id": 10, "text": ["a"]}',
        b"",
        b'{"id": 11, "text": "the end"}',
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    statuses = [
        "ok",
        *["malformed_row"] * 2,
        "missing_text",
        "broken_encoding",
        *["malformed_row"] * 2,
        "broken_encoding",
        "malformed_row",
        "wrong_type",
        "ok",
    ]
    for ending in ("jsonl", "parquet", "csv"):
        score_file(tmp_path / "in.jsonl", tmp_path / f"out.{ending}", text_column="text")
        rows = read_any(tmp_path / f"out.{ending}")
        assert [row["status"] for row in rows] == statuses
        assert rows[1]["text"] == lines[1].decode()
        assert rows[4]["text"] == "\\xff"
        assert rows[7]["text"] == "half \\ud83d"


@pytest.mark.parametrize("wrapped", ["[{}]", '{{"a": {}}}', '[{{"a": {}}}]'])
def test_json_lines_nested_too_deep_cost_one_row(wrapped: str, tmp_path: Path) -> None:
    def nested(levels: int) -> str:
        value = "1"
        while value.count("[") + value.count("{") < levels:
            value = wrapped.format(value)
        return value

    # One level more with the brackets of the row itself; the reader of JSON bears even 900.
    values = [nested(46), nested(48), nested(120), nested(900)]
    lines = [f'{{"text": "Where is it?", "x": {value}}}' for value in values]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for ending in ("parquet", "jsonl", "csv"):
        score_file(tmp_path / "in.jsonl", tmp_path / f"out.{ending}", text_column="text")
        rows = read_any(tmp_path / f"out.{ending}")
        assert [row["status"] for row in rows] == ["ok", *["malformed_row"] * 3]
        assert [row["text"] for row in rows] == ["Where is it?", *lines[1:]]


def test_names_and_ids_that_do_not_fit_the_encoding(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes("id,הודעה,text\nא,ב,\n2,ג,Where is it?\n".encode("cp1255"))
    name = "".join(f"\\x{byte:02x}" for byte in "הודעה".encode("cp1255"))
    for ending in ("csv", "jsonl", "parquet"):
        output, report = tmp_path / f"out.{ending}", tmp_path / ending
        score_file(source, output, text_column="text", id_column="id", report=report)
        assert [row[name] for row in read_any(output)] == ["\\xe1", "\\xe2"]
        assert "row 1 (id \\xe0): missing_text" in (report / "REPORT.md").read_text(encoding="utf-8")
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "Where is it?", "\xff": 1}\n{"\\ud83d": 2}\n')
    score_file(tmp_path / "in.jsonl", tmp_path / "keys.parquet", text_column="text")
    rows = read_any(tmp_path / "keys.parquet")
    assert [(row["\\xff"], row["\\ud83d"], row["status"]) for row in rows] == [
        (1, None, "ok"),
        (None, 2, "missing_text"),
    ]


def test_half_a_surrogate_pair_in_utf_16_costs_one_row(tmp_path: Path) -> None:
    data = "id,text\n1,one two\n2,".encode("utf-16") + b"\x3d\xd8" + "\n3,three\n".encode("utf-16-le")
    (tmp_path / "in.csv").write_bytes(data)
    score_file(tmp_path / "in.csv", tmp_path / "out.csv", text_column="text", encoding="utf-16")
    rows = read_any(tmp_path / "out.csv")
    assert [(row["text"], row["status"]) for row in rows] == [
        ("one two", "ok"),
        ("\\x3d\\xd8", "broken_encoding"),
        ("three", "ok"),
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_utf_16_without_a_byte_order_mark_is_refused(ending: str, tmp_path: Path) -> None:
    source = tmp_path / f"in.{ending}"
    source.write_bytes("text\nWhere is it?\n".encode("utf-16-le"))
    with pytest.raises(ScoringError, match=rf"in\.{ending}: .*BOM; name another encoding .* utf-16-le"):
        score_file(source, tmp_path / "out.csv", text_column="text", encoding="utf-16")
    if ending == "csv":
        score_file(source, tmp_path / "out.csv", encoding="utf-16-le")
        assert read_any(tmp_path / "out.csv")[0]["text"] == "Where is it?"


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
@pytest.mark.parametrize("ending", ["csv", "jsonl.gz", "csv.zst", "parquet"])
def test_file_names_that_are_not_utf_8(ending: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv", [*rows_of(20), {"id": "20", "day": "", "text": ""}])
    source, output = (tmp_path / os.fsdecode(f"{n}-הודעה.{ending}".encode("cp1255")) for n in ("in", "out"))
    score_file(tmp_path / "rows.csv", source)
    report = tmp_path / "report"
    score_file(source, output, text_column="text", prefix="x_", report=report)
    assert [row["x_status"] for row in read_any(output)] == [*["ok"] * 20, "missing_text"]
    assert "# Scores of out-\\xe4\\xe5" in (report / "REPORT.md").read_text(encoding="utf-8")
    if ending == "csv":
        again = run_score(source, output)
        assert again.returncode == 1
        assert "exists; replace it with --overwrite" in again.stderr


def test_an_empty_text_is_missing_in_every_format(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"text": "", "id": "1"}])
    (tmp_path / "a.jsonl").write_text('{"id": 1, "text": ""}\n', encoding="utf-8")
    pq.write_table(pa.table({"text": [""]}), tmp_path / "a.parquet")
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        score_file(tmp_path / name, tmp_path / f"{name}.out.jsonl", text_column="text")
        assert read_any(tmp_path / f"{name}.out.jsonl")[0]["status"] == "missing_text"


def test_a_folder_with_partitions(tmp_path: Path) -> None:
    for year in ("2023", "2024"):
        for shop in ("a%2Fb", "__HIVE_DEFAULT_PARTITION__"):
            folder = tmp_path / "tickets" / f"year={year}" / f"shop={shop}"
            folder.mkdir(parents=True)
            pq.write_table(pa.table({"text": [f"Where is it {year}?"]}), folder / "part-0.parquet")
    (tmp_path / "tickets" / "_SUCCESS").touch()
    (tmp_path / "tickets" / ".part-0.parquet.crc").write_bytes(b"x")
    score_file(tmp_path / "tickets", tmp_path / "out.parquet", text_column="text")
    rows = [(row["text"], row["year"], row["shop"]) for row in read_any(tmp_path / "out.parquet")]
    assert sorted(rows, key=str) == sorted(
        [(f"Where is it {year}?", year, shop) for year in ("2023", "2024") for shop in ("a/b", None)], key=str
    )
    pattern = tmp_path / "tickets" / "year=2024" / "*" / "*.parquet"
    score_file(pattern, tmp_path / "one.csv", text_column="text")
    assert len(read_any(tmp_path / "one.csv")) == 2


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_only_some_files_are_in_a_partition(ending: str, tmp_path: Path) -> None:
    (tmp_path / "mixed" / "year=2024-05").mkdir(parents=True)
    for name in (f"year=2024-05/a.{ending}", f"z.{ending}"):
        score_file(write_csv(tmp_path / "in.csv", rows_of(1)), tmp_path / "mixed" / name, prefix="x_")
    for output in ("out.parquet", "out.jsonl", "out.csv"):
        summary = score_file(tmp_path / "mixed", tmp_path / output, text_column="text", time_column="year")
        assert [row.get("year") or None for row in read_any(tmp_path / output)] == ["2024-05", None]
        assert months_in(summary.tally) == ["2024-05", "unknown"]


def test_files_of_a_folder_may_order_columns_differently(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id,text\n1,one\n", encoding="utf-8")
    (tmp_path / "in" / "b.csv").write_text("text,id\ntwo,2\n", encoding="utf-8")
    score_file(tmp_path / "in", tmp_path / "out.jsonl", text_column="text")
    assert [(row["id"], row["text"]) for row in read_any(tmp_path / "out.jsonl")] == [
        ("1", "one"),
        ("2", "two"),
    ]
    (tmp_path / "in" / "c.csv").write_text("text,number\nthree,3\n", encoding="utf-8")
    with pytest.raises(ScoringError, match=r"c\.csv lacks the column 'id'"):
        score_file(tmp_path / "in", tmp_path / "more.jsonl", text_column="text")


@pytest.mark.parametrize("names", [("a.csv", "b.jsonl"), ("a.parquet", "b.tsv.gz")])
def test_files_of_different_formats_are_refused(names: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / name).touch()
    with pytest.raises(ScoringError, match=rf"{names[0]} and .*{names[1]}, which differ in format"):
        score_file(tmp_path / "in", tmp_path / "out.csv", text_column="text")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_parquet_files_of_other_column_types_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, number in (("a", 1), ("b", "1")):
        table = pa.table({"text": ["Where is it?"], "number": [number]})
        pq.write_table(table, tmp_path / "in" / f"{name}.parquet")
    with pytest.raises(ScoringError, match=r"b\.parquet has other column types than .*a\.parquet .*number"):
        score_file(tmp_path / "in", tmp_path / "out.csv", text_column="text")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_delimiter_of_ones_own_goes_into_the_output(tmp_path: Path) -> None:
    rows = rows_of(3)
    rows[1]["text"] = "It isn't here; where is it?"
    layout: dict[str, Any] = {"delimiter": ";", "quotechar": "'", "quoting": csv.QUOTE_ALL}
    source = write_csv(tmp_path / "in.csv", rows, **layout)
    score_file(source, tmp_path / "out.csv", delimiter=";", quote="'")
    written = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert written.startswith("id;day;text;complexity;")
    scored = list(csv.DictReader(io.StringIO(written, newline=""), delimiter=";"))
    assert without_answers(scored) == rows
    assert [row["status"] for row in scored] == ["ok"] * 3


def test_an_escape_of_ones_own(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text('id,text\n1,"say \\"no\\", then \\\\ go"\n2,one\\, two\n', encoding="utf-8")
    score_file(source, tmp_path / "out.jsonl", text_column="text", escape="\\")
    rows = read_any(tmp_path / "out.jsonl")
    assert [row["text"] for row in rows] == ['say "no", then \\ go', "one, two"]
    assert [row["status"] for row in rows] == ["ok", "ok"]


def test_marks_of_ones_own_on_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id;text\n1;'it\\'s late; why?'\n2;'it''s \"here\"'\n", encoding="utf-8")
    marks = ("--delimiter", ";", "--quote", "'", "--escape", "\\")
    finished = run_score(source, tmp_path / "out.jsonl", "--text-column", "text", *marks)
    assert finished.returncode == 0, finished.stderr
    rows = read_any(tmp_path / "out.jsonl")
    assert [row["text"] for row in rows] == ["it's late; why?", 'it\'s "here"']
    assert [row["status"] for row in rows] == ["ok", "ok"]


def test_a_file_of_no_rows(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n", encoding="utf-8")
    for ending in ("csv", "jsonl", "parquet"):
        summary = score_file(tmp_path / "in.csv", tmp_path / f"out.{ending}", text_column="text")
        assert summary.tally.rows == 0
        assert read_any(tmp_path / f"out.{ending}") == []
    assert pq.read_schema(tmp_path / "out.parquet").names == ["id", "text", *ANSWER_COLUMNS]


def test_a_limit_counts_over_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "c"):
        write_csv(tmp_path / "in" / f"{name}.csv", rows_of(5))
    summary = score_file(tmp_path / "in", tmp_path / "out.csv", limit=7)
    assert summary.tally.rows == len(read_any(tmp_path / "out.csv")) == 7


def test_parquet_rows_beyond_the_first_block_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escalate.scoring.parquet_source.BLOCK_ROWS", 10)
    rows = [
        {**row, "text": None if row["id"] in ("00026", "00032", "00037") else row["text"]}
        for row in rows_of(40)
    ]
    source = tmp_path / "in.parquet"
    pq.write_table(pa.Table.from_pylist(rows), source, row_group_size=16)
    options: dict[str, Any] = {"text_column": "text", "id_column": "id"}
    summary = score_file(source, tmp_path / "out.csv", limit=35, **options)
    assert [row["id"] for row in read_any(tmp_path / "out.csv")] == [row["id"] for row in rows[:35]]
    assert [(bad.row, bad.id) for bad in summary.tally.bad_rows] == [(27, "00026"), (33, "00032")]
    with pytest.raises(ScoringError, match=r"in\.parquet, row 27 \(id 00026\): missing_text"):
        score_file(source, tmp_path / "strict.csv", strict=True, **options)


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_compressed_in_several_streams(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"in.csv.{ending}"
    for data in (b"id,text\n1,one\n", b"2,two\n"):
        piece = pa.compress(data, codec="zstd", asbytes=True) if ending == "zst" else gzip.compress(data)
        path.write_bytes((path.read_bytes() if path.exists() else b"") + piece)
    score_file(path, tmp_path / "out.csv", text_column="text")
    assert [row["text"] for row in read_any(tmp_path / "out.csv")] == ["one", "two"]


@pytest.mark.parametrize("cut", [0.5, 0.9])
@pytest.mark.parametrize("name", ["in.csv.gz", "in.jsonl.zst", "in.parquet"])
def test_a_file_cut_short_is_named(name: str, cut: float, tmp_path: Path) -> None:
    score_file(write_csv(tmp_path / "rows.csv", rows_of(200)), tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(cut * len(data))])
    with pytest.raises(ScoringError, match=name):
        score_file(tmp_path / name, tmp_path / "out.csv", text_column="text", prefix="x_")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"text": "Where is it?"}]', "in.json is a JSON array; put one object into each line"),
        ('[\n{"text": "Where is it?"},\n{"text": "When?"}\n]\n', "in.json is a JSON array"),
        ('{\n  "text": "Where is it?"\n}\n', "in.json can be read as a JSON object: put one object"),
        ('{"text": "Where is it?", "price": NaN}\n', "without NaN"),
    ],
)
def test_json_that_is_not_one_object_a_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(text, encoding="utf-8")
    with pytest.raises(ScoringError, match=re.escape(message)):
        score_file(tmp_path / "in.json", tmp_path / "out.csv", text_column="text")


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("ns", 5_000_000_001, "0:00:05.000000001"),
        ("us", -5_500_000, "-0:00:05.5"),
        ("ms", 90_000_000, "25:00:00"),
        ("s", 10**13, "2777777777:46:40"),
    ],
)
def test_durations_become_text_in_full(unit: str, value: int, text: str, tmp_path: Path) -> None:
    took = pa.array([value, None], pa.duration(unit))
    pq.write_table(pa.table({"text": MESSAGES[:2], "took": took}), tmp_path / "in.parquet")
    score_file(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    assert [row["took"] for row in read_any(tmp_path / "out.jsonl")] == [text, None]


def test_broken_strings_in_parquet(tmp_path: Path) -> None:
    broken = pa.StringArray.from_buffers(
        2, pa.py_buffer(b"\0\0\0\0\2\0\0\0\5\0\0\0"), pa.py_buffer(b"\xff\xfeyes")
    )
    pq.write_table(pa.table({"note": broken, "text": broken}), tmp_path / "in.parquet")
    for ending in ("jsonl", "csv"):
        score_file(tmp_path / "in.parquet", tmp_path / f"out.{ending}", text_column="text")
        rows = read_any(tmp_path / f"out.{ending}")
        assert [(row["note"], row["status"]) for row in rows] == [
            ("\\xff\\xfe", "broken_encoding"),
            ("yes", "ok"),
        ]


def test_broken_strings_inside_lists_in_parquet_name_their_column(tmp_path: Path) -> None:
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
    lists = pa.ListArray.from_arrays(pa.array([0, 0, 1], pa.int32()), broken)
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"tags": lists, "text": MESSAGES[:2]}), source)
    score_file(source, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["tags"].chunk(0).equals(lists)
    with pytest.raises(ScoringError, match=r"in\.parquet, rows 1 to 2: column tags holds .* not UTF-8"):
        score_file(source, tmp_path / "out.jsonl")
    with pytest.raises(ScoringError, match="column tags"):
        score_file(source, tmp_path / "more.parquet", time_column="tags")


@pytest.mark.parametrize(
    ("odd", "cause"),
    [
        (pa.array([[{"when": 2**60}]], pa.list_(pa.struct({"when": pa.timestamp("us")}))), "out of range"),
        (pa.array([{"day": 10**8}], pa.struct({"day": pa.date32()})), "out of range"),
        (pa.array([0], pa.timestamp("us", "Moon/Base")), "Moon/Base"),
    ],
    ids=["far time in a list", "far day in a structure", "unknown time zone"],
)
def test_parquet_values_that_have_no_text_name_their_column(
    odd: pa.Array, cause: str, tmp_path: Path
) -> None:
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"odd": odd, "text": MESSAGES[:1]}), source)
    for ending in ("jsonl", "csv"):
        with pytest.raises(ScoringError, match=rf"rows 1 to 1: column odd holds values .*{cause}.*; correct"):
            score_file(source, tmp_path / f"out.{ending}", text_column="text")
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]
    score_file(source, tmp_path / "out.parquet", text_column="text")
    assert pq.read_table(tmp_path / "out.parquet")["odd"].chunk(0).equals(odd)


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="needs a pyarrow that knows UUIDs")
def test_what_json_does_not_know_inside_a_structure_becomes_text(tmp_path: Path) -> None:
    key = uuid.UUID(int=7)
    nested = pa.StructArray.from_arrays([pa.array([key.bytes], pa.uuid())], ["key"])
    pq.write_table(pa.table({"nested": nested, "text": MESSAGES[:1]}), tmp_path / "in.parquet")
    score_file(tmp_path / "in.parquet", tmp_path / "out.jsonl", text_column="text")
    assert read_any(tmp_path / "out.jsonl")[0]["nested"] == {"key": str(key)}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "text"]), VALUES), min_size=1, max_size=6))
@example([{"a": [None, None]}])
def test_any_json_objects_can_be_written(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("json")
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    source = JsonSource([describe_file(folder / "in.jsonl")], "utf-8")
    survey = source.survey()
    columns = survey.schema
    if "text" in columns.names:
        columns = columns.set(columns.get_field_index("text"), pa.field("text", pa.string()))
    added = pa.RecordBatch.from_pylist([{}] * len(rows), schema=answer_schema())
    for ending in ("jsonl", "parquet", "csv"):
        output = describe_file(folder / f"out.{ending}")
        sink = open_sink(output, columns, answer_schema(), "text", ",", marked=False)
        sink.write_part(folder / "part", [(block, added) for block in source.blocks()])
        sink.join(sink.file.path, [folder / "part"])
        written = read_any(sink.file.path)
        assert len(written) == len(rows) == survey.rows
        if ending == "jsonl":
            assert without_answers(written) == rows
